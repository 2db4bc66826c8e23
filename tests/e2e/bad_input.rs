//! Arguments that make no sense: one line that names the flag, and exit code 2.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::operator::without_proxies;

#[test]
fn every_bad_argument_is_one_line_that_names_its_flag() {
    let cases = [
        ("--heygen-base-url", "http://api.heygen.com"),
        ("--heygen-base-url", "api.heygen.com"),
        ("--heygen-base-url", "https://user:hg_secret@api.heygen.com"),
        ("--heygen-base-url", "https://api.heygen.com/?x=1"),
        ("--allow-insecure-base-url", "perhaps"),
        ("--ca-bundle", "/nowhere/ca.pem"),
        ("--ca-bundle", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
        ("--ca-bundle", env!("CARGO_MANIFEST_DIR")),
        ("--ca-bundle", ""),
        ("--proxy-folder", "/nowhere/proxies"),
        ("--proxy-folder", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
        // A folder, and nothing in it is called as a variable.
        ("--proxy-folder", concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        ("--proxy-folder", ""),
        ("--operator-namespace", "Upper"),
        ("--watch-namespaces", "a,,b"),
        ("--watch-namespaces", " "),
        ("--watch-label-selector", ""),
        ("--concurrency", "0"),
        ("--concurrency", "many"),
        ("--concurrency", "65537"),
        ("--leader-elect", "maybe"),
        ("--listen", "8080"),
        ("--listen", "localhost:http"),
        ("--debug-listen", "0.0.0.0:8081"),
        ("--debug-listen", "none"),
        ("--shutdown-grace", "soon"),
        ("--audit-log", ""),
        ("--audit-log", "/var/log/"),
        ("--log-format", "xml"),
        ("--log-filter", "a=b=c"),
        ("--log-filter", ""),
        ("--no-such-flag", "1"),
    ];
    for (flag, value) in cases {
        let output = run(&[&format!("{flag}={value}")]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag}={value}: {said}");
        assert_eq!(said.lines().count(), 1, "{flag}={value}: {said}");
        assert!(said.starts_with("error: ") && said.contains(flag), "{flag}={value}: {said}");
        assert!(!["--ca-bundle", "--proxy-folder"].contains(&flag) || said.contains(value), "the file is not named: {said}");
        assert!(!said.contains("hg_secret"), "a password is not repeated");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_bad_environment_variable_is_told_like_a_bad_flag() {
    let output = command(&[]).env("TWINCONSENT_CONCURRENCY", "0").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("--concurrency"), "{said}");
}

/// Each of these was passed over without a word, and HeyGen asked directly.
#[test]
fn a_proxy_that_cannot_be_used_ends_the_start_with_one_line_that_names_its_variable() {
    for variable in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        for value in [
            "ftp://user:hg_secret@proxy.corp:3128",
            "socks4://user:hg_secret@proxy.corp:1080",
            "http://user:hg_secret#1@proxy.corp:3128",
            "http://user:1#hg_secret@proxy.corp:3128",
            "http://user:hg_secret/1@proxy.corp:3128",
            "http://user:hg_secret@proxy.corp:port",
            "http://user:hg_secret@",
            " ",
        ] {
            // One that works does not make up for it.
            for (other, proxy) in [("HTTPS_PROXY", "http://127.0.0.1:1"), ("OTHER", "")] {
                let output = command(&["--listen=127.0.0.1:0"]).env(other, proxy).env(variable, value).output().unwrap();
                let said = String::from_utf8(output.stderr).unwrap();
                assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{variable}={value}: {said}");
                assert!(said.starts_with(&format!("error: {variable}: ")), "{variable}={value}: {said}");
                assert!(!said.contains("hg_secret") && !said.contains("proxy.corp"), "{variable}={value}: {said}");
            }
        }
    }
}

#[test]
fn a_folder_that_names_no_proxy_ends_the_start_also_beside_a_variable_that_names_one() {
    for (file, content, shown) in [
        ("https-proxy", "http://user:hg_secret@proxy.corp:3128", "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"),
        ("HTTPS_PROXY", "", "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"),
        ("HTTPS_PROXY", "\n", "HTTPS_PROXY: is blank"),
        ("ALL_PROXY", "socks4://user:hg_secret@proxy.corp", "ALL_PROXY: must begin with"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), content).unwrap();
        let argument = format!("--proxy-folder={}", folder.path().display());
        for (variable, proxy) in [("HTTPS_PROXY", "http://127.0.0.1:1"), ("OTHER", "")] {
            let output = command(&["--listen=127.0.0.1:0", &argument]).env(variable, proxy).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{file}={content:?}: {said}");
            assert!(said.starts_with("error: --proxy-folder: ") && said.contains(shown), "{file}={content:?}: {said}");
            assert!(!said.contains("hg_secret") && !said.contains("proxy.corp"), "{said}");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_told_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run(&[&format!("--listen={}", taken.local_addr().unwrap())]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("--listen") && said.contains(&taken.local_addr().unwrap().to_string()), "{said}");
}

#[test]
fn without_any_kubeconfig_the_operator_says_what_to_set_in_one_line() {
    let nowhere = tempfile::tempdir().unwrap();
    for kubeconfig in [Some(nowhere.path().join("missing")), None] {
        let mut command = command(&["--listen=127.0.0.1:0"]);
        command.env("HOME", nowhere.path()).env_remove("KUBERNETES_SERVICE_HOST").env_remove("KUBECONFIG");
        if let Some(path) = kubeconfig {
            command.env("KUBECONFIG", path);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.starts_with("error: ") && said.contains("KUBECONFIG"), "{said}");
    }
}

#[test]
fn a_kubeconfig_that_is_not_one_is_told_in_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "clusters: 7\n").unwrap();
    let output = command(&["--listen=127.0.0.1:0"]).env("KUBECONFIG", file.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("KUBECONFIG") || said.contains("kubeconfig"), "{said}");
}

#[test]
fn a_proxy_of_the_kubeconfig_that_is_none_of_ours_is_told_without_its_password() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for proxy in ["socks5://u:hg_secret@p", "http://u:1#hg_secret@p:3128", "https://u:1/hg_secret@p"] {
        let kubeconfig = json!({
            "clusters": [{ "name": "c", "cluster": { "server": "https://k", "proxy-url": proxy } }],
            "users": [{ "name": "u", "user": {} }],
            "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
            "current-context": "x",
        });
        std::fs::write(file.path(), kubeconfig.to_string()).unwrap();
        let output = command(&["--listen=127.0.0.1:0"]).env("KUBECONFIG", file.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{proxy}: {said}");
        assert!(said.contains("proxy-url") && !said.contains("hg_secret"), "{proxy}: {said}");
    }
}

#[test]
fn what_a_login_command_of_the_kubeconfig_was_given_and_has_printed_is_not_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for (script, shown) in [
        ("echo hg_secret; echo hg_secret >&2; exit 3", "could not log in (exit status: 3)"),
        ("echo '{hg_secret: [hg_secret'", "printed no ExecCredential"),
    ] {
        let login =
            json!({ "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "sh", "args": ["-c", script] });
        let kubeconfig = json!({
            "clusters": [{ "name": "c", "cluster": { "server": "https://127.0.0.1:1" } }],
            "users": [{ "name": "u", "user": { "exec": login } }],
            "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
            "current-context": "x",
        });
        std::fs::write(file.path(), kubeconfig.to_string()).unwrap();
        for elected in ["--leader-elect=true", "--leader-elect=false"] {
            let output = command(&["--listen=127.0.0.1:0", elected]).env("KUBECONFIG", file.path()).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(shown) && !said.contains("hg_secret"), "{said}");
        }
    }
}

fn run(arguments: &[&str]) -> std::process::Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinconsent-operator"));
    without_proxies(&mut command);
    command.arg("run").args(arguments).stdin(Stdio::null());
    command
}

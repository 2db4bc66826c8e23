//! The binary, as a person at a terminal uses it.

use std::process::Stdio;

use heygen_simulator::DEMO_API_KEY;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{SOON, client, send, stage};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heygen-simulator"));
    command.kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("HEYGEN_SIMULATOR_API_KEY");
    command
}

/// Reads the log up to the line that says where it listens.
async fn address(child: &mut Child) -> (String, BufReader<tokio::process::ChildStderr>) {
    let mut log = BufReader::new(child.stderr.take().expect("a log"));
    let reading = async {
        let mut line = String::new();
        while log.read_line(&mut line).await.expect("a line") > 0 {
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find(|c: char| !c.is_ascii_digit() && !".:".contains(c)).unwrap_or(rest.len());
                return format!("http://{}", &rest[..end]);
            }
            line.clear();
        }
        panic!("the program ended");
    };
    let address = tokio::time::timeout(SOON, reading).await.expect("it starts");
    (address, log)
}

#[tokio::test]
async fn it_serves_logs_no_secret_and_ends_at_sigterm() {
    let mut child = program()
        .args(["serve", "--listen", "127.0.0.1:0", "--api-key", "very-secret", "--group", "ada=Ada Lovelace", "--review-time", "1h"])
        .args(["--photo-group", "sketch=A sketch"])
        .env("NO_COLOR", "1")
        .spawn()
        .unwrap();
    let (base, mut log) = address(&mut child).await;
    let client = client();
    let post = client.post(format!("{base}/v3/avatars/ada/consent")).header("X-Api-Key", "very-secret").body("{}");
    let reply = send(post).await.json();
    assert_eq!(reply["data"]["avatar_group"]["name"], "Ada Lovelace");
    let link = reply["data"]["url"].as_str().unwrap().to_owned();
    assert_eq!(send(client.get(&link)).await.status, 200);
    let sketch = client.get(format!("{base}/v3/avatars/sketch")).header("X-Api-Key", "very-secret");
    let sketch = send(sketch).await.json()["data"].clone();
    assert_eq!((&sketch["name"], sketch.get("consent_status")), (&serde_json::json!("A sketch"), None));

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let ended = tokio::time::timeout(SOON, child.wait()).await.unwrap().unwrap();
    assert!(ended.success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("/v3/avatars/ada/consent") && rest.contains("/consent/[redacted]"), "{rest}");
    let token = link.rsplit('/').next().unwrap();
    assert!(!rest.contains("very-secret") && !rest.contains(token), "{rest}");
}

#[tokio::test]
async fn a_willing_person_consents_once_asked_and_not_before() {
    let mut child =
        program().args(["serve", "--listen", "127.0.0.1:0", "--review-time", "0s", "--willing-group", "ada=Ada"]).spawn().unwrap();
    let (base, _log) = address(&mut child).await;
    let group = async || {
        let read = client().get(format!("{base}/v3/avatars/ada")).header("X-Api-Key", DEMO_API_KEY);
        send(read).await.json()["data"].clone()
    };
    assert_eq!(group().await["consent_status"], "pending");
    let ask = client().post(format!("{base}/v3/avatars/ada/consent")).header("X-Api-Key", DEMO_API_KEY).body("{}");
    let link = send(ask).await.json()["data"]["url"].as_str().unwrap().to_owned();
    assert_eq!((&group().await["consent_status"], &group().await["name"]), (&"approved".into(), &"Ada".into()));
    assert_eq!(send(client().get(link)).await.status, 410, "its page is used up");
}

#[tokio::test]
async fn the_key_may_come_from_the_environment_or_be_the_demo_key() {
    for (variable, key) in [(None, DEMO_API_KEY), (Some("from-env"), "from-env")] {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("NO_COLOR", "1");
        if let Some(value) = variable {
            command.env("HEYGEN_SIMULATOR_API_KEY", value);
        }
        let mut child = command.spawn().unwrap();
        let (base, _log) = address(&mut child).await;
        let me = client().get(format!("{base}/v3/users/me")).header("X-Api-Key", key);
        assert_eq!(send(me).await.status, 200);
    }
}

#[tokio::test]
async fn the_person_prints_where_the_page_leads() {
    let stage = stage().await;
    let link = stage.link(r#"{"reroute_url":"https://example.com/thanks"}"#).await;
    let output = program().args(["person", &link, "--consents", "--after", "1ms"]).output().await.unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "https://example.com/thanks\n");
    assert_eq!(stage.consent_status().await, "approved");

    let again = program().args(["person", &link, "--declines"]).output().await.unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("410"));
}

#[tokio::test]
async fn wrong_arguments_exit_with_2() {
    let wrong: [&[&str]; 6] = [
        &[],
        &["serve", "--listen", "nowhere"],
        &["serve", "--review-time", "5"],
        &["serve", "--group", "=x"],
        &["person", "http://127.0.0.1/consent/x"],
        &["person", "http://127.0.0.1/consent/x", "--consents", "--declines"],
    ];
    for arguments in wrong {
        let output = tokio::time::timeout(SOON, program().args(arguments).output()).await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test]
async fn help_explains_every_option_and_shows_no_key_of_the_environment() {
    let output = program().args(["serve", "--help"]).env("HEYGEN_SIMULATOR_API_KEY", "from-env").output().await.unwrap();
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for option in ["--listen", "--api-key", "--group", "--review-time", "--photo-group", "--willing-group"] {
        assert!(help.contains(option), "{option}");
    }
    assert!(!help.contains("from-env"));
}

use super::*;

fn args(flags: &[&str]) -> Result<RunArgs, clap::Error> {
    let cli = Cli::try_parse_from(["twinconsent-operator", "run"].iter().chain(flags))?;
    match cli.command {
        Command::Run(args) => Ok(*args),
        Command::Crds | Command::Wait(_) => panic!("`run` was parsed as something else"),
    }
}

/// What these flags become, in no pod.
pub(crate) fn config(flags: &[&str]) -> Result<Config, String> {
    Config::from_args(args(flags).unwrap(), None, bundle)
}

/// A file system in which one file is a good bundle.
fn bundle(path: &Path) -> io::Result<Vec<u8>> {
    match path.to_str() {
        Some("good.pem") => Ok(root().into_bytes()),
        Some("broken.pem") => Ok(b"-----BEGIN CERTIFICATE-----\n".to_vec()),
        Some("empty.pem") => Ok(Vec::new()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn root() -> String {
    static ROOT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().self_signed(&key).unwrap().pem()
    });
    ROOT.clone()
}

fn refusal(flags: &[&str]) -> String {
    let line = config(flags).unwrap_err();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let expected = Config {
        heygen_base_url: "https://api.heygen.com".parse().unwrap(),
        allow_insecure_base_url: false,
        ca_bundle: ExtraRoots::default(),
        ca_bundle_file: None,
        proxy_folder: None,
        operator_namespace: "twinconsent-system".to_owned(),
        watch_namespaces: BTreeSet::new(),
        cluster_accounts: BTreeSet::new(),
        watch_label_selector: None,
        concurrency: 64,
        lease: Some("twinconsent-operator".to_owned()),
        listen: "127.0.0.1:8080".parse().unwrap(),
        debug_listen: Some("127.0.0.1:8081".parse().unwrap()),
        return_page: None,
        shutdown_grace: Duration::from_secs(25),
        audit_log: None,
        log_format: LogFormat::Text,
        log_filter: "info".to_owned(),
    };
    assert_eq!(config(&[]), Ok(expected));
}

#[test]
fn every_flag_reaches_the_configuration() {
    let flags = [
        "--heygen-base-url=http://127.0.0.1:9000/heygen",
        "--allow-insecure-base-url",
        "--ca-bundle=good.pem",
        "--proxy-folder=proxies",
        "--operator-namespace=ops",
        "--watch-namespaces=b, a,b",
        "--cluster-accounts=gold, silver.eu",
        "--watch-label-selector=tier=gold",
        "--concurrency=1024",
        "--leader-elect=true",
        "--lease-name=shard.b",
        "--listen=[::]:9090",
        "--debug-listen=[::1]:9091",
        "--return-page-url=https://consent.example/back",
        "--return-page-listen=[::]:9092",
        "--return-page-secret=tokens",
        "--shutdown-grace=1m30s",
        "--audit-log=/var/log/audit.log",
        "--log-format=json",
        "--log-filter=warn,twinconsent=trace",
    ];
    let expected = Config {
        heygen_base_url: "http://127.0.0.1:9000/heygen".parse().unwrap(),
        allow_insecure_base_url: true,
        ca_bundle: ExtraRoots::from_pem(root().as_bytes()).unwrap(),
        ca_bundle_file: Some("good.pem".into()),
        proxy_folder: Some("proxies".into()),
        operator_namespace: "ops".to_owned(),
        watch_namespaces: ["a", "b"].map(str::to_owned).into(),
        cluster_accounts: ["gold", "silver.eu"].map(str::to_owned).into(),
        watch_label_selector: Some("tier=gold".to_owned()),
        concurrency: 1024,
        lease: Some("shard.b".to_owned()),
        listen: "[::]:9090".parse().unwrap(),
        debug_listen: Some("[::1]:9091".parse().unwrap()),
        return_page: Some(ReturnPage {
            url: "https://consent.example/back".parse().unwrap(),
            listen: "[::]:9092".parse().unwrap(),
            secret: "tokens".to_owned(),
        }),
        shutdown_grace: Duration::from_secs(90),
        audit_log: Some(Target::File("/var/log/audit.log".into())),
        log_format: LogFormat::Json,
        log_filter: "warn,twinconsent=trace".to_owned(),
    };
    assert_eq!(config(&flags), Ok(expected));
}

#[test]
fn every_flag_is_also_an_environment_variable() {
    use clap::CommandFactory as _;
    let cli = Cli::command();
    let run = cli.find_subcommand("run").unwrap();
    for argument in run.get_arguments().filter(|argument| argument.get_id() != "help") {
        let expected = format!("TWINCONSENT_{}", argument.get_long().unwrap().replace('-', "_").to_uppercase());
        assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(expected.as_str()));
        assert!(argument.get_help().is_some());
    }
    Cli::command().debug_assert();
}

#[test]
fn of_a_flag_that_comes_twice_the_last_one_counts() {
    use clap::CommandFactory as _;
    let cli = Cli::command();
    let mut seen = 0;
    for argument in cli.find_subcommand("run").unwrap().get_arguments().filter(|argument| argument.get_id() != "help") {
        let possible: Vec<String> = argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let [first, last] = if possible.is_empty() { ["first", "last"] } else { [possible[0].as_str(), possible[1].as_str()] };
        let flag = |value: &str| format!("--{}={value}", argument.get_long().unwrap());
        for [first, last] in [[first, last], [last, first]] {
            let of = |flags: &[&str]| format!("{:?}", args(flags).unwrap_or_else(|error| panic!("{error}")));
            assert_eq!(of(&[&flag(first), &flag(last)]), of(&[&flag(last)]), "{}", flag(last));
            assert_ne!(of(&[&flag(first)]), of(&[&flag(last)]), "{} reaches nothing", flag(last));
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn switches_are_read_bare_with_equals_and_with_a_space() {
    for flags in [&["--allow-insecure-base-url"][..], &["--allow-insecure-base-url=true"], &["--allow-insecure-base-url", "true"]] {
        assert!(args(flags).unwrap().allow_insecure_base_url, "{flags:?}");
    }
    assert!(!args(&["--allow-insecure-base-url=false"]).unwrap().allow_insecure_base_url);
    assert!(!args(&["--leader-elect", "false", "--concurrency", "1"]).unwrap().leader_elect);
}

#[test]
fn the_operators_namespace_is_told_by_the_flag_then_by_the_cluster() {
    let reported = |flags: &[&str], cluster: Option<&str>| {
        Config::from_args(args(flags).unwrap(), cluster.map(str::to_owned), bundle).unwrap().operator_namespace
    };
    assert_eq!(reported(&["--operator-namespace=flag"], Some("cluster")), "flag");
    assert_eq!(reported(&[], Some("cluster")), "cluster");
    assert_eq!(reported(&[], None), DEFAULT_NAMESPACE);
}

#[test]
fn a_base_url_must_be_safe_to_send_a_key_to() {
    let secure = "--heygen-base-url: must begin with https://";
    assert_eq!(refusal(&["--heygen-base-url=ftp://heygen.example"]), secure);
    assert_eq!(refusal(&["--heygen-base-url=mailto:a@heygen.example"]), secure);
    assert_eq!(refusal(&["--heygen-base-url=api.heygen.com"]), "--heygen-base-url: not a URL: relative URL without a base");
    assert_eq!(refusal(&["--heygen-base-url="]), "--heygen-base-url: not a URL: relative URL without a base");
    assert_eq!(refusal(&["--heygen-base-url=https://"]), "--heygen-base-url: not a URL: empty host");
    assert_eq!(
        refusal(&["--heygen-base-url=http://127.0.0.1:9000"]),
        "--heygen-base-url: http would send keys unencrypted; use https, or add --allow-insecure-base-url for a simulator"
    );
    for url in ["https://me:hunter2@heygen.example", "https://hunter2@heygen.example"] {
        assert_eq!(refusal(&["--heygen-base-url", url]), "--heygen-base-url: must not hold a user name or password");
    }
    for url in ["https://heygen.example/?a=b", "https://heygen.example?", "https://heygen.example/#a"] {
        assert_eq!(refusal(&["--heygen-base-url", url]), "--heygen-base-url: must not have a query or a fragment");
    }
}

#[test]
fn a_bundle_must_hold_certificates_and_its_file_is_named() {
    assert_eq!(refusal(&["--ca-bundle=missing.pem"]), "--ca-bundle: cannot read \"missing.pem\": entity not found");
    assert_eq!(refusal(&["--ca-bundle=odd\nname"]), "--ca-bundle: cannot read \"odd\\nname\": entity not found");
    let no_certificate = "--ca-bundle: \"empty.pem\" holds no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)";
    assert_eq!(refusal(&["--ca-bundle=empty.pem"]), no_certificate);
    assert_eq!(refusal(&["--ca-bundle=broken.pem"]), "--ca-bundle: \"broken.pem\" holds a broken certificate: number 1");
}

#[test]
fn a_bundle_is_read_up_to_its_cap() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), root()).unwrap();
    assert_eq!(read_bundle(file.path()).unwrap(), root().into_bytes());
    file.as_file().set_len(CA_BUNDLE_CAP + 1).unwrap();
    assert_eq!(read_bundle(file.path()).unwrap_err().to_string(), "larger than 1048576 bytes");
    assert!(read_bundle(file.path().parent().unwrap()).is_err(), "a folder was read");
}

#[test]
fn without_an_election_there_is_no_lease() {
    assert_eq!(config(&["--leader-elect=false", "--lease-name=shard"]).unwrap().lease, None);
    assert_eq!(config(&["--leader-elect"]).unwrap().lease.as_deref(), Some("twinconsent-operator"));
}

#[test]
fn a_lease_must_have_a_name() {
    let rule = "(1 to 253 of a-z, 0-9, - and ., no - or . at either end)";
    for name in ["", "A", "a..b", "-a"] {
        assert_eq!(refusal(&[&format!("--lease-name={name}")]), format!("--lease-name: not a name: {name:?} {rule}"));
    }
}

#[test]
fn no_two_processes_have_the_same_identity() {
    let identity = identity();
    let (_, unique) = identity.rsplit_once('_').unwrap();
    let (began, process) = unique.split_once('-').unwrap();
    // In containers every first process is number 1: the moment tells them apart.
    let began = i64::from_str_radix(began, 16).unwrap();
    assert!((clock::now().as_millisecond() - began).abs() < 60_000, "{identity}");
    assert_eq!(process, format!("{:x}", std::process::id()));
}

#[test]
fn namespaces_must_be_namespaces() {
    let rule = "(1 to 63 of a-z, 0-9 and -, no - at either end)";
    assert_eq!(refusal(&["--operator-namespace=A"]), format!("--operator-namespace: not a namespace: \"A\" {rule}"));
    assert_eq!(refusal(&["--operator-namespace="]), format!("--operator-namespace: not a namespace: \"\" {rule}"));
    assert_eq!(refusal(&["--watch-namespaces=a,b_c"]), format!("--watch-namespaces: not a namespace: \"b_c\" {rule}"));
    assert_eq!(refusal(&["--watch-namespaces=a,,b"]), format!("--watch-namespaces: not a namespace: \"\" {rule}"));
    assert_eq!(refusal(&["--watch-namespaces=-a"]), format!("--watch-namespaces: not a namespace: \"-a\" {rule}"));
    assert_eq!(refusal(&["--watch-namespaces=a\nb"]), format!("--watch-namespaces: not a namespace: \"a\\nb\" {rule}"));
    assert!(refusal(&["--watch-namespaces", &"a".repeat(64)]).starts_with("--watch-namespaces: not a namespace: "));
    assert_eq!(refusal(&["--watch-namespaces="]), "--watch-namespaces: names no namespace; leave it out to serve all");
    let alone = "--cluster-accounts: every account is read already; leave it out, or add --watch-namespaces";
    assert_eq!(refusal(&["--cluster-accounts=a"]), alone);
    for list in ["", "a,,b", "A", "a b"] {
        let reported = refusal(&["--watch-namespaces=a", "--cluster-accounts", list]);
        assert!(reported.starts_with("--cluster-accounts: not a name: "), "{reported}");
    }
}

#[test]
fn a_label_selector_must_select() {
    assert_eq!(refusal(&["--watch-label-selector= "]), "--watch-label-selector: selects nothing; leave it out to serve all");
}

#[test]
fn concurrency_has_bounds() {
    for (text, shown) in
        [("0", "\"0\""), ("1025", "\"1025\""), ("many", "\"many\""), ("-1", "\"-1\""), ("", "\"\""), ("70000", "\"70000\"")]
    {
        let flag = format!("--concurrency={text}");
        assert_eq!(refusal(&[&flag]), format!("--concurrency: must be a number from 1 to 1024, not {shown}"));
    }
}

#[test]
fn listen_must_be_an_address_with_a_port() {
    for text in ["8080", ":8080", "localhost:8080", "127.0.0.1", "127.0.0.1:99999"] {
        assert_eq!(
            refusal(&["--listen", text]),
            format!("--listen: must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080, not \"{text}\"")
        );
    }
}

#[test]
fn decisions_are_explained_on_loopback_only_or_nowhere() {
    for text in ["0.0.0.0:8081", "[::]:8081", "10.1.2.3:8081", "[fd00::1]:8081", "[::ffff:127.0.0.1]:8081", "localhost:8081", "8081", ""] {
        assert_eq!(
            refusal(&["--debug-listen", text]),
            format!(
                "--debug-listen: must be an address on loopback and a port, such as 127.0.0.1:8081 or [::1]:8081, or off, not \"{text}\""
            )
        );
    }
    assert_eq!(config(&["--debug-listen=127.1.2.3:0"]).unwrap().debug_listen, Some("127.1.2.3:0".parse().unwrap()));
    assert_eq!(config(&["--debug-listen=off"]).unwrap().debug_listen, None);
}

#[test]
fn the_audit_log_goes_to_stdout_or_into_a_file() {
    assert_eq!(config(&["--audit-log=-"]).unwrap().audit_log, Some(Target::Stdout));
    assert_eq!(config(&["--audit-log", "-"]).unwrap().audit_log, Some(Target::Stdout));
    assert_eq!(config(&["--audit-log=a file"]).unwrap().audit_log, Some(Target::File("a file".into())));
    assert_eq!(refusal(&["--audit-log="]), "--audit-log: must not be empty; - is stdout, and without the flag there is no audit log");
    assert_eq!(refusal(&["--audit-log=/var/log/"]), "--audit-log: must be the path of a file, not of a folder: \"/var/log/\"");
}

#[test]
fn the_return_page_is_reached_by_https_or_on_this_machine() {
    let url = |url: &str| config(&["--return-page-url", url]).unwrap().return_page.unwrap().url.to_string();
    assert_eq!(
        config(&["--return-page-listen=[::]:1", "--return-page-secret=s"]).unwrap().return_page,
        None,
        "without a URL there is none"
    );
    for accepted in ["https://a.example/", "https://a.example/back", "http://localhost:8082/", "http://127.0.0.1/", "http://[::1]/b"] {
        assert_eq!(url(accepted), accepted);
    }
    assert_eq!(config(&["--return-page-url=http://a.example/", "--allow-insecure-base-url"]).map(|_| ()), Ok(()));
    let refused = |url: &str| refusal(&["--return-page-url", url]);
    let unencrypted = "--return-page-url: http would send tokens unencrypted; use https, or add --allow-insecure-base-url for a simulator";
    for open in ["http://a.example/", "http://localhost.a.example/", "http://127.evil.example/"] {
        assert_eq!(refused(open), unencrypted);
    }
    assert_eq!(refused("ftp://a.example"), "--return-page-url: must begin with https://");
    assert_eq!(refused("https://ada@a.example"), "--return-page-url: must not hold a user name or password");
    assert_eq!(refused("https://a.example/?a=b"), "--return-page-url: must not have a query or a fragment");
    assert_eq!(refused(&format!("https://a.example/{}", "a".repeat(2000))), "--return-page-url: must not be longer than 2000 bytes");
    let listen = refusal(&["--return-page-listen=8082"]);
    assert!(listen.starts_with("--return-page-listen: must be an IP address and a port"), "{listen}");
    assert!(refusal(&["--return-page-secret=No"]).starts_with("--return-page-secret: not a name"));
}

#[test]
fn the_shutdown_grace_must_be_a_duration() {
    for text in ["soon", "25", "", "3 days"] {
        let flag = format!("--shutdown-grace={text}");
        assert_eq!(refusal(&[&flag]), format!("--shutdown-grace: must be a duration such as 25s or 1m30s, not \"{text}\""));
    }
}

#[test]
fn the_log_filter_must_be_one() {
    assert!(refusal(&["--log-filter=twinconsent=loud"]).starts_with("--log-filter: \"twinconsent=loud\" is not a filter such as "));
    assert!(refusal(&["--log-filter="]).starts_with("--log-filter: must not be empty"));
}

#[test]
fn claps_own_complaints_become_one_line_that_names_the_flag() {
    for (arguments, expected) in [
        (&["run", "--lissten=x"][..], "error: unexpected argument '--lissten' found tip: a similar argument exists: '--listen'"),
        (&["run", "--log-format=xml"], "error: invalid value 'xml' for '--log-format <FORMAT>' [possible values: json, text]"),
        (&["run", "--leader-elect=maybe"], "error: invalid value 'maybe' for '--leader-elect [<BOOL>]' [possible values: true, false]"),
        (&["run", "--ca-bundle="], "error: a value is required for '--ca-bundle <PATH>' but none was supplied"),
        (&["run", "--listen"], "error: a value is required for '--listen <ADDRESS>' but none was supplied"),
        (&["walk"], "error: unrecognized subcommand 'walk'"),
        (&["run", "fast"], "error: unexpected argument 'fast' found"),
        (&[], "error: say what to do: `run` or `crds`; see --help"),
    ] {
        let error = Cli::try_parse_from(["twinconsent-operator"].iter().chain(arguments)).unwrap_err();
        assert!(error.use_stderr());
        assert_eq!(one_line(&error), expected);
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["help", "run"]] {
        let error = Cli::try_parse_from(["twinconsent-operator"].iter().chain(arguments)).unwrap_err();
        assert!(!error.use_stderr(), "{arguments:?}");
    }
}

//! That the programs run in their images.

use std::fs;

use crate::images::{OPERATOR, SIMULATOR, repository};
use crate::sandbox::Root;
use crate::support::{eventually, operator::free_address};

#[test]
fn the_operator_tells_its_version_and_its_definitions() {
    let root = Root::of(&OPERATOR);
    let version = root.run(&["/twinconsent-operator", "--version"]);
    assert!(version.status.success(), "{version:?}");
    assert_eq!(String::from_utf8(version.stdout).unwrap(), concat!("twinconsent-operator ", env!("CARGO_PKG_VERSION"), "\n"));

    let printed = root.run(&["/twinconsent-operator", "crds"]);
    assert!(printed.status.success(), "{printed:?}");
    let printed = String::from_utf8(printed.stdout).unwrap();
    for file in fs::read_dir(repository().join("crds")).unwrap() {
        let file = file.unwrap().path();
        assert!(printed.contains(fs::read_to_string(&file).unwrap().trim_end()), "{} is not what the image prints", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_serves_as_the_user_of_its_image() {
    let root = Root::of(&SIMULATOR);
    let address = free_address();
    let simulator = root.start(&["/heygen-simulator", "serve", "--listen", &address], &[]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    eventually("the simulator answers", || async {
        match client.get(format!("http://{address}/v3/users/me")).send().await {
            Ok(answer) if answer.status() == 401 => Ok(()),
            other => Err(format!("{other:?}; {}", simulator.log())),
        }
    })
    .await;
    let status = simulator.status();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(line("Uid:"), ["65532"; 4]);
    assert_eq!(line("Gid:"), ["65532"; 4]);
    assert_eq!(line("CapEff:"), ["0000000000000000"]);
}

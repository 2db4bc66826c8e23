//! `controlplane` told something that it cannot do.

use std::process::{Command, Output};

fn controlplane(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_controlplane"));
    command.args(arguments).env_remove("TWINCONSENT_TEST_KUBERNETES");
    command
}

fn refusal(output: Output) -> String {
    assert!(!output.status.success());
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_node_on_a_machine_without_its_programs_names_them_and_the_way_out() {
    let refusal = refusal(controlplane(&["node"]).env("PATH", "/nothing").output().unwrap());
    for words in ["the program unshare", "the program nsenter", "the program ip", "by setting KUBECONFIG"] {
        assert!(refusal.contains(words), "{words} is missing in: {refusal}");
    }
}

#[test]
fn a_release_of_kubernetes_that_there_is_not_is_refused_with_those_that_there_are() {
    let refusal = refusal(controlplane(&["up"]).env("TWINCONSENT_TEST_KUBERNETES", "ancient").output().unwrap());
    for words in ["ancient", "newest", "oldest"] {
        assert!(refusal.contains(words), "{words} is missing in: {refusal}");
    }
}

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{Ipv4Addr, TcpListener};

use super::*;

#[test]
fn a_port_that_was_taken_in_the_meantime_is_replaced_by_another() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken_port = taken.local_addr().unwrap().port();
    let mut offers = vec![ports::reserve().unwrap(), taken_port];

    let plane = ControlPlane::start_on(Options::default(), || Ok(offers.pop().unwrap())).unwrap();

    assert!(offers.is_empty(), "the second port was never asked for");
    assert_ne!(plane.server_url(), format!("https://127.0.0.1:{taken_port}"));
    plane.check().unwrap();
}

#[test]
fn a_folder_is_used_by_one_control_plane_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = Home::open(Some(dir.path())).unwrap();
    assert!(matches!(Home::open(Some(dir.path())), Err(Error::FolderInUse(_))));
    drop(first);
    Home::open(Some(dir.path())).unwrap();
}

#[test]
fn a_program_that_ends_by_itself_is_reported_with_the_end_of_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = owned(&["-c", "echo no such flag >&2; exit 3"]);
    let mut program = Supervised::start("etcd", Path::new("/bin/sh"), &arguments, dir.path(), None).unwrap();

    let error = readiness::wait(&mut program, &mut [], || Err("not yet".to_owned())).unwrap_err();

    let message = error.to_string();
    assert!(message.contains("exit status: 3"), "{message}");
    assert!(message.contains("no such flag"), "{message}");
}

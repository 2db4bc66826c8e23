//! What the images hold, and what they tell.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use twinconsent::heygen::ExtraRoots;

use crate::images::{OPERATOR, SIMULATOR, both, repository};

/// The most bytes that an image may have, compressed or not.
const MOST: u64 = 20_000_000;

/// Every file below a folder, with its size, mode and owner.
fn files(root: &Path) -> BTreeMap<String, (u64, u32, u32, u32)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, (metadata.len(), metadata.permissions().mode(), metadata.uid(), metadata.gid()));
            }
        }
    }
    found
}

#[test]
fn an_image_holds_its_program_its_licence_and_the_certificates_it_needs_and_nothing_else() {
    let certificates = "etc/ssl/certs/ca-certificates.crt";
    let expected = [vec!["LICENSE", certificates, "twinconsent-operator"], vec!["LICENSE", "heygen-simulator"]];
    for ((program, image), expected) in both().into_iter().zip(expected) {
        let root = TempDir::new().unwrap();
        image.lay_out(root.path()).unwrap();
        let files = files(root.path());
        assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), expected, "no shell, no library, no user database");
        for (name, (_, mode, user, group)) in &files {
            let wanted = if name == program { 0o100_755 } else { 0o100_644 };
            assert_eq!((*mode, *user, *group), (wanted, 0, 0), "{name} of {program} has mode {mode:o}");
        }
        let unpacked: u64 = files.values().map(|(size, ..)| size).sum();
        println!("{program}: {} bytes compressed, {unpacked} unpacked, {}", image.size().unwrap(), image.digest);
        assert!(image.size().unwrap() < MOST && unpacked < MOST);
    }
}

#[test]
fn the_operator_in_the_image_has_no_clock_that_a_test_could_set() {
    let root = TempDir::new().unwrap();
    OPERATOR.lay_out(root.path()).unwrap();
    let bytes = fs::read(root.path().join("twinconsent-operator")).unwrap();
    let variable = b"TWINCONSENT_TEST_CLOCK";
    assert!(!bytes.windows(variable.len()).any(|window| window == variable), "it was compiled with the feature `test-clock`");
}

#[test]
fn an_image_runs_its_program_as_a_user_that_kubernetes_knows_not_to_be_root() {
    for ((program, image), command) in both().into_iter().zip(["run", "serve"]) {
        let config = &image.config["config"];
        assert_eq!(config["User"], "65532:65532", "{program}");
        assert_eq!(config["Entrypoint"], json!([format!("/{program}")]));
        assert_eq!(config["Cmd"], json!([command]));
        assert_eq!(image.config["os"], "linux");
        assert!(config["ExposedPorts"].is_null() && config["Volumes"].is_null(), "{config}");
    }
}

#[test]
fn the_labels_tell_what_it_is_of_which_version_and_commit() {
    for (program, image) in both() {
        let label = |name: &str| {
            let text = image.config["config"]["Labels"][format!("org.opencontainers.image.{name}")].as_str();
            text.filter(|text| !text.is_empty()).unwrap_or_else(|| panic!("{program} has no label {name}")).to_owned()
        };
        assert_eq!(label("title"), program);
        assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(label("licenses"), "Apache-2.0");
        assert!(label("source").starts_with("https://") && !label("description").is_empty());
        let revision = label("revision");
        let commit = revision.strip_suffix("-dirty").unwrap_or(&revision);
        assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{revision} is no commit");
        let labels = image.config["config"]["Labels"].as_object().unwrap();
        assert!(labels.keys().all(|name| name.starts_with("org.opencontainers.image.")), "an engine has left its own mark: {labels:?}");
    }
    assert_eq!(OPERATOR.config["config"]["Labels"]["org.opencontainers.image.description"], env!("CARGO_PKG_DESCRIPTION"));
    assert!(
        OPERATOR.name.as_deref().unwrap().ends_with(concat!("twinconsent-operator:", env!("CARGO_PKG_VERSION"))),
        "{:?}",
        OPERATOR.name
    );
    assert!(SIMULATOR.name.as_deref().unwrap().ends_with(concat!("heygen-simulator:", env!("CARGO_PKG_VERSION"))), "{:?}", SIMULATOR.name);
}

#[test]
fn a_program_is_static_and_names_no_folder_of_the_machine_that_built_it() {
    for (program, image) in both() {
        let root = TempDir::new().unwrap();
        image.lay_out(root.path()).unwrap();
        let bytes = fs::read(root.path().join(program)).unwrap();
        assert!(!asks_for_an_interpreter(&bytes), "{program} needs a dynamic linker, which its image does not hold");
        let home = std::env::var("HOME").unwrap();
        for folder in [repository().to_str().unwrap(), &format!("{home}/.cargo"), "/registry/src/"] {
            let found = bytes.windows(folder.len()).position(|window| window == folder.as_bytes());
            let around = found.map(|at| String::from_utf8_lossy(&bytes[at..(at + 120).min(bytes.len())]).into_owned());
            assert_eq!(around, None, "{program} names {folder}");
        }
    }
}

/// Whether an ELF file of 64 bits has a program header of the type `PT_INTERP`.
fn asks_for_an_interpreter(elf: &[u8]) -> bool {
    assert!(elf.starts_with(b"\x7fELF\x02\x01"), "no little-endian ELF file of 64 bits");
    let number = |at: usize, length: usize| elf[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let (start, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    assert!(count > 0);
    (0..count).any(|index| number(start + index * size, 4) == 3)
}

#[test]
fn every_root_certificate_in_the_image_can_be_read_and_they_are_those_of_the_pinned_crate() {
    let root = TempDir::new().unwrap();
    OPERATOR.lay_out(root.path()).unwrap();
    let pem = fs::read_to_string(root.path().join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert_eq!(pem, packaging::certificates::pem());
    let count = pem.matches("-----BEGIN CERTIFICATE-----").count();
    assert!(count > 100, "only {count} certificates");
    assert_eq!(format!("{:?}", ExtraRoots::from_pem(pem.as_bytes()).unwrap()), format!("ExtraRoots({count})"));
}

#[test]
fn the_dockerfile_compiles_with_the_pinned_version_of_rust() {
    let toolchain = fs::read_to_string(repository().join("rust-toolchain.toml")).unwrap();
    let version = toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"')).unwrap();
    let dockerfile = fs::read_to_string(repository().join("Dockerfile")).unwrap();
    for line in [format!("FROM docker.io/library/rust:{version}-"), format!("RUSTUP_TOOLCHAIN={version}\n")] {
        assert!(dockerfile.contains(&line), "the Dockerfile lacks {line:?}");
    }
}

//! An image of one static program, as an OCI archive, without any builder.
//!
//! An image is a tar of JSON and of tars, held together by SHA-256. Builders like buildah are what a machine may lack,
//! and what an image of one file does not need.
//! The same program gives the same bytes.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// An image that holds a program, runs it, and has nothing else.
#[derive(Debug)]
pub struct Image<'a> {
    /// Such as `localhost/pause:1`; with a tag other than `latest`, as Kubernetes would try to pull that.
    pub name: &'a str,
    /// A program that is linked statically and built for this machine.
    pub program: &'a Path,
    /// The id of the user and group it runs as.
    pub user: u32,
}

impl Image<'_> {
    /// Writes the archive.
    ///
    /// # Errors
    /// When the program cannot be read, or the archive not written.
    pub fn write(&self, archive: &Path) -> Result<(), Error> {
        let program = fs::read(self.program).map_err(Error::io("read", self.program))?;
        let file_name = self.program.file_name().unwrap_or_default().to_string_lossy();
        self.assemble(&program, &file_name, archive).map_err(Error::io("write the image", archive))
    }

    fn assemble(&self, program: &[u8], file_name: &str, archive: &Path) -> io::Result<()> {
        let Image { name, program: _, user } = self;
        let mut layer = tar::Builder::new(Vec::new());
        append(&mut layer, file_name, program, 0o755)?;
        let layer = layer.into_inner()?;

        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": { "User": format!("{user}:{user}"), "Entrypoint": [format!("/{file_name}")] },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        let manifest = manifest.to_string().into_bytes();
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        // By the first containerd names the image, by the second every other tool.
        entry["annotations"] = json!({ "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name });
        let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry] });

        let mut tar = tar::Builder::new(File::create(archive)?);
        append(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
        append(&mut tar, "index.json", index.to_string().as_bytes(), 0o644)?;
        for blob in [&manifest, &config, &layer] {
            append(&mut tar, &digest(blob).replacen("sha256:", "blobs/sha256/", 1), blob, 0o644)?;
        }
        tar.into_inner()?.sync_all()
    }
}

fn append<W: io::Write>(tar: &mut tar::Builder<W>, path: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, path, content)
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

fn digest(content: &[u8]) -> String {
    let digits: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::collections::BTreeMap;
    use std::io::Read as _;

    use super::*;

    fn files(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(tar);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        });
        entries.collect()
    }

    #[test]
    fn every_digest_and_size_in_the_archive_is_that_of_a_blob_down_to_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let (program, archive) = (folder.path().join("hello"), folder.path().join("hello.tar"));
        fs::write(&program, "not quite a program").unwrap();
        Image { name: "localhost/hello:1", program: &program, user: 7 }.write(&archive).unwrap();

        let files = files(&fs::read(&archive).unwrap());
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            let content = &files[&format!("blobs/sha256/{}", digest.strip_prefix("sha256:").unwrap())];
            assert_eq!(super::digest(content), digest);
            assert_eq!(descriptor["size"], content.len());
            content
        };
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "localhost/hello:1");
        let manifest: Value = serde_json::from_slice(blob(&index["manifests"][0])).unwrap();
        let config: Value = serde_json::from_slice(blob(&manifest["config"])).unwrap();
        assert_eq!(config["config"], json!({ "User": "7:7", "Entrypoint": ["/hello"] }));
        let layer = blob(&manifest["layers"][0]);
        assert_eq!(config["rootfs"]["diff_ids"][0], super::digest(layer));
        assert_eq!(self::files(layer)["hello"], b"not quite a program");
    }

    #[test]
    fn the_same_program_gives_the_same_archive() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("hello");
        fs::write(&program, "again").unwrap();
        let archives = ["a.tar", "b.tar"].map(|name| {
            let archive = folder.path().join(name);
            Image { name: "localhost/hello:1", program: &program, user: 7 }.write(&archive).unwrap();
            fs::read(archive).unwrap()
        });
        assert!(archives[0] == archives[1]);
    }
}

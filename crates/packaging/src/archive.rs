//! An image as a file: an archive in the layout of the Open Container Initiative, opened and checked.
//!
//! Unpacking is left to `tar`, which every machine that builds images has, and which knows all compressions of layers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The image of an archive. It keeps nothing on the disk.
pub struct Image {
    archive: PathBuf,
    /// The name that the archive gives it, such as `localhost/twinconsent-operator:0.1.0`.
    pub name: Option<String>,
    /// What identifies it: `sha256:` and the hash of its manifest.
    pub digest: String,
    /// The manifest: which configuration, which layers.
    pub manifest: Value,
    /// The configuration: architecture, user, entrypoint, labels.
    pub config: Value,
}

impl Image {
    /// Opens an archive with one image, and checks the hash of all that it names.
    ///
    /// # Errors
    /// When it is no such archive, or something in it is missing or damaged.
    pub fn open(archive: &Path) -> anyhow::Result<Image> {
        let folder = unpacked(archive)?;
        let index = folder.path().join("index.json");
        let index = fs::read(&index).with_context(|| format!("{} is no OCI archive: it has no index.json", archive.display()))?;
        let index: Value = serde_json::from_slice(&index).context("index.json is no JSON")?;
        let mut descriptor = only_manifest(&index)?.clone();
        // Docker tells the whole name under a key of its own, and under the common one only what follows the colon.
        let annotation = |key: &str| descriptor["annotations"][key].as_str().map(str::to_owned);
        let name = annotation("io.containerd.image.name").or_else(|| annotation("org.opencontainers.image.ref.name"));
        let mut manifest = blob_as_json(folder.path(), &descriptor)?;
        // Some engines put an index of platforms between.
        while manifest.get("manifests").is_some() {
            descriptor = only_manifest(&manifest)?.clone();
            manifest = blob_as_json(folder.path(), &descriptor)?;
        }
        let digest = text(&descriptor, "digest")?.to_owned();
        let config = blob_as_json(folder.path(), &manifest["config"])?;
        let image = Image { archive: archive.to_path_buf(), name, digest, manifest, config };
        for layer in image.layers()? {
            blob(folder.path(), layer)?;
        }
        Ok(image)
    }

    /// What a registry transfers of it, in bytes: its layers, compressed as they are, and its configuration.
    ///
    /// # Errors
    /// When the manifest names no sizes.
    pub fn size(&self) -> anyhow::Result<u64> {
        let parts = self.layers()?.iter().chain([&self.manifest["config"]]);
        parts.map(|part| part["size"].as_u64().context("the manifest tells no size")).sum()
    }

    /// Lays its files out in a folder, as an engine would; as root with their owners.
    ///
    /// # Errors
    /// When the archive is no longer there or is another one by now, or a layer cannot be unpacked.
    pub fn lay_out(&self, root: &Path) -> anyhow::Result<()> {
        let folder = unpacked(&self.archive)?;
        self.layers()?.iter().try_for_each(|layer| {
            blob(folder.path(), layer)?;
            unpack(&blob_path(folder.path(), layer)?, root)
        })
    }

    fn layers(&self) -> anyhow::Result<&Vec<Value>> {
        self.manifest["layers"].as_array().context("the manifest names no layers")
    }
}

fn only_manifest(index: &Value) -> anyhow::Result<&Value> {
    match index["manifests"].as_array().map(Vec::as_slice) {
        Some([one]) => Ok(one),
        Some(many) => bail!("expected one image in the index, found {}", many.len()),
        None => bail!("the index names no images"),
    }
}

fn text<'a>(value: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    value[field].as_str().with_context(|| format!("there is no {field} in {value}"))
}

fn blob_path(folder: &Path, descriptor: &Value) -> anyhow::Result<PathBuf> {
    let digest = text(descriptor, "digest")?;
    let hash = digest.strip_prefix("sha256:").filter(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    Ok(folder.join("blobs/sha256").join(hash.with_context(|| format!("{digest} is no SHA-256"))?))
}

fn blob(folder: &Path, descriptor: &Value) -> anyhow::Result<Vec<u8>> {
    let path = blob_path(folder, descriptor)?;
    let bytes = fs::read(&path).with_context(|| format!("{} is not in the archive", descriptor["digest"]))?;
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(path.ends_with(&hash), "{} is damaged: its hash is {hash}", descriptor["digest"]);
    Ok(bytes)
}

fn blob_as_json(folder: &Path, descriptor: &Value) -> anyhow::Result<Value> {
    serde_json::from_slice(&blob(folder, descriptor)?).with_context(|| format!("{} is no JSON", descriptor["digest"]))
}

fn unpacked(archive: &Path) -> anyhow::Result<TempDir> {
    let folder = TempDir::new().context("cannot make a temporary folder")?;
    unpack(archive, folder.path())?;
    Ok(folder)
}

fn unpack(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    let output = match Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(folder).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!("there is no tar on this machine"),
        other => other.context("cannot run tar")?,
    };
    ensure!(output.status.success(), "cannot unpack {}: {}", archive.display(), String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An archive of an image with one layer, which holds one file; `damage` may do something to the folder before it is packed.
    fn archive(damage: impl Fn(&Path)) -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let (layout, files) = (folder.path().join("layout"), folder.path().join("files"));
        fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        fs::create_dir(&files).unwrap();
        fs::write(files.join("program"), "#!").unwrap();
        let layer = folder.path().join("layer.tar");
        pack(&files, &layer);
        let layer = add(&layout, &fs::read(layer).unwrap());
        let config = add(&layout, json!({ "architecture": "amd64" }).to_string().as_bytes());
        let mut manifest = add(&layout, json!({ "config": config, "layers": [layer] }).to_string().as_bytes());
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "localhost/it:1" });
        fs::write(layout.join("index.json"), json!({ "manifests": [manifest] }).to_string()).unwrap();
        damage(&layout);
        let archive = folder.path().join("image.tar");
        pack(&layout, &archive);
        (folder, archive)
    }

    fn pack(folder: &Path, archive: &Path) {
        assert!(Command::new("tar").arg("--create").arg("--file").arg(archive).arg("-C").arg(folder).arg(".").status().unwrap().success());
    }

    fn add(layout: &Path, bytes: &[u8]) -> Value {
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(layout.join("blobs/sha256").join(&hash), bytes).unwrap();
        json!({ "digest": format!("sha256:{hash}"), "size": bytes.len() })
    }

    fn change_the_largest(layout: &Path) {
        let blobs = fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|blob| blob.unwrap().path());
        let layer = blobs.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
        let mut bytes = fs::read(&layer).unwrap();
        bytes[600] ^= 1;
        fs::write(layer, bytes).unwrap();
    }

    #[test]
    fn an_archive_tells_name_digest_and_size_and_lays_out_its_files() {
        let (folder, archive) = archive(|_| ());
        let image = Image::open(&archive).unwrap();
        assert_eq!(image.name.as_deref(), Some("localhost/it:1"));
        assert!(image.digest.starts_with("sha256:") && image.digest.len() == 71, "{}", image.digest);
        assert_eq!(image.config["architecture"], "amd64");
        assert!(image.size().unwrap() > 10_000, "a tar archive has 10 KiB");
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        image.lay_out(&root).unwrap();
        assert_eq!(fs::read_to_string(root.join("program")).unwrap(), "#!");
    }

    #[test]
    fn an_archive_in_which_a_byte_has_changed_is_refused() {
        let (_folder, archive) = archive(change_the_largest);
        let error = Image::open(&archive).map(|image| image.digest).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    }

    #[test]
    fn an_archive_that_has_become_another_one_is_not_laid_out() {
        let (folder, kept) = archive(|_| ());
        let image = Image::open(&kept).unwrap();
        let (_other, damaged) = archive(change_the_largest);
        fs::copy(damaged, &kept).unwrap();
        let error = image.lay_out(folder.path()).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    }

    #[test]
    fn an_archive_of_something_else_is_refused() {
        let (_folder, archive) = archive(|layout| fs::remove_file(layout.join("index.json")).unwrap());
        assert!(Image::open(&archive).map(|image| image.digest).unwrap_err().to_string().contains("no OCI archive"));
    }
}

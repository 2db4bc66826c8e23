//! The two images, opened once.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use packaging::archive::Image;

/// The operator's image.
pub static OPERATOR: LazyLock<Image> = LazyLock::new(|| open("twinconsent-operator"));

/// The simulator's image.
pub static SIMULATOR: LazyLock<Image> = LazyLock::new(|| open("heygen-simulator"));

/// The two, with the names of their programs.
pub fn both() -> [(&'static str, &'static Image); 2] {
    [("twinconsent-operator", &OPERATOR), ("heygen-simulator", &SIMULATOR)]
}

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file that `make image` has written.
pub fn built(name: &str) -> PathBuf {
    let path = repository().join("dist").join(name);
    assert!(path.is_file(), "{} is not there: run `make image` first", path.display());
    path
}

fn open(name: &str) -> Image {
    Image::open(&built(&format!("{name}.tar"))).unwrap_or_else(|error| panic!("the image {name} is unusable: {error:#}"))
}

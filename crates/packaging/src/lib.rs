//! What goes into the container images besides the programs, and what is read out of them again.
//!
//! 1. [`certificates`]: the root certificates in the image, the same bytes on every machine.
//! 2. [`bill`]: the bill of materials beside the image, complete and without a trace of the machine.
//! 3. [`archive`]: an image as a file, opened and checked.
//!
//! The scripts in `hack/` call the binary; the tests of the images use the library.

pub mod archive;
pub mod bill;
pub mod certificates;

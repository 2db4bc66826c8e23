//! The commands, one file each.

pub mod export;
pub mod verify;
pub mod version;

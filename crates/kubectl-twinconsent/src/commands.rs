//! The commands, one file each.

pub mod check;
pub mod export;
pub mod link;
pub mod list;
pub mod status;
pub mod verify;
pub mod version;
pub mod wait;

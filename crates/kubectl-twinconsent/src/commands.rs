//! The commands but [`wait`](crate::wait), one file each.

pub mod check;
pub mod export;
pub mod import;
pub mod link;
pub mod list;
pub mod poll;
pub mod renew;
pub mod request;
pub mod resume;
pub mod status;
pub mod suspend;
pub mod verify;
pub mod version;
pub mod withdraw;

//! What is done about one consent: what comes next, and what an answer means for the status.

pub mod apply;
pub mod audit;
pub mod conditions;
pub mod digest;
pub mod explain;
pub mod landing;
pub mod link;
pub mod outcome;
pub mod permission;
pub mod policy;
pub mod polling;
pub mod report;
pub mod request;
pub mod situation;
pub mod state;
pub mod status;
pub mod step;
pub mod terms;

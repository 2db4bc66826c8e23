//! The operator at work: what it keeps, whose turn it is, and who does it.

mod account_watch;
pub mod accounts;
mod consents;
pub mod context;
pub mod gate;
pub mod limiter;
mod named_accounts;
mod owners;
pub mod poller;
pub mod reconcile;
pub mod run;
pub mod store;
pub mod sweep;
pub mod watchdog;
pub mod work_queue;

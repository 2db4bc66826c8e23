//! What runs the schedule: its shell, and the workers that do what it gives.
//!
//! The pure [`Schedule`](twinconsent_core::schedule::Schedule) answers which object is next. [`scheduler`] gives it a lock, a clock and a bell. A [`worker`] takes
//! one piece of work after the other: a consent, or a page of the list. The [`watchdog`] tells when polls are due and none begins.

mod account_reconcile;
mod account_watch;
pub mod accounts;
mod again;
mod consents;
pub mod context;
pub mod explain;
pub mod landings;
mod named_accounts;
pub mod notifications;
mod observed;
mod owners;
mod page;
mod return_page;
pub mod run;
pub mod scheduler;
mod sender;
pub mod store;
pub mod watchdog;
pub mod worker;

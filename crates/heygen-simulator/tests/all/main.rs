//! The simulator over real HTTP, one file a subject, one behaviour a test.

mod accounts;
mod consent;
mod faults;
mod idempotency;
mod list_trouble;
mod page;
mod program;
mod reads;
mod recording;
mod support;

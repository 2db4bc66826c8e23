//! PURE. Notifications: audit events on their way to a sink, which is an address that an account's administrator has named.
//!
//! What is sent, how it is signed, what an answer means, and what is tried when, are decided here. Nothing of it is stored: what waits, waits
//! in memory, within bounds, and for what must not be lost there is the audit log.
//!
//! - [`Outbox`]: what waits for one sink, and which delivery is next.
//! - [`Answer`]: what came of a delivery.
//! - [`Secret`]: signs, as <https://www.standardwebhooks.com> says.
//! - [`Notice`] and [`body`]: what is sent.

mod answer;
mod breaker;
mod content;
mod notice;
mod outbox;
mod signature;
mod standing;

pub use answer::{Answer, Dropped};
pub use content::body;
pub use notice::{Notice, youngest_first};
pub use outbox::{MOST_BYTES, MOST_EVENTS, Outbox};
pub use signature::{Secret, SecretError};
pub use standing::{Counts, Standing, Trouble};

//! Which replica acts: the holder of a Lease, with the semantics of client-go.
//!
//! ```text
//!   standby ──▶ leading ──▶ over (the process ends)
//!     │  ▲         │
//!     └──┘         └── every 2 s the Lease is renewed
//! ```
//!
//! A standby watches what the leader watches, so that it is ready when it is needed; it calls HeyGen for nothing and writes nothing but
//! its bids. The election saves calls, and is no lock: what keeps a person from getting two links is the key of a request ([`request`](
//! twinconsent_core::consent::request)), which is the same in every replica.
//!
//! Three rules make it as safe as an election without a lock can be:
//!
//! - A Lease is over when *this* process has not seen it change for as long as it is valid, by a clock that no adjustment moves. The times
//!   that stand in it are for people.
//! - A leader stops [`RENEW_DEADLINE`] after it *began* its last successful renewal, which is [`LEASE_DURATION`] minus 5 s: before any
//!   standby can take over.
//! - Every write of the Lease carries `resourceVersion`, so that of two bids one fails.
//!
//! Rejected: the published crates, which patch the Lease without a precondition, or judge its expiry by the wall clock.
//!
//! - `candidate` is pure: what to write, given what the Lease says and the time.
//! - [`election`] does it, again and again; [`leadership`](crate::kubernetes::leadership) tells whether it is this process.

mod candidate;
pub mod election;

use std::time::Duration;

/// How long a Lease is valid that is not renewed.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);

/// How long after its last renewal a leader stops.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// How often the Lease is renewed, or checked by a standby.
pub const RETRY_PERIOD: Duration = Duration::from_secs(2);

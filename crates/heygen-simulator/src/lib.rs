//! A stand-in for `api.heygen.com`: the consent calls of HeyGen's v3 API, the hosted page on which a person agrees, and
//! every fault that a client must survive, switchable while it runs.
//!
//! It shares no code with any client, so that a misreading of the API cannot hide on both sides of a test.
//! Facts about HeyGen cite "HeyGen API notes" with their section; where HeyGen's behaviour is unknown, the item's
//! documentation says what is assumed and which switch changes it.
//!
//! # How a request passes through
//!
//! ```text
//! accept loop ─► arrive (one lock: which account, which faults, which idempotency key)
//!                  ─► wait (latency, delays)
//!                  ─► act (one lock: the state changes, the answer is made)
//!                  ─► deform, delay, answer or cut the connection
//! ```
//!
//! The state stands behind one mutex that is never held across an await.
//! Nothing runs in the background: an expired link or a finished review is computed from the clock when it is read,
//! and the clock is the real one plus an offset, so a test moves a day ahead in no time.
//! The loop serves connections by itself, because the most instructive fault, "the server acted and the answer was
//! lost", needs a connection that closes without one byte of a response, which a web framework's handler cannot do.
//!
//! # Vocabulary
//!
//! * **account**: one HeyGen customer, known by one API key; groups belong to exactly one account.
//! * **group**: an avatar group, the thing that a consent is for; its **looks** are the avatars in it.
//! * **executed**: a `POST …/consent` that did something; **replayed**: one that got the stored answer of its
//!   `Idempotency-Key`.
//! * **fault rule**: a matcher and an action; every matching rule applies, the first one that answers wins.
//!
//! # Use in a test
//!
//! ```
//! use heygen_simulator::{DEMO_API_KEY, GroupDefinition, Settings, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut settings = Settings::default();
//! settings.groups.push(GroupDefinition::twin("0f3a"));
//! let simulator = Simulator::start(settings).await?;
//! let control = simulator.control();
//!
//! // … point a client with the key `DEMO_API_KEY` at `simulator.base_url()` …
//!
//! control.approve("0f3a")?;
//! assert_eq!(control.group("0f3a")?.consent_status.as_deref(), Some("approved"));
//! assert_eq!(control.summary().executed, 0);
//! simulator.stop().await;
//! # let _ = DEMO_API_KEY;
//! # Ok(())
//! # }
//! ```
//!
//! A simulator in a cluster answers `GET /_sim/clock` and `GET /_sim/summary/{group}`: the time, and what happened to a group.

mod account;
mod answer;
mod clock;
mod control;
mod cursor;
mod error;
mod fault;
mod group;
mod link;
mod listen;
pub mod person;
mod record;
mod server;
mod settings;
mod shared;
mod simulator;
mod state;
mod target;

pub use account::{AccountDefinition, AccountPatch, DEMO_API_KEY, MAIN_ACCOUNT};
pub use clock::ClockView;
pub use control::Control;
pub use error::ControlError;
pub use fault::{FaultAction, FaultMatcher, FaultRule, FaultView, ListTrouble, Reshape, Respond};
pub use group::{BulkGroups, GroupDefinition, GroupError, GroupPatch, GroupView, Look, OptionalFields};
pub use link::{LinkProgress, LinkView};
pub use record::{Effect, GroupSummary, RecordedRequest, Summary};
pub use settings::{AlreadyBound, Behaviour, BehaviourPatch, Settings};
pub use simulator::Simulator;
pub use target::PathKind;

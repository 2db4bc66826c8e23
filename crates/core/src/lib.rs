//! TwinConsent's core: what the kinds are, and what is to be done about a consent.
//!
//! Nothing here waits, reads a clock, draws a number or talks to anything: time and facts are arguments, so that a property test can try
//! what would take weeks. The dependencies are chosen so that it could not.
//!
//! - [`api`]: the three kinds, as users see them.
//! - [`consent`]: what comes next for one object, and what an answer means for its status.
//! - [`account`]: the two kinds of account, read as one.
//! - [`heygen`]: where a request to HeyGen goes, and what an answer means.
//! - [`notifications`]: audit events on their way to a sink.
//! - [`schedule`]: when each object is next, for what, and which calls to HeyGen may be made.

// A situation, a class of trouble or an answer that is added must not fall to one side by itself.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod account;
pub mod api;
pub mod consent;
pub mod heygen;
pub mod notifications;
pub mod schedule;

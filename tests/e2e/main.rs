//! Whole lifecycles: the operator's binary, a real API server, and a simulated HeyGen.
//!
//! Every test has a *world* of its own: a namespace, an account, a simulator and an operator that watches only that namespace; the
//! control plane is shared. When a world ends, everything the operator has written (logs, events, metrics, conditions, printed
//! columns) is searched for every key and every link that its simulator knows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod after_two_polls;
mod audit_log;
mod bad_input;
mod bad_input_answers;
mod bad_input_cluster;
mod bad_input_stops;
mod counts;
mod explained;
#[path = "../conditions/fixtures.rs"]
mod fixtures;
mod large_objects;
mod link_secrets;
mod links_again;
mod noise;
mod notifications;
mod notifications_again;
#[path = "../support/nowhere.rs"]
mod nowhere;
mod owners;
mod proxies;
#[path = "../support/receiver.rs"]
mod receiver;
mod recorded;
mod rows;
mod rows_account_states;
mod rows_accounts;
mod rows_answered;
mod rows_belief;
mod rows_organisation;
mod rows_owning;
mod rows_pausing;
mod rows_permitted;
mod rows_repeating;
mod rows_requests;
mod rows_secrets;
mod rows_waiting;
mod slow_clients;
mod smoke;
mod stored_earlier;
mod support;
#[path = "../heygen_wire/tls.rs"]
mod tls;
mod undecodable;
mod unreachable;
#[path = "../support/wire.rs"]
mod wire;
mod writes;

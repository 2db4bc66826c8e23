//! Every answer that HeyGen can give: the rows of the error table and the shapes, for a poll and for a request, and what a person
//! or a list can do, each run with the operator's binary on the real control plane.
//!
//! Each row has a group of its own, and an account of its own where the answer concerns the whole key. A row is checked for all
//! conditions, for the message where a person must act, for the number of requests in the time that really passed, for the number
//! of consent requests that HeyGen executed, and for its link; and it heals once HeyGen answers as it should.
//!
//! Whether the operator reads groups singly or by list pages is its own affair: what an answer is about is kept out of the lists
//! (`fails_to_read`), so that it has to be read singly, which is what the operator owes to a group that a list leaves out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod accounts;
mod bound;
mod clips;
mod late;
mod lists;
mod missing;
mod polls;
mod requests;
mod shapes;
mod stage;
#[path = "../e2e/support.rs"]
mod support;
mod table;
mod words;

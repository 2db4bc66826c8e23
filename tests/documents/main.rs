//! What the documents say, done: every block of `sh` is executed and every block of `yaml` is applied, on a real API server with the
//! operator's binary, or a mark before the block says what else becomes of it. CONTRIBUTING.md has the grammar of the marks.
//!
//! The blocks of a document run in order in one shell. A document has a cluster of its own, in which everything is set up, and gets a
//! new one where a mark says so. `TWINCONSENT_DOCUMENT=docs/installing.md` runs those of one document.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test tells its figures, and a log when it fails")]

mod batches;
mod blocks;
mod chapters;
#[path = "../flux/definitions.rs"]
mod definitions;
mod figures;
mod jobs;
mod kubelet;
mod links;
mod marks;
mod objects;
mod pages;
#[path = "../support/plugin.rs"]
mod plugin;
mod receivers;
mod recipes;
mod shell;
#[path = "../e2e/support.rs"]
mod support;
mod unrun;
mod world;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;

/// How many documents are worked on at once: they mostly wait.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn every_block_of_every_document_can_be_run() {
    let began = Instant::now();
    let chosen = std::env::var("TWINCONSENT_DOCUMENT").ok();
    let blocks = pages::blocks().unwrap_or_else(|complaints| panic!("{}\n", complaints.join("\n")));
    let groups = pages::groups();
    let chapters =
        chapters::of(blocks.into_iter().filter(|block| chosen.as_ref().is_none_or(|chosen| block.document == *chosen)).collect());
    let count = chapters.len();
    assert!(count > 0, "there is no such document");
    let handle = Handle::current();
    let failures = tokio::task::spawn_blocking(move || {
        let (waiting, failures) = (Mutex::new(VecDeque::from(chapters)), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(chapter) = { waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() } {
                        let began = Instant::now();
                        let done = chapters::run(&chapter, &groups, &handle);
                        println!("{}: {:.1?}", chapter.place(), began.elapsed());
                        if let Err(failure) = done {
                            failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                        }
                    }
                });
            }
        });
        failures.into_inner().unwrap_or_else(PoisonError::into_inner)
    });
    let failures = failures.await.unwrap();
    println!("{count} chapters in {:.1?}", began.elapsed());
    assert!(failures.is_empty(), "{}\n", failures.join("\n\n"));
}

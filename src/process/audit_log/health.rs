//! Whether the audit log can be written, and where that shows.

use std::sync::Arc;

use tokio::sync::watch;

use crate::process::complaints::Complaints;
use crate::process::metrics::Metrics;
use crate::process::server::Readiness;

/// What is told in the log of the operator.
const COMPLAINT: &str = "the audit log cannot be written; events are missing from it, or come late";

/// What is said of a log that takes longer than a status waits for it.
const TOO_SLOW: &str = "a write takes longer than 1 s";

/// Whether the audit log can be written.
pub(super) struct Health {
    trouble: watch::Sender<Option<String>>,
    /// What the log is called.
    name: String,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    complaints: Complaints,
}

impl Health {
    /// Well, until something else is known.
    pub(super) fn new(name: String, metrics: Arc<Metrics>, readiness: Readiness) -> Self {
        Self { trouble: watch::Sender::default(), name, metrics, readiness, complaints: Complaints::default() }
    }

    pub(super) fn is_well(&self) -> bool {
        self.trouble.borrow().is_none()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }

    /// Notes that the log is too slow; of a log that is known to be in trouble, that is the lesser one.
    pub(super) fn is_slow(&self) {
        self.change(|known| known.clone().or_else(|| Some(TOO_SLOW.to_owned())));
    }

    /// Notes what the trouble is, or that there is none.
    pub(super) fn set(&self, trouble: Option<String>) {
        self.change(|_| trouble);
    }

    fn change(&self, to: impl FnOnce(&Option<String>) -> Option<String>) {
        self.trouble.send_if_modified(|known| {
            let trouble = to(known);
            if *known == trouble {
                return false;
            }
            self.metrics.audit_log_writable(trouble.is_none());
            self.readiness.explain_audit_log(trouble.clone());
            match &trouble {
                Some(why) => drop(self.complaints.tell(COMPLAINT, &self.name, why)),
                None => {
                    tracing::info!(of = self.name, "the audit log can be written again");
                    self.complaints.settle(COMPLAINT, &self.name);
                }
            }
            *known = trouble;
            true
        });
    }
}

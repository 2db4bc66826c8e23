//! The operator's metrics.
//!
//! Label values are few and known beforehand: kinds, operations, outcomes. Never an object, a group, an account or a link,
//! since 100,000 objects would be 100,000 series, and a scrape is read by more people than the objects are.
//! Counters get their suffix `_total` when encoded, as OpenMetrics wants it.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::api::consent::AccountKind;

/// Upper bounds of the request duration's buckets, in seconds: from a quick read to a consent request at its deadline.
const DURATION_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Upper bounds of the delay's buckets, in seconds: from a poll in time to one that has waited for hours.
const DELAY_BUCKETS: [f64; 9] = [0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21600.0];

/// The kind of object that something was done for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `DigitalTwinConsent`.
    DigitalTwinConsent,
    /// `HeyGenAccount`.
    HeyGenAccount,
    /// `ClusterHeyGenAccount`.
    ClusterHeyGenAccount,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DigitalTwinConsent, Self::HeyGenAccount, Self::ClusterHeyGenAccount];

    /// The kind of an account; one that is not known counts with the cluster's.
    #[must_use]
    pub fn of(account: AccountKind) -> Self {
        match account {
            AccountKind::HeyGenAccount => Self::HeyGenAccount,
            AccountKind::ClusterHeyGenAccount | AccountKind::Unrecognized => Self::ClusterHeyGenAccount,
        }
    }
}

/// How a reconcile ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReconcileResult {
    /// Done, with or without a write.
    Done,
    /// Kubernetes got in the way; it is tried again.
    Failed,
}

/// How a status write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteResult {
    /// Written.
    Written,
    /// Refused because the object had changed (409).
    Conflict,
    /// Dropped: the object is gone, or no longer the one it was meant for.
    Dropped,
    /// Failed otherwise.
    Failed,
}

/// The counters, and the registry that encodes them. Share it in an `Arc`; every method is cheap and never blocks for long.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Reconcile, Counter>,
    status_writes: Family<StatusWrite, Counter>,
    heygen_requests: Family<OperationOutcome, Counter>,
    heygen_request_duration: Family<OperationOnly, Histogram, fn() -> Histogram>,
    look_delay: Histogram,
    poll_overdue: Gauge<f64, AtomicU64>,
    followed_groups: Gauge,
    waiting_requests: Gauge,
    initiations: Counter,
    unanswered_initiations: Counter,
    revocations: Counter,
    null_after_grant: Counter,
    unrecognized_after_grant: Counter,
    dropped_events: Counter,
    unwritten_statuses: Counter,
    undecodable_objects: Family<KindOnly, Gauge>,
    leader: Gauge,
}

impl Metrics {
    /// All metrics at zero, and `twinconsent_build_info` with this version.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("twinconsent"),
            reconciles: Family::default(),
            status_writes: Family::default(),
            heygen_requests: Family::default(),
            heygen_request_duration: Family::new_with_constructor(duration_histogram),
            look_delay: Histogram::new(DELAY_BUCKETS),
            poll_overdue: Gauge::default(),
            followed_groups: Gauge::default(),
            waiting_requests: Gauge::default(),
            initiations: Counter::default(),
            unanswered_initiations: Counter::default(),
            revocations: Counter::default(),
            null_after_grant: Counter::default(),
            unrecognized_after_grant: Counter::default(),
            dropped_events: Counter::default(),
            unwritten_statuses: Counter::default(),
            undecodable_objects: Family::default(),
            leader: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    /// Counts one reconcile.
    pub fn reconcile(&self, kind: Kind, result: ReconcileResult) {
        self.reconciles.get_or_create(&Reconcile { kind, result }).inc();
    }

    /// Counts one status write.
    pub fn status_write(&self, kind: Kind, result: WriteResult) {
        self.status_writes.get_or_create(&StatusWrite { kind, result }).inc();
    }

    /// Counts one request to HeyGen and records how long it took, in seconds.
    pub fn heygen_request(&self, operation: &'static str, outcome: &'static str, seconds: f64) {
        self.heygen_requests.get_or_create(&OperationOutcome { operation, outcome }).inc();
        self.heygen_request_duration.get_or_create(&OperationOnly { operation }).observe(seconds);
    }

    /// Records by how many seconds a poll came later than it was due.
    pub fn look_delay(&self, seconds: f64) {
        self.look_delay.observe(seconds);
    }

    /// Notes for how many seconds polls have been due on an account that can be asked, and none begins, on the one where that is the longest.
    pub fn poll_overdue(&self, seconds: f64) {
        self.poll_overdue.set(seconds);
    }

    /// Adds to the number of groups that are polled, and to that of consent requests that wait for a turn; negative numbers take away.
    pub fn queues_changed(&self, groups: i64, requests: i64) {
        self.followed_groups.inc_by(groups);
        self.waiting_requests.inc_by(requests);
    }

    /// Counts one consent request that HeyGen accepted, first answers and replays alike.
    pub fn initiation(&self) {
        self.initiations.inc();
    }

    /// Counts one consent request that stayed without a definite answer for 10 minutes.
    pub fn unanswered_initiation(&self) {
        self.unanswered_initiations.inc();
    }

    /// Counts one approval that HeyGen took back.
    pub fn revocation(&self) {
        self.revocations.inc();
    }

    /// Counts one poll of an approved group that came without a word of consent.
    pub fn null_after_grant(&self) {
        self.null_after_grant.inc();
    }

    /// Counts one approved group of which HeyGen says a word that the policy does not know.
    pub fn unrecognized_after_grant(&self) {
        self.unrecognized_after_grant.inc();
    }

    /// Counts one Kubernetes event that was not written because too many waited.
    pub fn event_dropped(&self) {
        self.dropped_events.inc();
    }

    /// Counts one object whose status could not be written for long; again every hour while that lasts.
    pub fn unwritten_status(&self) {
        self.unwritten_statuses.inc();
    }

    /// Notes how many objects of a kind cannot be decoded.
    pub fn undecodable_objects(&self, kind: Kind, count: usize) {
        self.undecodable_objects.get_or_create(&KindOnly { kind }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Notes whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Everything in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("reconciles", "Reconciles by kind and result", self.reconciles.clone());
        registry.register("status_writes", "Status writes by kind and result", self.status_writes.clone());
        registry.register("heygen_requests", "Requests to HeyGen by operation and outcome", self.heygen_requests.clone());
        registry.register_with_unit(
            "heygen_request_duration",
            "How long requests to HeyGen took, body included",
            Unit::Seconds,
            self.heygen_request_duration.clone(),
        );
        registry.register_with_unit(
            "poll_delay",
            "How much later than due a group was polled, by itself or by a page of the list of groups",
            Unit::Seconds,
            self.look_delay.clone(),
        );
        registry.register_with_unit(
            "poll_overdue",
            "For how long polls have been due on an account that can be used and none begins, beyond what its rateLimit explains",
            Unit::Seconds,
            self.poll_overdue.clone(),
        );
        registry.register("followed_groups", "Avatar groups that are polled", self.followed_groups.clone());
        registry.register("waiting_requests", "Consent requests that wait for their account's rateLimit", self.waiting_requests.clone());
        registry.register("initiations", "Consent requests that HeyGen accepted, replays included", self.initiations.clone());
        registry.register(
            "unanswered_initiations",
            "Consent requests without a definite answer for 10 minutes",
            self.unanswered_initiations.clone(),
        );
        registry.register("revocations", "Approvals that HeyGen took back", self.revocations.clone());
        registry.register(
            "null_after_grant",
            "Polls of an approved group that came without a consent status",
            self.null_after_grant.clone(),
        );
        registry.register(
            "unrecognized_after_grant",
            "Approved groups of which HeyGen says a word that the policy does not know",
            self.unrecognized_after_grant.clone(),
        );

        registry.register("dropped_events", "Kubernetes events that were not written because too many waited", self.dropped_events.clone());

        registry.register(
            "unwritten_statuses",
            "Objects whose status could not be written several times in a row, again every hour while that lasts",
            self.unwritten_statuses.clone(),
        );
        for kind in Kind::ALL {
            self.undecodable_objects.get_or_create(&KindOnly { kind }).set(0);
        }
        let undecodable = self.undecodable_objects.clone();
        registry.register("undecodable_objects", "Objects that cannot be decoded and are left alone", undecodable);

        registry.register("leader", "1 if this process leads its replicas, or needs no election; else 0", self.leader.clone());

        let build_info = Family::<Version, Gauge>::default();
        build_info.get_or_create(&Version { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("build_info", "Always 1; the version is in the label", build_info);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconcile {
    kind: Kind,
    result: ReconcileResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindOnly {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusWrite {
    kind: Kind,
    result: WriteResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationOutcome {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationOnly {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    version: &'static str,
}

impl EncodeLabelValue for Kind {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(
            &match self {
                Self::DigitalTwinConsent => "DigitalTwinConsent",
                Self::HeyGenAccount => "HeyGenAccount",
                Self::ClusterHeyGenAccount => "ClusterHeyGenAccount",
            },
            encoder,
        )
    }
}

impl EncodeLabelValue for ReconcileResult {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(
            &match self {
                Self::Done => "done",
                Self::Failed => "failed",
            },
            encoder,
        )
    }
}

impl EncodeLabelValue for WriteResult {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(
            &match self {
                Self::Written => "written",
                Self::Conflict => "conflict",
                Self::Dropped => "dropped",
                Self::Failed => "failed",
            },
            encoder,
        )
    }
}

fn duration_histogram() -> Histogram {
    Histogram::new(DURATION_BUCKETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_encoded_under_its_released_name() {
        let metrics = Metrics::new();
        metrics.reconcile(Kind::DigitalTwinConsent, ReconcileResult::Done);
        metrics.status_write(Kind::ClusterHeyGenAccount, WriteResult::Conflict);
        metrics.heygen_request("group", "ok", 0.2);
        metrics.look_delay(2.0);
        metrics.poll_overdue(1.5);
        metrics.queues_changed(3, 2);
        metrics.queues_changed(-1, 0);
        metrics.initiation();
        metrics.unanswered_initiation();
        metrics.revocation();
        metrics.null_after_grant();
        metrics.unrecognized_after_grant();
        metrics.event_dropped();
        metrics.unwritten_status();
        metrics.undecodable_objects(Kind::HeyGenAccount, 2);
        metrics.leads(true);
        let page = metrics.encode();
        for line in [
            "twinconsent_reconciles_total{kind=\"DigitalTwinConsent\",result=\"done\"} 1",
            "twinconsent_status_writes_total{kind=\"ClusterHeyGenAccount\",result=\"conflict\"} 1",
            "twinconsent_heygen_requests_total{operation=\"group\",outcome=\"ok\"} 1",
            "twinconsent_heygen_request_duration_seconds_bucket{le=\"0.25\",operation=\"group\"} 1",
            "twinconsent_heygen_request_duration_seconds_count{operation=\"group\"} 1",
            "twinconsent_poll_delay_seconds_bucket{le=\"5.0\"} 1",
            "twinconsent_poll_overdue_seconds 1.5",
            "twinconsent_followed_groups 2",
            "twinconsent_waiting_requests 2",
            "twinconsent_initiations_total 1",
            "twinconsent_unanswered_initiations_total 1",
            "twinconsent_revocations_total 1",
            "twinconsent_null_after_grant_total 1",
            "twinconsent_unrecognized_after_grant_total 1",
            "twinconsent_dropped_events_total 1",
            "twinconsent_unwritten_statuses_total 1",
            "twinconsent_undecodable_objects{kind=\"HeyGenAccount\"} 2",
            "twinconsent_undecodable_objects{kind=\"DigitalTwinConsent\"} 0",
            "twinconsent_leader 1",
            concat!("twinconsent_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "# EOF",
        ] {
            assert!(page.lines().any(|seen| seen == line), "{line} is not in\n{page}");
        }
    }
}

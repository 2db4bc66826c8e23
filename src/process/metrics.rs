//! The operator's metrics.
//!
//! Label values are few and known beforehand: kinds, operations, outcomes ([`labels`]); `docs/metrics.md` lists them all. Never an object, a
//! group or a link, since 100,000 objects would be 100,000 series, and a scrape is read by more people than the objects are. Accounts are
//! named where it takes their name to mend something, and so many at most ([`population`]).
//! Counters get their suffix `_total` when encoded, as OpenMetrics wants it.

pub mod labels;
pub mod population;
pub mod shown;

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use strum::VariantArray as _;

pub use labels::{AuditResult, Kind, LandingResult, Operation, PageAnswer, ReconcileResult, WriteResult};
use population::Census;
pub use population::Population;
use twinconsent_core::consent::outcome::Class;

/// Upper bounds of the request duration's buckets, in seconds: from a quick read to a consent request at its deadline.
const DURATION_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Upper bounds of the delay's buckets, in seconds: from a poll in time to one that has waited for hours.
const DELAY_BUCKETS: [f64; 9] = [0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21600.0];

/// Labels of a series: name and value.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The counters, and the registry that encodes them. Share it in an `Arc`; every method is cheap and never blocks for long.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Labels<2>, Counter>,
    status_writes: Family<Labels<2>, Counter>,
    heygen_requests: Family<Labels<2>, Counter>,
    heygen_request_duration: Family<Labels<1>, Histogram, fn() -> Histogram>,
    poll_delay: Histogram,
    poll_overdue: Gauge<f64, AtomicU64>,
    initiations: Counter,
    unanswered_initiations: Counter,
    revocations: Counter,
    null_after_grant: Counter,
    unrecognized_after_grant: Counter,
    dropped_events: Counter,
    unwritten_statuses: Counter,
    undecodable_objects: Family<Labels<1>, Gauge>,
    audit_events: Family<Labels<1>, Counter>,
    audit_log_writable: Gauge,
    return_page_requests: Family<Labels<1>, Counter>,
    landings: Family<Labels<1>, Counter>,
    leader: Gauge,
    census: Census,
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
            heygen_request_duration: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            poll_delay: Histogram::new(DELAY_BUCKETS),
            poll_overdue: Gauge::default(),
            initiations: Counter::default(),
            unanswered_initiations: Counter::default(),
            revocations: Counter::default(),
            null_after_grant: Counter::default(),
            unrecognized_after_grant: Counter::default(),
            dropped_events: Counter::default(),
            unwritten_statuses: Counter::default(),
            undecodable_objects: Family::default(),
            audit_events: Family::default(),
            audit_log_writable: Gauge::default(),
            return_page_requests: Family::default(),
            landings: Family::default(),
            leader: Gauge::default(),
            census: Census::default(),
        };
        metrics.register();
        metrics
    }

    /// Counts one reconcile.
    pub fn reconcile(&self, kind: Kind, result: ReconcileResult) {
        self.reconciles.get_or_create(&[("kind", kind.into()), ("result", result.into())]).inc();
    }

    /// Counts one status write.
    pub fn status_write(&self, kind: Kind, result: WriteResult) {
        self.status_writes.get_or_create(&[("kind", kind.into()), ("result", result.into())]).inc();
    }

    /// Counts one request to HeyGen, which came to what was asked for or to trouble, and records how long it took, in seconds.
    pub fn heygen_request(&self, operation: Operation, trouble: Option<Class>, seconds: f64) {
        let outcome = trouble.map_or("ok", Into::into);
        self.heygen_requests.get_or_create(&[("operation", operation.into()), ("outcome", outcome)]).inc();
        self.heygen_request_duration.get_or_create(&[("operation", operation.into())]).observe(seconds);
    }

    /// Records by how many seconds a poll came later than it was due.
    pub fn poll_delay(&self, seconds: f64) {
        self.poll_delay.observe(seconds);
    }

    /// Notes for how many seconds polls have been due on an account that can be asked, and none begins, on the one where that is the longest.
    pub fn poll_overdue(&self, seconds: f64) {
        self.poll_overdue.set(seconds);
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
        self.undecodable_objects.get_or_create(&[("kind", kind.into())]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts audit events, by what became of their lines.
    pub fn audit_events(&self, result: AuditResult, count: usize) {
        self.audit_events.get_or_create(&[("result", result.into())]).inc_by(count as u64);
    }

    /// Notes whether the audit log can be written.
    pub fn audit_log_writable(&self, is_writable: bool) {
        self.audit_log_writable.set(is_writable.into());
    }

    /// Counts one request for the return page.
    pub fn return_page(&self, answer: PageAnswer) {
        self.return_page_requests.get_or_create(&[("result", answer.into())]).inc();
    }

    /// Counts one landing of a person.
    pub fn landing(&self, result: LandingResult) {
        self.landings.get_or_create(&[("result", result.into())]).inc();
    }

    /// Lets accounts and consents be counted there whenever the metrics are read.
    pub fn count_population(&self, source: impl Fn() -> Population + Send + Sync + 'static) {
        self.census.take_from(source);
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
        for &kind in Kind::ALL {
            self.undecodable_objects(kind, 0);
        }
        AuditResult::VARIANTS.iter().for_each(|&result| self.audit_events(result, 0));
        self.audit_log_writable(true);
        let registry = &mut self.registry;
        registry.register("reconciles", "Objects that were worked on, by kind and how that ended", self.reconciles.clone());
        registry.register("status_writes", "Status writes by kind and how they ended", self.status_writes.clone());
        registry.register("heygen_requests", "Requests to HeyGen by what was asked and what came of it", self.heygen_requests.clone());
        let help = "How long requests to HeyGen took, from the first byte sent to the last byte of the body";
        registry.register_with_unit("heygen_request_duration", help, Unit::Seconds, self.heygen_request_duration.clone());
        let help = "How much later than due a group was polled, by itself or by a page of the list of groups: grows when rateLimit does not suffice";
        registry.register_with_unit("poll_delay", help, Unit::Seconds, self.poll_delay.clone());
        let help = "For how long polls have been due and none begins, beyond what rateLimit explains, on the account that can be used where that is the longest: 0 unless something is wrong";
        registry.register_with_unit("poll_overdue", help, Unit::Seconds, self.poll_overdue.clone());
        let help = "Consent requests that HeyGen accepted: the first answer to a key, and the same answer given again";
        registry.register("initiations", help, self.initiations.clone());
        let help = "Consent requests that stayed without a definite answer for 10 minutes";
        registry.register("unanswered_initiations", help, self.unanswered_initiations.clone());
        registry.register("revocations", "Approvals that HeyGen took back", self.revocations.clone());
        let help = "Polls of an approved group that came without a consent status";
        registry.register("null_after_grant", help, self.null_after_grant.clone());
        let help = "Approved groups with a consent status that the account's consentPolicy does not know";
        registry.register("unrecognized_after_grant", help, self.unrecognized_after_grant.clone());
        let help = "Kubernetes events that were not written because more than 4096 waited, as in a bulk creation";
        registry.register("dropped_events", help, self.dropped_events.clone());
        let help = "Objects whose status could not be written five times in a row; each again about every hour while that lasts";
        registry.register("unwritten_statuses", help, self.unwritten_statuses.clone());
        let help = "Objects that cannot be decoded and are ignored";
        registry.register("undecodable_objects", help, self.undecodable_objects.clone());
        let help = "Audit events by what became of their lines: in the audit log before the status that tells of them, after it, or never; unsynced are, besides, those that the disk may not have";
        registry.register("audit_events", help, self.audit_events.clone());
        let help = "1 if the audit log can be written, or there is none; else 0";
        registry.register("audit_log_writable", help, self.audit_log_writable.clone());
        let help = "Requests for the return page by what they were answered with";
        registry.register("return_page_requests", help, self.return_page_requests.clone());
        let help = "Persons who came back to the return page while HeyGen's answer was awaited, by what became of the note of it";
        registry.register("landings", help, self.landings.clone());
        registry.register("leader", "1 if this process leads its replicas, or needs no election; else 0", self.leader.clone());
        registry.register_collector(Box::new(self.census.clone()));

        let build_info = Family::<Labels<1>, Gauge>::default();
        build_info.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        registry.register("build_info", "Always 1; the version is in the label", build_info);
    }

    /// Metrics in which every label has every value that it can have, for the documentation and the tests that compare with it.
    ///
    /// The name of an account is `account`, its namespace `namespace`.
    #[must_use]
    pub fn with_every_value() -> Self {
        let metrics = Self::new();
        for &kind in Kind::ALL {
            ReconcileResult::VARIANTS.iter().for_each(|&result| metrics.reconcile(kind, result));
            WriteResult::VARIANTS.iter().for_each(|&result| metrics.status_write(kind, result));
        }
        for &operation in Operation::VARIANTS {
            let troubles = Class::VARIANTS.iter().copied().map(Some);
            [None].into_iter().chain(troubles).for_each(|trouble| metrics.heygen_request(operation, trouble, 0.0));
        }
        PageAnswer::VARIANTS.iter().for_each(|&answer| metrics.return_page(answer));
        LandingResult::VARIANTS.iter().for_each(|&result| metrics.landing(result));
        metrics.count_population(Population::with_every_value);
        metrics
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_encoded_under_its_released_name() {
        let metrics = Metrics::new();
        metrics.reconcile(Kind::DigitalTwinConsent, ReconcileResult::Done);
        metrics.status_write(Kind::ClusterHeyGenAccount, WriteResult::Conflict);
        metrics.heygen_request(Operation::Group, None, 0.2);
        metrics.poll_delay(2.0);
        metrics.poll_overdue(1.5);
        metrics.count_population(|| Population { followed_groups: 2, waiting_requests: 2, ..Population::default() });
        metrics.initiation();
        metrics.unanswered_initiation();
        metrics.revocation();
        metrics.null_after_grant();
        metrics.unrecognized_after_grant();
        metrics.event_dropped();
        metrics.unwritten_status();
        metrics.undecodable_objects(Kind::HeyGenAccount, 2);
        metrics.audit_events(AuditResult::Dropped, 2);
        metrics.audit_log_writable(false);
        metrics.return_page(PageAnswer::Unknown);
        metrics.landing(LandingResult::Written);
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
            "twinconsent_audit_events_total{result=\"dropped\"} 2",
            "twinconsent_audit_events_total{result=\"written\"} 0",
            "twinconsent_audit_log_writable 0",
            "twinconsent_return_page_requests_total{result=\"unknown\"} 1",
            "twinconsent_landings_total{result=\"written\"} 1",
            "twinconsent_leader 1",
            concat!("twinconsent_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "# EOF",
        ] {
            assert!(page.lines().any(|seen| seen == line), "{line} is not in\n{page}");
        }
    }
}

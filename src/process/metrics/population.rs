//! What there is: accounts and whether each is ready, consents and what each tells. Counted when it is asked for.
//!
//! These are the only metrics that name anything, and that is bounded: so many accounts of each kind (see
//! [`Accounts::shown`](crate::runtime::accounts::Accounts::shown)), and the rest as `other`. An object is never a label.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::AddAssign;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use strum::VariantArray as _;

use super::labels::Kind;
use crate::process::metrics::shown::Shown;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::conditions::{Situation, reasons};
use twinconsent_core::api::consent::AccountKind;
use twinconsent_core::notifications::{Counts, Dropped};

/// How everything is named that has no name of its own.
const OTHER: &str = "other";

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Population {
    /// Which accounts are in which state; of those that are not named, which states there are.
    pub accounts: BTreeSet<(Option<AccountKey>, Shown)>,
    /// How many consents of which account tell what.
    pub consents: BTreeMap<(Option<AccountKey>, Option<Situation>), usize>,
    /// What becomes of what is sent to which sink of which account; of those that are not named, together.
    pub sinks: BTreeMap<Option<(AccountKey, String)>, SinkFigures>,
    /// How many groups are polled.
    pub followed_groups: usize,
    /// How many consent requests wait for a permit.
    pub waiting_requests: usize,
}

/// What becomes of what is sent to a sink.
#[derive(Debug, Clone, Default)]
pub struct SinkFigures {
    /// How many events wait.
    pub waiting: usize,
    /// For how many seconds the oldest of them has been on its way.
    pub oldest: f64,
    /// What has become of the others.
    pub counts: Counts,
}

impl AddAssign for SinkFigures {
    fn add_assign(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.oldest = self.oldest.max(other.oldest);
        self.counts.add(&other.counts);
    }
}

impl Population {
    /// Accounts of each kind and `other`, in every state, with consents that tell everything.
    pub(super) fn with_every_value() -> Self {
        let of = |kind, namespace: Option<&str>| AccountKey { kind, namespace: namespace.map(str::to_owned), name: "account".to_owned() };
        let namespaced = of(AccountKind::HeyGenAccount, Some("namespace"));
        let names = [Some(namespaced), Some(of(AccountKind::ClusterHeyGenAccount, None)), None];
        let reported = || [None].into_iter().chain(Situation::VARIANTS.iter().copied().map(Some));
        Self {
            accounts: names.iter().flat_map(|name| Shown::all().map(|shown| (name.clone(), shown))).collect(),
            consents: names.iter().flat_map(|name| reported().map(|reported| ((name.clone(), reported), 1))).collect(),
            sinks: [Some((of(AccountKind::ClusterHeyGenAccount, None), "sink".to_owned())), None]
                .map(|sink| (sink, SinkFigures::default()))
                .into(),
            ..Self::default()
        }
    }
}

/// Asks for the population when it is encoded, once it is known where.
#[derive(Clone, Default)]
pub(super) struct Census(Arc<OnceLock<Box<dyn Fn() -> Population + Send + Sync>>>);

impl Census {
    /// Lets the population be asked for there, from now on.
    pub(super) fn take_from(&self, source: impl Fn() -> Population + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(source));
    }
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Census").field(&self.0.get().is_some()).finish()
    }
}

/// Which account it is about, and what it tells.
fn labels<'a>(account: Option<&'a AccountKey>, reason: &'a str) -> [(&'static str, &'a str); 4] {
    let (kind, namespace, name) = account.map_or((OTHER, OTHER, OTHER), |AccountKey { kind, namespace, name }| {
        let kind = if *kind == AccountKind::Unrecognized { OTHER } else { Kind::of(*kind).into() };
        (kind, namespace.as_deref().unwrap_or_default(), name.as_str())
    });
    [("account_kind", kind), ("account_namespace", namespace), ("account", name), ("reason", reason)]
}

impl Collector for Census {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Population { accounts, consents, sinks, followed_groups, waiting_requests } =
            self.0.get().map(|source| source()).unwrap_or_default();
        for (name, help, count) in [
            ("followed_groups", "Avatar groups that are polled", followed_groups),
            ("waiting_requests", "Consent requests that wait for their account's rateLimit", waiting_requests),
        ] {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let help = "1 if the account's Ready condition is True, else 0; reason is that of the condition";
        let mut family = encoder.encode_descriptor("account_ready", help, None, MetricType::Gauge)?;
        for (account, shown) in &accounts {
            let labels = labels(account.as_ref(), shown.reason());
            ConstGauge::new(i64::from(shown.is_ready())).encode(family.encode_family(&labels)?)?;
        }
        let help = "DigitalTwinConsents by account and by the reason of their Ready condition";
        let mut family = encoder.encode_descriptor("consents", help, None, MetricType::Gauge)?;
        for ((account, reported), count) in &consents {
            let labels = labels(account.as_ref(), reported.map_or(reasons::NOT_SEEN_YET, Situation::reason));
            ConstGauge::new(i64::try_from(*count).unwrap_or(i64::MAX)).encode(family.encode_family(&labels)?)?;
        }
        encode_sinks(&sinks, encoder)
    }
}

fn encode_sinks(sinks: &BTreeMap<Option<(AccountKey, String)>, SinkFigures>, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let named = |sink: &Option<(AccountKey, String)>| {
        let (account, sink) = sink.as_ref().map_or((OTHER, OTHER), |(account, sink)| (account.name.as_str(), sink.as_str()));
        [("account", account.to_owned()), ("sink", sink.to_owned())]
    };
    let help =
        "Deliveries of audit events to the sinks in spec.notifications of ClusterHeyGenAccounts: taken, or failed and to be tried again";
    let mut family = encoder.encode_descriptor("notification_deliveries", help, None, MetricType::Counter)?;
    for (sink, SinkFigures { counts, .. }) in sinks {
        for (result, count) in [("delivered", counts.delivered), ("failed", counts.failed)] {
            let [account, sink] = named(sink);
            ConstCounter::new(count).encode(family.encode_family(&[account, sink, ("result", result.to_owned())])?)?;
        }
    }
    let help = "Audit events that a sink will not get, by why they were dropped";
    let mut family = encoder.encode_descriptor("notification_events_dropped", help, None, MetricType::Counter)?;
    for (sink, SinkFigures { counts, .. }) in sinks {
        for &reason in Dropped::VARIANTS {
            let [account, sink] = named(sink);
            ConstCounter::new(counts.dropped(reason)).encode(family.encode_family(&[
                account,
                sink,
                ("reason", reason.word().to_owned()),
            ])?)?;
        }
    }
    let help = "Audit events that wait for a sink";
    let mut family = encoder.encode_descriptor("notification_events_waiting", help, None, MetricType::Gauge)?;
    for (sink, SinkFigures { waiting, .. }) in sinks {
        ConstGauge::new(i64::try_from(*waiting).unwrap_or(i64::MAX)).encode(family.encode_family(&named(sink))?)?;
    }
    let help = "How long the oldest audit event that waits for a sink has been on its way; after 24 h it is dropped";
    let mut family = encoder.encode_descriptor("notification_oldest_event_age", help, Some(&Unit::Seconds), MetricType::Gauge)?;
    for (sink, SinkFigures { oldest, .. }) in sinks {
        ConstGauge::new(*oldest).encode(family.encode_family(&named(sink))?)?;
    }
    Ok(())
}

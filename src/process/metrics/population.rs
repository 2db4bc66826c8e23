//! What there is: accounts and whether each is ready, consents and what each tells. Counted when it is asked for.
//!
//! These are the only metrics that name anything, and that is bounded: so many accounts of each kind (see
//! [`Accounts::shown`](crate::runtime::accounts::Accounts::shown)), and the rest as `other`. An object is never a label.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use strum::VariantArray as _;

use super::labels::Kind;
use crate::process::metrics::shown::Shown;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::conditions::{Situation, reasons};
use twinconsent_core::api::consent::AccountKind;

/// How everything is named that has no name of its own.
const OTHER: &str = "other";

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Population {
    /// Which accounts are in which state; of those that are not named, which states there are.
    pub accounts: BTreeSet<(Option<AccountKey>, Shown)>,
    /// How many consents of which account tell what.
    pub consents: BTreeMap<(Option<AccountKey>, Option<Situation>), usize>,
    /// How many groups are polled.
    pub followed_groups: usize,
    /// How many consent requests wait for a permit.
    pub waiting_requests: usize,
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
        let Population { accounts, consents, followed_groups, waiting_requests } = self.0.get().map(|source| source()).unwrap_or_default();
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
        Ok(())
    }
}

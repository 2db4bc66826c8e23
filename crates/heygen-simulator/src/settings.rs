//! What a simulator is started with, and the part of it that can change while it runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::account::{AccountDefinition, DEMO_API_KEY, MAIN_ACCOUNT};
use crate::group::GroupDefinition;

/// A day: the documented idempotency window and the observed lifetime of a link (HeyGen API notes, section 3).
const DAY: Duration = Duration::from_hours(24);

/// What a simulator is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; port 0 lets the system choose. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The address that links begin with, when it differs from the listening one (behind a Service or a container).
    pub public_url: Option<String>,
    /// The accounts; default is one, [`MAIN_ACCOUNT`] with [`DEMO_API_KEY`].
    pub accounts: Vec<AccountDefinition>,
    /// The groups that exist from the start.
    pub groups: Vec<GroupDefinition>,
    /// Everything that can also be changed later.
    pub behaviour: Behaviour,
    /// How many requests the record keeps; older ones are forgotten, the counters are not. Default 1,000,000.
    pub record_capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: None,
            accounts: vec![AccountDefinition::new(MAIN_ACCOUNT, DEMO_API_KEY)],
            groups: Vec::new(),
            behaviour: Behaviour::default(),
            record_capacity: 1_000_000,
        }
    }
}

/// How the simulator behaves; [`crate::Control::change_behaviour`] changes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// Real time that every API request takes before it acts. Default zero.
    pub latency: Duration,
    /// Simulated time from the person's decision (or an uploaded clip) to the end of the review. Default zero.
    pub review_time: Duration,
    /// Simulated time after which a link is dead. Default 24 h, observed (HeyGen API notes, section 3).
    pub link_lifetime: Duration,
    /// Simulated time for which an idempotency key replays. Default 24 h, documented (HeyGen API notes, section 3).
    pub idempotency_window: Duration,
    /// Every POST executes, whatever its key. Default false.
    pub ignore_idempotency_keys: bool,
    /// Errors answered to a POST with a key, including those of fault rules, are replayed like successes. Whether
    /// HeyGen does so is unknown (HeyGen API notes, section 3). Default false.
    pub replay_errors: bool,
    /// The word for a passed review. Default `approved`; live accounts were also seen to answer `accepted` (HeyGen API
    /// notes, section 4).
    pub approved_word: String,
    /// The word for a refusal. Default `rejected`.
    pub rejected_word: String,
    /// When set, a POST that would execute for a group with a live link is refused with the text "security code
    /// already binded" (HeyGen API notes, section 3). Default none.
    pub already_bound: Option<AlreadyBound>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            review_time: Duration::ZERO,
            link_lifetime: DAY,
            idempotency_window: DAY,
            ignore_idempotency_keys: false,
            replay_errors: false,
            approved_word: "approved".to_owned(),
            rejected_word: "rejected".to_owned(),
            already_bound: None,
        }
    }
}

/// How "security code already binded" shows; neither is known (HeyGen API notes, section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlreadyBound {
    /// The HTTP status.
    pub status: u16,
    /// The envelope's `code`.
    pub code: String,
}

/// A change to [`Behaviour`]; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BehaviourPatch {
    /// See [`Behaviour::latency`].
    pub latency: Option<Duration>,
    /// See [`Behaviour::review_time`].
    pub review_time: Option<Duration>,
    /// See [`Behaviour::link_lifetime`].
    pub link_lifetime: Option<Duration>,
    /// See [`Behaviour::idempotency_window`].
    pub idempotency_window: Option<Duration>,
    /// See [`Behaviour::ignore_idempotency_keys`].
    pub ignore_idempotency_keys: Option<bool>,
    /// See [`Behaviour::replay_errors`].
    pub replay_errors: Option<bool>,
    /// See [`Behaviour::approved_word`].
    pub approved_word: Option<String>,
    /// See [`Behaviour::rejected_word`].
    pub rejected_word: Option<String>,
    /// See [`Behaviour::already_bound`]; `Some(None)` switches it off.
    pub already_bound: Option<Option<AlreadyBound>>,
}

impl Behaviour {
    pub(crate) fn apply(&mut self, patch: BehaviourPatch) {
        fn replace<T>(field: &mut T, new: Option<T>) {
            if let Some(new) = new {
                *field = new;
            }
        }
        // Without `..`, so that a new field cannot be forgotten here.
        let BehaviourPatch {
            latency,
            review_time,
            link_lifetime,
            idempotency_window,
            ignore_idempotency_keys,
            replay_errors,
            approved_word,
            rejected_word,
            already_bound,
        } = patch;
        replace(&mut self.latency, latency);
        replace(&mut self.review_time, review_time);
        replace(&mut self.link_lifetime, link_lifetime);
        replace(&mut self.idempotency_window, idempotency_window);
        replace(&mut self.ignore_idempotency_keys, ignore_idempotency_keys);
        replace(&mut self.replay_errors, replay_errors);
        replace(&mut self.approved_word, approved_word);
        replace(&mut self.rejected_word, rejected_word);
        replace(&mut self.already_bound, already_bound);
    }
}

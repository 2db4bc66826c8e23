//! TwinConsent: a Kubernetes operator that obtains, follows and keeps proving a person's consent to the use of their HeyGen digital
//! twin.
//!
//! # The way of a consent
//!
//! Whatever happens to a consent, also a request for consent under load, goes one way of five stops, each of which is one file, and then
//! again from the start, until there is nothing to do for now:
//!
//! ```text
//!           change              a consent, perhaps with         a call, with
//!                               a permit                        its permit
//!   watch ──────────▶ schedule ────────────────────▶ worker ─────────────────▶ client ──▶ HeyGen
//!     ▲                  ▲                           │ │  ▲      an answer       │
//!     │                  └── rest: when next, and ───┘ │  └──────────────────────┘
//!     │                      what for                  ▼ what the answer means
//!     └───────────────── the newer object ────── status writer ──▶ Kubernetes
//! ```
//!
//! - **watch** ([`runtime::consents`](runtime)): what has changed, and is kept as text without what is never read ([`runtime::store`]).
//! - **schedule** ([`schedule`](twinconsent_core::schedule)): pure. One entry an object: when it is next, for what, with which priority, not
//!   before when. It alone gives permits to call HeyGen, and takes turns by account, priority and namespace.
//! - **worker** ([`runtime::worker`]): takes what the schedule gives and asks the core for the next [`step`](twinconsent_core::consent::step);
//!   with a permit it acts, without one it asks for it and rests; then it asks the core what came of it
//!   ([`apply`](twinconsent_core::consent::apply)).
//! - **client** ([`heygen`]): one request, and its answer as a value.
//! - **status writer** ([`kubernetes::status`](kubernetes)): one patch, on condition that the object is still the one that was decided on.
//!
//! What a written status has told is handed to the sinks of the account ([`runtime::notifications`]), which nothing waits for.
//!
//! Beside the way stand [`runtime::scheduler`], the schedule's lock, clock and bell, and what sees that all that was given comes back;
//! and a page of the list of groups, which shows the schedule fifty groups a call, and reaches a worker only for those that have changed.
//!
//! What decides is a crate of its own, [`twinconsent_core`], which knows no clock, no randomness and no client: time and facts are
//! arguments, so that a property test can try what would take weeks.
//! Modules of this crate that keep to the same begin with `PURE.`
//! Nothing is stored but the status, and no step is written down before it is taken: a request to HeyGen carries a key that is a function of
//! namespace and spec, so that a repetition, after whatever crash, gets the first answer again ([`request`](twinconsent_core::consent::request)).
//!
//! # Vocabulary
//!
//! | word | meaning |
//! |---|---|
//! | consent | a `DigitalTwinConsent` object: whom to ask, and what came of it |
//! | group | an avatar group at HeyGen, which depicts one person; it contains *avatar looks*, HeyGen's word for its pictures and videos |
//! | poll | a GET at HeyGen to learn a group's word of consent, by a read of the one group or by a page of the list |
//! | word | what HeyGen says about consent, as HeyGen writes it; the account's policy says what it means |
//! | initiation | the one POST that makes HeyGen issue a link |
//! | epoch | the number in the spec that a user raises to ask for a new initiation |
//! | request | account, namespace, group, content and epoch: what one initiation is for |
//! | outcome | what HeyGen answered, as a value; also "nothing" |
//! | situation | a row of the conditions table: what the object's conditions say |
//! | owner | the one object that may ask about a group on an account |
//! | budget | how fast a key may be used, and whether at all right now: a token bucket and a circuit breaker |
//! | permit | leave for one call to HeyGen, given by the schedule alone |
//! | priority | what comes first when there are fewer tokens than calls |
//! | list scan | one way through all pages of the list of groups |
//! | sink | where an account's administrator has events sent |
//! | rules | what an account says about its consents: policy, pace, lifetime of a link |
//!
//! # Reading order
//!
//! Each layer knows those above it in this list and none below; `tests/architecture` reads the imports.
//!
//! 1. [`twinconsent_core`]: the three kinds as users see them, what is to be done about one consent, the accounts' settings.
//! 2. [`process`]: arguments, clocks, logs, metrics, the server for probes.
//! 3. [`heygen`]: the client.
//! 4. [`kubernetes`]: reading, watching, writing; which replica leads; what must be in order before it works.
//! 5. [`runtime`]: what is kept of every object, which owns which group, which is next, and what does it.

pub mod heygen;
pub mod kubernetes;
pub mod process;
pub mod runtime;

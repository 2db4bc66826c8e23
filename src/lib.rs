//! TwinConsent: a Kubernetes operator that obtains, follows and keeps proving a person's consent to the use of their HeyGen digital
//! twin.
//!
//! # The flow
//!
//! Everything that happens to an object goes one way, and then again from the start, until there is nothing to do for now:
//!
//! ```text
//!                  ┌──────────── again, with the newer object ───────────┐
//!                  ▼                                                     │
//!   watch ──▶ decide (pure) ──▶ act (one effect) ──▶ apply  (pure) ──▶ record (one writer)
//!     ▲            │
//!     │            └──▶ rest until a time, or until something changes
//!     └── an alarm, the sweep, a change of the object, of its account, of the owner of its group
//! ```
//!
//! - **watch** ([`runtime::consents`]): three kinds, kept as text without what nobody reads ([`runtime::store`]), at most so many objects
//!   at once ([`runtime::work_queue`]).
//! - **decide** ([`step`](twinconsent_core::consent::step)): object, facts and time in, one step out.
//! - **act** ([`runtime::reconcile`]): that step: a request to HeyGen, or reading or writing the link Secret.
//! - **apply** ([`apply`](twinconsent_core::consent::apply)): what came of it, as a new status.
//! - **record** ([`kubernetes`]): one status patch, under the precondition that the object is still the one that was decided on.
//!
//! What decides is a crate of its own, [`twinconsent_core`], which knows no clock, no randomness and no client: time and facts are
//! arguments, so that a property test can try what would take weeks.
//! Modules of this crate that keep to the same begin with `PURE.`
//! Nothing is stored but the status, and no step is written down before it is taken: a request to HeyGen carries a key that is a function of
//! namespace and spec, so whoever repeats it, after whatever crash, gets the first answer again ([`request`](twinconsent_core::consent::request)).
//!
//! An object that rests leaves two things behind: a time at which it is to be decided anew, and a seat in the book of its account, which
//! says when its group is to be looked at and what it looked like. The sweep ([`runtime::sweep`]) works through that book with as few calls as it
//! can, by pages of the list or one by one, and wakes the objects whose groups have changed; it decides nothing itself. It also gives
//! out the account's tokens when they are scarce, so that nobody waits for one inside a reconcile.
//!
//! # Vocabulary
//!
//! | word | meaning |
//! |---|---|
//! | consent | a `DigitalTwinConsent` object: whom to ask, and what came of it |
//! | group | an avatar group at HeyGen, which depicts one person; it contains *avatar looks*, HeyGen's word for its pictures and videos |
//! | look | reading the group at HeyGen to learn its word of consent; never an avatar look |
//! | word | what HeyGen says about consent, as HeyGen writes it; the account's policy says what it means |
//! | initiation | the one POST that makes HeyGen issue a link |
//! | epoch | the number in the spec that a user raises to ask for a new initiation |
//! | request | account, namespace, group, content and epoch: what one initiation is for |
//! | outcome | what HeyGen answered, as a value; also "nothing" |
//! | situation | a row of the conditions table: what the object's conditions say |
//! | owner | the one object that may ask about a group on an account |
//! | gate | how fast a key may be used, and whether at all right now |
//! | seat | a group that is to be looked at, in the book of its account |
//! | pass | one way through all pages of the list of groups |
//! | terms | what an account says about its consents: policy, pace, lifetime of a link |
//!
//! # Reading order
//!
//! Each layer knows those above it in this list and none below; `tests/architecture` reads the imports.
//!
//! 1. [`twinconsent_core`]: the three kinds as users see them, what is to be done about one consent, the accounts' settings.
//! 2. [`process`]: arguments, clocks, logs, metrics, the server for probes.
//! 3. [`heygen`]: the client.
//! 4. [`kubernetes`]: reading, watching, writing; which replica leads; what must be in order before it works.
//! 5. [`runtime`]: what is kept of every object, who owns which group, who is next, and who does it.

pub mod heygen;
pub mod kubernetes;
pub mod process;
pub mod runtime;

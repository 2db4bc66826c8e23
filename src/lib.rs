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
//!   watch ──▶ decide (pure) ──▶ act (one effect) ──▶ settle (pure) ──▶ record (one writer)
//!     ▲            │
//!     │            └──▶ rest until a time, or until something changes
//!     └── an alarm, the sweep, a change of the object, of its account, of the owner of its group
//! ```
//!
//! - **watch** ([`controller`]): three kinds, kept as text without what nobody reads ([`roster`]), at most so many objects at once
//!   ([`queue`]).
//! - **decide** ([`decide`]): object, facts and time in, one step out.
//! - **act** ([`reconcile`]): that step: a request to HeyGen, or a look at the link Secret.
//! - **settle** ([`settle`]): what came of it, as a new status.
//! - **record** ([`kubernetes`]): one status patch, under the precondition that the object is still the one that was decided on.
//!
//! The pure modules know no clock, no randomness and no client: time and facts are arguments, so that a property test can try what
//! would take weeks.
//! Their first words are `PURE.`
//! Nothing is stored but the status, and no step is written down before it is taken: a request to HeyGen carries a key that is a function of
//! namespace and spec, so whoever repeats it, after whatever crash, gets the first answer again ([`request`]).
//!
//! An object that rests leaves two things behind: a time at which it is to be decided anew, and a seat in the book of its account, which
//! says when its group is to be looked at and what it looked like. The sweep ([`sweep`]) works through that book with as few calls as it
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
//! 1. [`api`]: the three kinds, as users see them; [`link`] and [`request`]: the link, and the key that names a request.
//! 2. [`outcome`], [`terms`], [`memory`]: what the core is told.
//! 3. [`decide`], [`settle`], [`pace`]: the core; [`reports`]: what it can tell as an event; [`explain`]: what it tells of a decision.
//! 4. [`reconcile`]: the shell around it.
//! 5. [`sweep`]: following many at once.
//! 6. [`heygen`], [`account`], [`kubernetes`], [`watch`], [`slim`], [`undecodable`], [`roster`], [`fold`], [`queue`]: what the shell uses:
//!    HeyGen, keys, Kubernetes, who owns what, who is next.
//! 7. [`controller`], [`context`]: how it is wired.
//! 8. [`preflight`], [`leader`], [`leadership`]: what must be in order before it works, and which replica does.
//! 9. [`config`], [`proxies`], [`renewal`], [`telemetry`], [`complaints`], [`metrics`], [`server`], [`shutdown`], [`clock`]: the process.

pub mod heygen;
pub mod kubernetes;
pub mod process;
pub mod runtime;

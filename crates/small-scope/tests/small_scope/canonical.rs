//! The canonical form of a state, as 128 bits: two states with the same form go on in the same way.
//!
//! Times count from now, and as the same when they are more than a day and a bit away; versions count by their order. Left out is what
//! decides nothing: messages, names, and when a condition or a word was seen.
//!
//! Structs are taken apart without `..`: a new field has to be thought of here.

use jiff::Timestamp;
use twinconsent_core::api::conditions::types;
use twinconsent_core::api::consent::{AlreadyBegun, Approval, AskedTerms, DigitalTwinConsent, DigitalTwinConsentStatus, Initiation};
use twinconsent_core::consent::apply::Input;
use twinconsent_core::consent::landing::Landed;
use twinconsent_core::consent::state::{Answer, Attempt, Looks, Memory, Seen};
use twinconsent_core::consent::step::{NextPoll, PollKind, Rest, Then};

use crate::heygen::{Executed, HeyGen};
use crate::shell::InHand;
use crate::world::{Entry, Known, Replica, Scheduled, Shown, World, at, version};

/// Beyond this, in seconds, it makes no difference how long ago something was.
const HORIZON: i64 = 74 * 3600;

/// The canonical form.
pub type Key = (u64, u64);

/// Makes a form from numbers.
#[derive(Clone, Copy)]
struct Form<'a> {
    key: Key,
    now: Timestamp,
    versions: &'a [u64],
}

impl Form<'_> {
    fn number(&mut self, number: u64) {
        let (a, b) = &mut self.key;
        *a = (*a ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        *b = (*b ^ number.rotate_left(17)).wrapping_mul(0xc2b2_ae3d_27d4_eb4f).rotate_left(31);
    }

    fn flag(&mut self, flag: bool) {
        self.number(u64::from(flag) + 1);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            self.number(chunk.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
    }

    fn version(&mut self, version: u64) {
        let rank = self.versions.partition_point(|other| *other < version);
        self.number(rank as u64);
    }

    fn time(&mut self, time: Timestamp) {
        let away = time.as_second() - self.now.as_second();
        self.number(away.clamp(-HORIZON, HORIZON).cast_unsigned());
    }

    fn second(&mut self, second: i64) {
        self.time(at(second));
    }

    fn some<T>(&mut self, value: Option<T>, form: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            form(self, value);
        }
    }

    fn object(&mut self, object: &DigitalTwinConsent) {
        let DigitalTwinConsent { metadata, spec, status } = object;
        self.text(metadata.uid.as_deref().unwrap_or_default());
        self.number(metadata.generation.unwrap_or_default().cast_unsigned());
        self.flag(metadata.deletion_timestamp.is_some());
        self.flag(metadata.annotations.is_some());
        self.some(metadata.creation_timestamp.as_ref(), |form, time| form.time(time.0));
        self.number(spec.request_epoch.unwrap_or_default().cast_unsigned());
        self.flag(spec.suspend.unwrap_or(false));
        self.flag(spec.ready_when.is_some());
        self.text(spec.consent_text.as_deref().unwrap_or_default());
        self.flag(spec.withdrawal.is_some());
        self.flag(spec.valid_until.is_some());
        self.flag(spec.initiate.is_some());
        self.some(status.as_ref(), Self::status);
    }

    fn status(&mut self, status: &DigitalTwinConsentStatus) {
        let DigitalTwinConsentStatus {
            observed_generation,
            object_uid,
            last_handled_reconcile_at,
            url,
            link_expiration_time,
            consent_status,
            group,
            initiation,
            initiation_time,
            already_begun,
            asked_terms,
            approval,
            revocation,
            valid_until: _,
            landing_time,
            audit: _,
            history,
            conditions,
        } = status;
        self.number(observed_generation.unwrap_or_default().cast_unsigned());
        self.some(object_uid.as_deref(), Self::text);
        self.flag(last_handled_reconcile_at.is_some());
        self.some(url.as_deref(), Self::text);
        self.some(consent_status.as_deref(), Self::text);
        self.flag(group.is_some());
        for time in [link_expiration_time, initiation_time] {
            self.some(time.as_ref(), |form, time| form.time(time.0));
        }
        self.some(landing_time.as_ref(), |form, time| form.time(time.0));
        self.some(asked_terms.as_ref(), |form, AskedTerms { digests, more }| {
            digests.iter().for_each(|digest| form.text(digest));
            form.flag(more.unwrap_or(false));
        });
        self.some(approval.as_ref(), |form, approval| {
            let Approval { time, consent_status, request_epoch: _, statement: _, statement_digest, purpose_digest: _, request_id: _ } =
                approval;
            form.time(time.0);
            form.text(consent_status.as_deref().unwrap_or_default());
            form.text(statement_digest.as_deref().unwrap_or_default());
        });
        self.flag(revocation.is_some());
        self.some(initiation.as_ref(), |form, initiation| {
            let Initiation { epoch: _, idempotency_key, request_id: _, renewals, statement: _, statement_digest: _, purpose_digest: _ } =
                initiation;
            form.text(idempotency_key);
            form.number(renewals.unwrap_or_default().cast_unsigned());
        });
        self.some(already_begun.as_ref(), |form, AlreadyBegun { epoch, idempotency_key, request_id: _ }| {
            form.number(epoch.cast_unsigned());
            form.text(idempotency_key);
        });
        for entry in history {
            self.text(entry.consent_status.as_deref().unwrap_or_default());
            self.number(entry.request_epoch.cast_unsigned());
        }
        for condition in conditions {
            self.text(&condition.type_);
            self.text(&condition.status);
            self.text(&condition.reason);
            if condition.type_ == types::READY {
                self.time(condition.last_transition_time.0);
            }
        }
    }

    fn memory(&mut self, memory: &Memory) {
        let Memory {
            generation,
            polled_at,
            seen,
            looks,
            retry_at,
            failures,
            trouble,
            trouble_code: _,
            missing_since,
            withdrawn_since,
            unrecognized_since,
            attempt,
            answer,
            unwritten,
            free_link_secret,
            link_check,
            link_gone,
            reread_at,
            landed,
            history,
        } = memory;
        self.number(generation.cast_unsigned());
        self.some(*landed, |form, Landed { time, since, is_settled }| {
            form.time(time);
            form.time(since);
            form.flag(is_settled);
        });
        self.some(seen.as_deref(), |form, Seen { at, group }| {
            form.time(*at);
            form.some(group.as_ref(), |form, group| form.some(group.consent_status.as_deref(), Self::text));
        });
        self.some(looks.as_deref(), |form, Looks { types, next: _, pages }| {
            form.number(types.len() as u64);
            form.number((*pages).into());
        });
        for time in [polled_at, retry_at, missing_since, withdrawn_since, unrecognized_since, link_check, reread_at] {
            self.some(*time, Self::time);
        }
        self.number((*failures).into());
        self.some(*trouble, |form, trouble| form.number(trouble as u64));
        self.some(attempt.as_deref(), |form, attempt| {
            let Attempt { idempotency_key, not_before, unanswered_since, unanswered_said, refused } = attempt;
            form.text(idempotency_key);
            form.some(*not_before, Self::time);
            form.some(*unanswered_since, Self::time);
            form.flag(*unanswered_said);
            form.some(*refused, |form, (class, times)| form.number(class as u64 * 16 + u64::from(times)));
        });
        self.some(answer.as_deref(), |form, answer| {
            let Answer { at, request, terms: _, outcome: _, in_secret } = answer;
            form.time(*at);
            form.text(&request.idempotency_key);
            form.some(answer.link(), |form, link| form.text(link.expose()));
            form.some(*in_secret, Self::flag);
        });
        self.some(unwritten.as_deref(), |form, unwritten| {
            form.number(unwritten.failures.into());
            form.time(unwritten.not_before);
        });
        self.text(free_link_secret.as_deref().unwrap_or_default());
        self.flag(*link_gone);
        self.number((*history).into());
    }

    fn in_hand(&mut self, in_hand: &InHand) {
        let InHand { base, facts, input, then, at } = in_hand;
        self.version(version(base));
        self.object(base);
        self.memory(&facts.memory);
        self.second(*at);
        // What it is follows from object and memory, but for the answer.
        match input {
            Input::Found(finding) => self.text(&format!("{finding:?}")),
            Input::AnswerInHand => self.text("answer in hand"),
            Input::Answered(_, outcome) => self.text(&format!("{outcome:?}")),
            Input::Secret(secret) => self.text(&format!("{secret:?}")),
        }
        match then {
            Then::Decide => self.flag(false),
            Then::Rest(rest) => self.rest(rest),
        }
    }

    fn rest(&mut self, Rest { until, poll }: &Rest) {
        self.some(*until, Self::time);
        self.some(*poll, Self::poll);
    }

    fn poll(&mut self, NextPoll { at, kind }: NextPoll) {
        self.time(at);
        match kind {
            PollKind::Forced => self.number(1),
            PollKind::Landed => self.number(6),
            PollKind::Wanted { by_list } => self.number(2 + u64::from(by_list)),
            PollKind::Routine { print: _, rhythm: _, wanted_from, by_list } => {
                self.number(4 + u64::from(by_list));
                self.some(wanted_from, Self::time);
            }
        }
    }

    fn entry(&mut self, entry: &Entry) {
        let Entry { copy, memory, written, woken, alarm, permit_at, scheduled, acted_at, handed, in_hand, read, withdrawing_since } = entry;
        self.version(version(copy));
        self.object(copy);
        self.memory(memory);
        self.flag(version(copy) < *written);
        self.flag(*woken);
        for time in [alarm, permit_at, withdrawing_since] {
            self.some(*time, Self::second);
        }
        self.some(scheduled.as_ref(), |form, Scheduled { poll, word, polled_at }| {
            form.poll(*poll);
            form.some(word.as_deref(), Self::text);
            form.some(*polled_at, Self::time);
        });
        self.some(acted_at.filter(|_| handed.is_some()), Self::time);
        self.some(*handed, |form, (at, poll)| {
            form.time(at);
            match poll {
                Shown::Lost => form.number(1),
                Shown::Word(word) => form.text(word.unwrap_or_default()),
            }
        });
        self.some(in_hand.as_deref(), Self::in_hand);
        self.some(*read, |form, (at, word)| {
            form.second(at);
            form.text(word.unwrap_or_default());
        });
    }

    fn replica(&mut self, Replica { started, entries, owner }: &Replica) {
        self.second(*started);
        self.number(owner.map_or(9, |owner| owner as u64));
        for entry in entries {
            self.some(entry.as_ref(), Self::entry);
        }
    }

    fn heygen(&mut self, HeyGen { word, is_down, is_bound, keys, links }: &HeyGen) {
        self.text(word.unwrap_or_default());
        self.flag(word.is_some());
        self.flag(*is_down);
        self.flag(*is_bound);
        self.number((*links).into());
        for Executed { key, at, link, place, statement, uids } in keys {
            self.text(key);
            self.text(statement);
            uids.iter().for_each(|uid| self.text(uid));
            self.second(*at);
            self.number(u64::from(*link) * 8 + *place as u64);
        }
    }

    fn known(&mut self, Known { serial, read, is_brought, before, executed, seen }: &Known) {
        self.some(before.as_deref(), Self::object);
        seen.iter().for_each(|statement| self.text(statement));
        self.number((*serial).into());
        for (uid, word) in read {
            self.text(uid);
            self.text(word.unwrap_or_default());
        }
        self.flag(*is_brought);
        for (at, epoch) in executed {
            self.second(*at);
            self.number(epoch.cast_unsigned());
        }
    }
}

/// The form of a state: without what has been used up, for those that only go on by themselves.
pub fn form(world: &World, with_budget: bool) -> Key {
    let mut versions: Vec<u64> = world.kube.iter().flatten().map(|object| version(object)).collect();
    for entry in world.replicas.iter().flat_map(|replica| replica.entries.iter().flatten()) {
        versions.push(version(&entry.copy));
        versions.extend(entry.in_hand.as_ref().map(|in_hand| version(&in_hand.base)));
    }
    versions.sort_unstable();
    versions.dedup();
    let mut form = Form { key: (0, 0), now: at(world.now), versions: &versions };
    for (object, secret) in world.kube.iter().zip(&world.secrets) {
        form.some(object.as_deref(), |form, object| {
            form.version(version(object));
            form.object(object);
        });
        form.flag(secret.foreign);
        form.flag(secret.unwritable);
        form.some(secret.link.as_deref(), Form::text);
    }
    form.flag(world.refuses_writes);
    world.served.iter().for_each(|served| form.flag(*served));
    form.number(world.policy as u64);
    form.heygen(&world.heygen);
    world.known.iter().for_each(|known| form.known(known));
    if with_budget {
        form.number(world.disturbed.into());
        world.used.iter().for_each(|used| form.number((*used).into()));
        form.some(world.backup.as_ref(), |form, backup| {
            for object in backup {
                form.some(object.as_deref(), Form::object);
            }
        });
    }
    // The replicas are alike: it does not matter which is which.
    let mut replicas: Vec<Key> = world
        .replicas
        .iter()
        .map(|replica| {
            let mut own = Form { key: (0, 0), ..form };
            own.replica(replica);
            own.key
        })
        .collect();
    replicas.sort_unstable();
    for (a, b) in replicas {
        form.number(a);
        form.number(b);
    }
    form.key
}

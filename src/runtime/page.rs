//! One page of the list of an account's groups: read, and shown to the schedule, which knows what is new about it.

use crate::runtime::context::Context;
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::schedule::Ending;

use super::scheduler::Permit;

/// Reads a page of the list: the first, or the one behind a cursor.
pub(super) async fn read(account: &AccountKey, cursor: Option<&str>, permit: Permit, context: &Context) {
    let (_, usable) = context.accounts.fact(account);
    // Asked again: the process may have been frozen since, and the account may be another one.
    let Some(usable) = usable.filter(|usable| permit.is_of(&usable.budget) && context.may_act()) else {
        permit.end(Ending::NotSent);
        return;
    };
    let Some(outcome) = context.stopping.run_until_cancelled(context.heygen.list_groups(&usable.credentials, cursor)).await else {
        permit.end(Ending::NotSent);
        return;
    };
    let counts = context.accounts.uses(account, &usable.budget);
    context.learn(account, &usable, &outcome);
    permit.end(if counts { Ending::Came(outcome) } else { Ending::Superseded });
}

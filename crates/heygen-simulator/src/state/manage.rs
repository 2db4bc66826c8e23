//! What [`crate::Control`] changes and shows.

use super::State;
use crate::account::{Account, AccountDefinition, AccountPatch};
use crate::clock::millis;
use crate::error::ControlError;
use crate::group::{BulkGroups, GroupDefinition, GroupPatch, GroupView};
use crate::link::LinkView;
use crate::record::GroupSummary;

impl State {
    pub(crate) fn create_account(&mut self, definition: AccountDefinition) -> Result<(), ControlError> {
        let AccountDefinition { name, api_key, enterprise } = definition;
        if name.is_empty() {
            return Err(ControlError::invalid("name", "must not be empty"));
        }
        if self.account_index(&name).is_ok() {
            return Err(ControlError::AccountExists(name));
        }
        self.check_key(&api_key)?;
        self.keys.insert(api_key, self.accounts.len());
        let groups = std::collections::BTreeMap::new();
        self.accounts.push(Account { name, enterprise, key_refused: false, bearer_refused: false, groups, list_scans: 0 });
        Ok(())
    }

    pub(crate) fn patch_account(&mut self, name: &str, patch: AccountPatch) -> Result<(), ControlError> {
        let index = self.account_index(name)?;
        let AccountPatch { api_key, key_refused, bearer_refused, enterprise } = patch;
        if let Some(key) = api_key
            && self.keys.get(&key) != Some(&index)
        {
            self.check_key(&key)?;
            self.keys.retain(|_, account| *account != index);
            self.keys.insert(key, index);
        }
        let account = &mut self.accounts[index];
        account.key_refused = key_refused.unwrap_or(account.key_refused);
        account.bearer_refused = bearer_refused.unwrap_or(account.bearer_refused);
        account.enterprise = enterprise.unwrap_or(account.enterprise);
        Ok(())
    }

    fn check_key(&self, key: &str) -> Result<(), ControlError> {
        if key.is_empty() {
            return Err(ControlError::invalid("api_key", "must not be empty"));
        }
        if self.keys.contains_key(key) {
            return Err(ControlError::invalid("api_key", "belongs to another account"));
        }
        Ok(())
    }

    pub(crate) fn create_bulk(&mut self, bulk: &BulkGroups) -> Result<usize, ControlError> {
        for number in 0..bulk.count {
            let mut group = GroupDefinition::twin(format!("{}{number:06}", bulk.prefix));
            group.account.clone_from(&bulk.account);
            self.create_group(group)?;
        }
        Ok(bulk.count)
    }

    pub(crate) fn patch_group(&mut self, id: &str, patch: GroupPatch) -> Result<(), ControlError> {
        match self.groups.get_mut(id) {
            Some(group) => {
                group.apply(patch);
                Ok(())
            }
            None => Err(ControlError::UnknownGroup(id.to_owned())),
        }
    }

    /// Deletes the group with its links and idempotency keys; what the record knows of it stays.
    pub(crate) fn delete_group(&mut self, id: &str) -> Result<(), ControlError> {
        let Some(group) = self.groups.remove(id) else {
            return Err(ControlError::UnknownGroup(id.to_owned()));
        };
        self.accounts[group.account].groups.remove(&group.sequence);
        self.public_groups.remove(&group.sequence);
        for token in &group.links {
            self.links.remove(token);
        }
        self.idempotency.forget_group(id);
        Ok(())
    }

    pub(crate) fn view_group(&self, id: &str) -> Result<GroupView, ControlError> {
        let Some(group) = self.groups.get(id) else {
            return Err(ControlError::UnknownGroup(id.to_owned()));
        };
        let now = self.clock.now();
        let lifetime = millis(self.behaviour.link_lifetime);
        let links = group
            .links
            .iter()
            .filter_map(|token| {
                let link = self.links.get(token)?;
                let expires_ms = link.created.saturating_add(lifetime);
                Some(LinkView {
                    url: self.link_url(token),
                    created_ms: link.created,
                    expires_ms,
                    expired: now >= expires_ms,
                    progress: link.progress,
                    reroute_url: link.reroute_url.clone(),
                    consent_text: link.consent_text.clone(),
                })
            })
            .collect();
        Ok(GroupView {
            id: id.to_owned(),
            account: self.accounts[group.account].name.clone(),
            name: group.name.clone(),
            created_at: group.created_at,
            looks: group.looks.clone(),
            consent_status: group.consent_status(now).map(str::to_owned),
            status: group.status.clone(),
            error: group.error.clone(),
            review_ends_ms: group.review_ends(now),
            links,
        })
    }

    pub(crate) fn group_summary(&self, id: &str) -> GroupSummary {
        let mut summary = self.record.group(id);
        summary.links = self.groups.get(id).map_or(0, |group| group.links.len());
        summary
    }

    /// Every group that exists or that a request named, by id.
    pub(crate) fn group_summaries(&self) -> Vec<GroupSummary> {
        let vanished = self.record.groups().filter(|group| !self.groups.contains_key(&group.id)).cloned();
        let mut all: Vec<GroupSummary> = self.groups.keys().map(|id| self.group_summary(id)).chain(vanished).collect();
        all.sort_by(|left, right| left.id.cmp(&right.id));
        all
    }
}

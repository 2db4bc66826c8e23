//! One verb on one resource in one place.

/// A right, granted or used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Such as `list`.
    pub verb: String,
    /// The API group; empty for the core.
    pub group: String,
    /// With its subresource, such as `digitaltwinconsents/status`.
    pub resource: String,
    /// `None`: granted everywhere, or used for the whole cluster.
    pub namespace: Option<String>,
    /// The one object that it is about, if it is about one only.
    pub name: Option<String>,
}

impl Right {
    /// Whether this grant allows that.
    pub fn covers(&self, used: &Self) -> bool {
        let everywhere = |granted: &Option<String>, used: &Option<String>| granted.is_none() || granted == used;
        self.verb == used.verb
            && self.group == used.group
            && self.resource == used.resource
            && everywhere(&self.namespace, &used.namespace)
            && everywhere(&self.name, &used.name)
    }
}

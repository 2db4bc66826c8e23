//! The addresses of a node's world. They are the same in each: no two worlds see each other.

/// Of the node, on which also the API server and the name server listen.
pub(super) const NODE: &str = "10.200.0.1";

/// Of the Services.
pub(super) const SERVICES: &str = "10.96.0.0/24";

/// Of the Service `kubernetes`: the first of [`SERVICES`].
pub(super) const API_SERVICE: &str = "10.96.0.1";

/// Of the pods.
pub(super) const PODS: &str = "10.244.0.0/24";

/// Where the API server listens.
pub(super) const API_PORT: u16 = 6443;

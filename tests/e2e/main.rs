//! Whole lifecycles: the operator's binary, a real API server, and a simulated HeyGen.
//!
//! Every test has a *world* of its own: a namespace, an account, a simulator and an operator that watches only that namespace; the
//! control plane is shared. When a world ends, everything the operator has written (logs, events, metrics, conditions, printed
//! columns) is searched for every key and every link that its simulator knows.

mod smoke;
mod support;

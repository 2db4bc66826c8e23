//! The pure core without Kubernetes and network: a small driver plays the shell, a model plays HeyGen, the clock is a number.

mod conditions;
mod driver;
mod flows;
mod kstatus;
mod lives;
mod looks;
mod model;
mod promises;
mod repeats;

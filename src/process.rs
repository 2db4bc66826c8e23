//! The process: what it is told, what it tells, and the clocks that it reads. Nothing here knows of consents but by name.

pub mod audit_log;
pub mod clock;
pub mod complaints;
pub mod config;
pub mod metrics;
pub mod proxies;
pub mod roots;
pub mod server;
pub mod shutdown;
pub mod telemetry;

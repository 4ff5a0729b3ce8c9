//! From start to stop: listeners, draining, the upstream that is the proxy itself, the server of its
//! own, switches, and the limits on clients.

mod common;
#[path = "lifecycle/drain.rs"]
mod drain;
#[path = "lifecycle/leases.rs"]
mod leases;
#[path = "lifecycle/limits.rs"]
mod limits;
#[path = "lifecycle/start.rs"]
mod start;

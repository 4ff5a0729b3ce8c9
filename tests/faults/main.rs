//! What goes wrong: upstreams that die, freeze or lie, clients that misbehave, and sizes.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

mod rig;
mod steps;
mod tap;

mod acknowledged;
mod blocked;
mod control;
mod deep;
mod hostile;
mod large;
mod leases;
mod liar;
mod random;
mod soak;
mod subscription;
mod transaction;
mod upstream;
mod waiting;

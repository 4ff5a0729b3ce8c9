//! `nearside backup` and `nearside restore`, as a user runs them: with every server to be had, with and
//! without an append-only file, under load, and with everything in the way that can be.

mod common;

#[path = "backup/killed.rs"]
mod killed;
#[path = "backup/refused.rs"]
mod refused;
#[path = "backup/rig.rs"]
mod rig;
#[path = "backup/whole.rs"]
mod whole;

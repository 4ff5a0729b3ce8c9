//! How a proxy says it is: against real servers that die, freeze, refuse, are full or are slow.

mod common;

#[path = "health/judged.rs"]
mod judged;
#[path = "health/rig.rs"]
mod rig;
#[path = "health/upstream.rs"]
mod upstream;
#[path = "health/ways.rs"]
mod ways;

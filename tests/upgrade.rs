//! Stopping and replacing the built program: what its clients see while it leaves, sockets it is given by a
//! manager, and one process taking over from another under load.

mod common;
#[path = "upgrade/leave.rs"]
mod leave;
#[path = "upgrade/load.rs"]
mod load;
#[path = "upgrade/manager.rs"]
mod manager;
#[path = "upgrade/refusals.rs"]
mod refusals;
#[path = "upgrade/rig.rs"]
mod rig;
#[path = "upgrade/takeover.rs"]
mod takeover;
#[path = "upgrade/writes.rs"]
mod writes;

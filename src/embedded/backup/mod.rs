//! The embedded server's data as a file, and back: a snapshot is taken whether or not a Nearside runs on the
//! data directory, and one is put back while none does.
//!
//! What matters: a file is whole or it is not there, and at every instant of a restore, should it be killed
//! there, the next start finds either all of the old data or all of the new.

mod error;
mod owner;
mod rdb;
mod restore;
mod snapshot;
mod whole;

pub use self::error::BackupError;
pub use self::rdb::Checked;
pub use self::restore::{Receipt, restore};
pub use self::snapshot::Snapshot;

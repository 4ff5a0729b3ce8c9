//! What the tests that run a whole proxy share: real servers, proxies in this process, the built
//! program, and conversations of raw bytes. Everything has a deadline; nothing sleeps for luck.

#![allow(dead_code, unused_imports, unreachable_pub)] // every test program uses a part of it

mod binary;
mod dir;
mod flow;
mod proxy;
mod relay;
mod server;
mod talk;

pub use binary::{Run, binary, signal, stop};
pub use dir::Dir;
pub use flow::Flow;
pub use proxy::{Proxy, config, transparent};
pub use relay::{Fresh, Relay, Wire};
pub use server::Server;
pub use talk::{Place, Stream, Talk, Tls, frames};

use std::time::{Duration, Instant};

/// Far beyond what anything here takes; reached only by a hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A pause between two looks at something that is on its way.
pub const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `look` finds what it looks for.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

//! No hits for a while: two processes that serve the same clients know nothing of each other's writes.

use std::sync::Arc;

use super::Near;

/// While one of these lives nothing is given out that was kept, and nothing is kept: every read goes to the
/// upstream. Dropping the last one begins with an empty cache.
#[derive(Debug)]
pub struct Suspension(Arc<Near>);

impl Near {
    /// From now on there are no hits and no joins, nor stale answers. What is under way to be kept will not be.
    ///
    /// It looks to every lookup like a command in flight that may change every key, which they watch for
    /// anyway.
    pub fn suspend(self: &Arc<Self>) -> Suspension {
        // As many as can be counted are never in flight for long.
        while !self.word.begin() {
            std::thread::yield_now();
        }
        self.suspensions.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        self.flush();
        Suspension(Arc::clone(self))
    }

    /// Whether hits are suspended.
    pub fn is_suspended(&self) -> bool {
        self.suspensions.load(std::sync::atomic::Ordering::Acquire) > 0
    }
}

impl Drop for Suspension {
    fn drop(&mut self) {
        self.0.suspensions.fetch_sub(1, std::sync::atomic::Ordering::AcqRel);
        // The end and a new generation are one step: nothing from before is ever current again.
        self.0.word.end();
    }
}

#[cfg(test)]
mod tests {

    use crate::cache::is_busy;
    use crate::cache::kit::{Request, hit, lane, near, settings};
    use crate::cache::{Fill, Lane};
    use std::rc::Rc;

    const VALUE: &[u8] = b"$1\r\nv\r\n";

    fn begin(lane: &Rc<Lane>) -> Option<Rc<Fill>> {
        let get = Request::of("GET k");
        let fill = Fill::one(lane, &get.query(lane), get.command(), &get.args(), 0)?;
        fill.sent(0);
        Some(fill)
    }

    fn end(fill: &Fill) {
        fill.watched(b"+OK\r\n");
        fill.value(VALUE);
        fill.ttl(0, b":-1\r\n", 0);
    }

    #[test]
    fn meanwhile_nothing_is_given_out_or_kept_and_afterwards_nothing_from_before() {
        let lane = lane();
        end(&begin(&lane).expect("a fill"));
        assert!(hit(&lane, "GET k", 0).is_some());
        let underway = begin(&lane).expect("a fill");
        let get = Request::of("GET k");
        assert!(lane.joinable(&get.query(&lane), 0).is_some());
        let suspension = lane.near().suspend();
        assert!(hit(&lane, "GET k", 0).is_none());
        assert!(lane.joinable(&get.query(&lane), 0).is_none());
        assert!(begin(&lane).is_none());
        end(&underway);
        assert!(hit(&lane, "GET k", 0).is_none());
        drop(suspension);
        assert!(hit(&lane, "GET k", 0).is_none());
        end(&begin(&lane).expect("a fill"));
        assert!(hit(&lane, "GET k", 0).is_some());
    }

    #[test]
    fn it_counts_and_ends_with_a_new_generation() {
        let near = near(settings(), 1);
        let before = near.word.load();
        let one = near.suspend();
        let two = near.suspend();
        assert!(near.is_suspended() && is_busy(near.word.load()));
        drop(one);
        assert!(near.is_suspended() && is_busy(near.word.load()));
        drop(two);
        assert!(!near.is_suspended() && !is_busy(near.word.load()));
        assert_ne!(near.word.load(), before);
    }
}

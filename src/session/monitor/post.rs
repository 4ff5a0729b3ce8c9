//! Lines on their way to the workers that have monitors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Bytes that may wait for one worker. More wait only if it has not come round for very long: its
/// monitors are given up then.
const WAITING: usize = 16 * 1024 * 1024;

/// Who monitors, as all workers of a proxy see it: how many, and where their lines go.
#[derive(Debug)]
pub struct Monitors {
    count: AtomicUsize,
    posts: Box<[Arc<Post>]>,
}

impl Monitors {
    /// Nobody yet, on any of so many workers.
    pub fn new(workers: usize) -> Self {
        Self { count: AtomicUsize::new(0), posts: (0..workers).map(|_| Arc::default()).collect() }
    }

    /// Whether anybody monitors.
    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// How many clients monitor.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Worker `index`'s post; one nobody sends to if there is no such worker.
    pub(super) fn post(&self, index: usize) -> Arc<Post> {
        self.posts.get(index).map_or_else(Arc::default, Arc::clone)
    }

    /// One more monitor at `post`.
    pub(super) fn joined(&self, post: &Post) {
        post.monitors.fetch_add(1, Ordering::SeqCst);
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// One less.
    pub(super) fn left(&self, post: &Post) {
        post.monitors.fetch_sub(1, Ordering::SeqCst);
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// Sends `line` to every worker that has monitors.
    pub(super) fn send(&self, line: &[u8]) {
        self.posts.iter().filter(|post| post.monitors.load(Ordering::Relaxed) > 0).for_each(|p| p.put(line));
    }
}

/// Where one worker's lines wait for its next turn.
#[derive(Debug, Default)]
pub(super) struct Post {
    monitors: AtomicUsize,
    waiting: Mutex<Waiting>,
    bell: Notify,
}

/// What waits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Whole lines, in order.
    pub(super) lines: Vec<u8>,
    /// Lines were thrown away: who monitors has a gap, and must be told by being cut.
    pub(super) lost: bool,
}

impl Post {
    fn put(&self, line: &[u8]) {
        let first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.lost {
                return;
            }
            let first = waiting.lines.is_empty();
            if waiting.lines.len() + line.len() > WAITING {
                *waiting = Waiting { lines: Vec::new(), lost: true };
            } else {
                waiting.lines.extend_from_slice(line);
            }
            first
        };
        if first {
            self.bell.notify_one();
        }
    }

    /// Takes everything that waits.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something waits. Cancel safe.
    pub(super) async fn arrived(&self) {
        self.bell.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_where_monitors_are_in_order() {
        let all = Monitors::new(3);
        let posts = [0, 1, 2].map(|index| all.post(index));
        assert!(!all.any());
        all.joined(&posts[0]);
        all.joined(&posts[2]);
        assert!(all.any());
        all.send(b"+1\r\n");
        all.send(b"+2\r\n");
        for (post, lines) in posts.iter().zip([&b"+1\r\n+2\r\n"[..], b"", b"+1\r\n+2\r\n"]) {
            assert_eq!(post.take(), Waiting { lines: lines.to_vec(), lost: false });
        }
        all.left(&posts[0]);
        all.left(&posts[2]);
        assert!(!all.any());
        all.send(b"+3\r\n");
        assert_eq!(posts[0].take(), Waiting::default());
    }

    #[test]
    fn a_worker_that_never_comes_round_costs_bounded_memory() {
        let all = Monitors::new(2);
        let (stuck, well) = (all.post(0), all.post(1));
        all.joined(&stuck);
        all.joined(&well);
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..40 {
            all.send(&line);
            assert_eq!(well.take(), Waiting { lines: line.clone(), lost: false });
            assert!(stuck.waiting.lock().unwrap().lines.len() <= WAITING);
        }
        assert_eq!(stuck.take(), Waiting { lines: Vec::new(), lost: true });
        all.send(&line); // whoever monitors from now on has no gap
        assert_eq!(stuck.take(), Waiting { lines: line, lost: false });
    }

    #[tokio::test]
    async fn the_bell_rings_for_the_first_line_and_is_not_missed() {
        let all = Arc::new(Monitors::new(1));
        let post = all.post(0);
        all.joined(&post);
        let sender = Arc::clone(&all);
        let thread = std::thread::spawn(move || (0..1000).for_each(|_| sender.send(b"+\r\n")));
        let mut got = 0;
        while got < 3000 {
            post.arrived().await;
            got += post.take().lines.len();
        }
        thread.join().unwrap();
        assert_eq!(got, 3000);
    }
}

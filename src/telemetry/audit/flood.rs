//! How many events of a kind are told, and how many were not. Pure: time is handed in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Kind;

const SECOND: Duration = Duration::from_secs(1);
/// Most users whose events of a kind are counted apart; all others together are one more.
const MOST: usize = 1024;
/// What those are called.
const OTHERS: &str = "(others)";

/// Events of a kind that were not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) kind: Kind,
    pub(super) whose: String,
    pub(super) count: u64,
}

#[derive(Debug)]
struct Window {
    kind: Kind,
    began: Instant,
    told: u32,
    left_out: u64,
}

/// What has been told in the last second.
#[derive(Debug, Default)]
pub(super) struct Flood([HashMap<String, Window>; Kind::COUNT]);

impl Flood {
    /// Whether one more of `kind` by `whose` is told; it is counted in any case.
    pub(super) fn admits(&mut self, kind: Kind, whose: &str, now: Instant) -> bool {
        let windows = &mut self.0[kind as usize];
        let whose = if windows.contains_key(whose) || windows.len() < MOST { whose } else { OTHERS };
        let Some(window) = windows.get_mut(whose) else {
            windows.insert(whose.to_owned(), Window { kind, began: now, told: 1, left_out: 0 });
            return true;
        };
        if window.left_out == 0 && now.duration_since(window.began) >= SECOND {
            (window.began, window.told) = (now, 0);
        }
        let told = window.told < kind.per_second();
        (window.told, window.left_out) = match told {
            true => (window.told + 1, window.left_out),
            false => (window.told, window.left_out + 1),
        };
        if told && windows.len() >= MOST {
            // Who has been quiet since makes room for others.
            windows.retain(|_, window| window.left_out > 0 || now.duration_since(window.began) < SECOND);
        }
        told
    }

    /// What was left out in seconds that have ended (`all`: and those that have not).
    pub(super) fn ended(&mut self, now: Instant, all: bool) -> Vec<LeftOut> {
        let mut ended = Vec::new();
        for windows in &mut self.0 {
            let over = |window: &Window| all || now.duration_since(window.began) >= SECOND;
            for (whose, window) in windows.extract_if(|_, window| over(window)) {
                if window.left_out > 0 {
                    ended.push(LeftOut { kind: window.kind, whose, count: window.left_out });
                }
            }
        }
        ended
    }

    /// Whether something was left out that [`Self::ended`] has not answered yet.
    pub(super) fn owes(&self) -> bool {
        self.0.iter().flat_map(HashMap::values).any(|window| window.left_out > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let told = (0..100).filter(|i| flood.admits(Kind::Denied, "app", at(*i))).count();
        assert_eq!(told, 10);
        assert!(flood.admits(Kind::Denied, "other", at(100)), "another's");
        assert!(flood.admits(Kind::AuthFailed, "app", at(100)), "of another kind");
        assert_eq!(flood.ended(at(500), false), []);
        // The second is over, and nobody has told of it yet.
        assert!(!flood.admits(Kind::Denied, "app", at(1000)) && flood.owes());
        let left_out = LeftOut { kind: Kind::Denied, whose: "app".into(), count: 91 };
        assert_eq!(flood.ended(at(1001), false), [left_out]);
        assert!(!flood.owes() && flood.admits(Kind::Denied, "app", at(1002)));
    }

    #[test]
    fn who_is_slow_is_always_told() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        let at = |n: u64| start + Duration::from_millis(n * 101);
        assert!((0..50).all(|n| flood.admits(Kind::Denied, "app", at(n))));
    }

    #[test]
    fn the_last_look_leaves_nothing() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        let told = (0..3).filter(|_| flood.admits(Kind::RateLimited, "each", now)).count();
        assert_eq!(told, 1);
        let left_out = LeftOut { kind: Kind::RateLimited, whose: "each".into(), count: 2 };
        assert_eq!(flood.ended(now, true), [left_out]);
    }

    #[test]
    fn however_many_there_are_the_table_is_bounded() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        let told = (0..5000).filter(|i| flood.admits(Kind::AuthFailed, &i.to_string(), now)).count();
        assert_eq!(told, MOST + 10);
        assert_eq!(flood.0[Kind::AuthFailed as usize].len(), MOST + 1);
        let late = now + SECOND;
        assert_eq!(flood.ended(late, false).len(), 1);
    }
}

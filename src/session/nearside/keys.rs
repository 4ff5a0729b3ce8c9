//! `NEARSIDE CACHE KEYS`: current entries of keys that match a pattern.

use super::shape::Shape;
use super::walk::{TURN, walk};
use crate::cache::{Shown, Survey, Time, Void};
use crate::command::numbered;
use crate::policy::matches;
use crate::resp::Proto;
use crate::session::near::now;
use crate::session::path::Path;

/// The longest a reply gets, bytes.
const LONGEST: usize = 1024 * 1024;
/// The most that is shown of a name or an argument, and of how many arguments.
const WORD: usize = 1024;
const WORDS: usize = 16;
/// Nanoseconds in the unit that times are shown in.
const MILLI: Time = 1_000_000;

/// What has been found so far.
#[derive(Debug)]
pub(super) struct Found {
    proto: Proto,
    pattern: Vec<u8>,
    count: usize,
    keys: Shape,
    shown: usize,
    scanned: usize,
    /// There is no room for what comes.
    full: bool,
}

impl Found {
    pub(super) fn new(proto: Proto, pattern: &[u8], count: usize) -> Self {
        Self {
            proto,
            pattern: pattern.into(),
            count,
            keys: Shape::new(proto),
            shown: 0,
            scanned: 0,
            full: false,
        }
    }

    /// One turn of a walk: `None` when there is more, else whether it has come to its end.
    pub(super) fn search(&mut self, survey: &mut Survey<'_>) -> Option<bool> {
        let (now, mut scanned) = (now(), self.scanned);
        let ended =
            walk(survey, TURN, &mut scanned, |survey, entry| self.look(&survey.show(entry, now), now));
        self.scanned = scanned;
        ended
    }

    /// Looks at one entry; `false`: enough has been seen.
    fn look(&mut self, shown: &Shown, now: Time) -> bool {
        let current = matches!(shown.void, None | Some(Void::NotFresh));
        if current && matches(&self.pattern, shown.entry.words().next().unwrap_or_default()) {
            if self.shown == self.count || self.keys.len() >= LONGEST {
                self.full = true;
                return false;
            }
            self.shown += 1;
            entry(&mut self.keys, shown, now);
        }
        true
    }

    /// The reply. `ended`: the walk has come to its end.
    pub(super) fn done(self, ended: bool) -> Vec<u8> {
        let mut shape = Shape::new(self.proto);
        shape.map(3);
        shape.text("scanned");
        shape.count(self.scanned);
        shape.text("complete");
        shape.flag(ended && !self.full);
        shape.text("entries");
        shape.array(self.shown);
        shape.append(self.keys);
        shape.done()
    }
}

/// The reply as far as one turn goes.
pub(super) fn at_once(path: &Path, pattern: &[u8], count: usize) -> Vec<u8> {
    let mut found = Found::new(path.proto, pattern, count);
    let ended = found.search(&mut path.worker.keeper.worker.near.survey());
    found.done(ended.unwrap_or(false))
}

/// One entry: whose, of which command, how long still and why not now.
pub(super) fn entry(shape: &mut Shape, shown: &Shown, now: Time) {
    let entry = &shown.entry;
    let left = |until: Time| (until != Time::MAX).then(|| until.saturating_sub(now) / MILLI);
    let mut words = entry.words();
    let name = words.next().unwrap_or_default();
    let arguments: Vec<&[u8]> = words.take(WORDS).collect();
    shape.map(10);
    shape.text("key");
    word(shape, name);
    shape.text("command");
    shape.text(numbered(entry.row).map_or("?", |command| command.name));
    shape.text("arguments");
    shape.array(arguments.len());
    arguments.iter().for_each(|argument| word(shape, argument));
    let (db, user) = shown.lane.as_ref().map_or((0, ""), |lane| lane.served());
    shape.text("db");
    shape.count(db);
    shape.text("user");
    shape.text(user);
    shape.text("worker");
    shape.count_or_nothing(shown.lane.as_ref().map(|lane| lane.worker as u64));
    shape.text("bytes");
    shape.count(entry.weight());
    shape.text("left_ms");
    shape.count_or_nothing(left(entry.deadline));
    shape.text("ttl_ms");
    shape.count_or_nothing(left(entry.expires));
    shape.text("state");
    shape.text(shown.void.map_or("current", Void::text));
}

fn word(shape: &mut Shape, word: &[u8]) {
    match word.get(..WORD) {
        Some(head) if word.len() > WORD => {
            shape.bytes(&[head, format!("...({} more bytes)", word.len() - WORD).as_bytes()].concat());
        }
        _ => shape.bytes(word),
    }
}

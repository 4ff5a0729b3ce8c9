//! What commands do at the model server, and what they are answered.

use std::fmt::Write as _;

use super::Time;
use super::kit::MILLI;
use super::server::{
    Done, FIELDS, Moment, NAMES, PER_DB, REGS, Reg, Server, bulk, field, key_of, regs_of, string,
};

impl Server {
    pub(super) fn done(&mut self, db: usize, words: &[&str]) -> Done {
        let mut done = Done { bytes: b"+OK\r\n".to_vec(), ..Done::default() };
        let key = |name: &str| NAMES.iter().position(|other| *other == name).unwrap_or(0);
        let text = match words {
            ["GET", name] => bulk(self.is(string(db, name)).value),
            ["MGET", names @ ..] => {
                let head = format!("*{}\r\n", names.len());
                names.iter().fold(head, |all, name| all + &bulk(self.is(string(db, name)).value))
            }
            ["EXISTS", names @ ..] => {
                let there = |name: &&&str| regs_of(db, name).iter().any(|reg| self.is(*reg).value.is_some());
                format!(":{}\r\n", names.iter().filter(there).count())
            }
            ["HGET", _, name] => bulk(self.is(field(db, name)).value),
            ["HGETALL", _] => {
                let there: Vec<_> =
                    FIELDS.iter().map(|name| (name, self.is(field(db, name)).value)).collect();
                let mut text = format!("%{}\r\n", there.iter().filter(|(_, value)| value.is_some()).count());
                for (name, value) in there.into_iter().filter(|(_, value)| value.is_some()) {
                    let _ = write!(text, "$1\r\n{name}\r\n{}", bulk(value));
                }
                text
            }
            ["PTTL", name] => {
                let regs = regs_of(db, name);
                let there = regs.iter().map(|reg| self.is(*reg)).find(|state| state.value.is_some());
                format!(
                    ":{}\r\n",
                    self.ttl(there.map(|state| if regs.len() > 1 { None } else { state.expires }))
                )
            }
            ["HPTTL", _, "FIELDS", _, names @ ..] => {
                let head = format!("*{}\r\n", names.len());
                let ttl = |name: &&str| {
                    let state = self.is(field(db, name));
                    self.ttl(state.value.map(|_| state.expires))
                };
                names.iter().fold(head, |all, name| all + &format!(":{}\r\n", ttl(name)))
            }
            ["HELLO" | "PING" | "CLIENT" | "PUBLISH" | "LPUSH", ..] => return done,
            _ => {
                self.write(db, words, &mut done);
                return done;
            }
        };
        done.bytes = text.into_bytes();
        if words[0] != "PTTL" && words[0] != "HPTTL" {
            let names = if words[0].starts_with('H') { &words[1..2] } else { &words[1..] };
            done.read = names.iter().map(|name| key(name)).collect();
        }
        done
    }

    fn ttl(&self, expires: Option<Option<Time>>) -> i64 {
        match expires {
            None => -2,
            Some(None) => -1,
            Some(Some(at)) => (at / MILLI) as i64 - (self.now / MILLI) as i64,
        }
    }

    /// What a writing command sets: values, and until when they live.
    fn write(&mut self, db: usize, words: &[&str], done: &mut Done) {
        let next = self.moment + 1;
        let mut sets: Vec<(Reg, Option<Moment>, Option<Time>, bool)> = Vec::new();
        let there = |server: &Self, reg: Reg| server.is(reg).value;
        match words {
            ["SET", name] | ["EXEC", "SET", name] => sets.push((string(db, name), Some(next), None, false)),
            ["SET", name, "PX", ms] => sets.push((string(db, name), Some(next), self.ends(ms), true)),
            ["MSET", names @ ..] | ["EXEC", "MSET", names @ ..] => {
                sets.extend(names.iter().map(|name| (string(db, name), Some(next), None, false)));
            }
            ["DEL" | "EVICT", name] => {
                let regs = regs_of(db, name).into_iter().filter(|reg| there(self, *reg).is_some());
                sets.extend(regs.map(|reg| (reg, None, None, false)));
            }
            ["PEXPIRE", name, ms] => {
                let reg = string(db, name);
                sets.extend(there(self, reg).map(|value| (reg, Some(value), self.ends(ms), false)));
            }
            ["HSET", _, name] => sets.push((field(db, name), Some(next), None, false)),
            ["HSETEX", _, name, ms] => sets.push((field(db, name), Some(next), self.ends(ms), true)),
            ["HPEXPIRE", _, name, ms] => {
                let reg = field(db, name);
                sets.extend(there(self, reg).map(|value| (reg, Some(value), self.ends(ms), false)));
            }
            ["EVAL", db, name] => {
                sets.push((string(db.parse().unwrap_or(0), name), Some(next), None, false));
            }
            ["FLUSHALL"] => sets.extend((0..REGS).map(|reg| (reg, None, None, false))),
            ["SWAPDB"] => sets.extend((0..REGS).map(|reg| {
                let other = self.is((reg + PER_DB) % REGS);
                (reg, other.value, other.expires, other.strict)
            })),
            _ => unreachable!("no such command: {words:?}"),
        }
        if sets.is_empty() {
            return;
        }
        self.moment = next;
        for (reg, value, expires, strict) in sets {
            self.set(reg, value, expires, strict);
            done.changed.push(reg);
            if !matches!(words[0], "FLUSHALL" | "SWAPDB") && !done.announced.contains(&key_of(reg)) {
                done.announced.push(key_of(reg));
            }
        }
    }
}

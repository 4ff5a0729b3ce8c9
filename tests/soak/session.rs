//! One client: batches of requests, what each is expected to answer, and the log of what it did.

use std::io::ErrorKind;

use crate::check::{NEVER, Op, Time, Version, What};
use crate::registers::{Registers, Seen};
use crate::wire::{Reply, Wire};
use crate::world::{Counts, Spot, World};

/// What the reply to a request is to the log.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// The value of the register.
    Value(u32),
    /// The values of keys of one register: all the same.
    Values(u32),
    /// The number that a counter is now.
    Count(u32, What),
    /// Whatever it is, unless it is an error the register is at this version now.
    Written(u32, Version, What),
    /// The replies within a transaction; none if it was given up.
    Exec(Vec<Self>),
    /// Nothing that matters.
    Skip,
}

/// A client's connection. It connects again when it is lost, as another session.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) world: &'a World<'a>,
    spot: Spot,
    resp3: bool,
    /// What its reads are.
    reads: What,
    connection: Option<(Wire, u16)>,
    expected: Vec<Expect>,
    log: Vec<Op>,
    counts: Counts,
    /// Whether the last write was made; `false` if that is unknown.
    pub(crate) fate: Option<bool>,
    /// The session that listens, if this is one.
    pub(crate) listens: Option<u16>,
    /// When the last batch began and ended.
    pub(crate) span: (Time, Time),
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.world.keep(std::mem::take(&mut self.log), &self.counts);
    }
}

impl<'a> Session<'a> {
    /// `reads`: [`What::Read`] if nothing else than the lane can answer it.
    pub(crate) fn new(world: &'a World<'a>, spot: Spot, resp3: bool, reads: What) -> Self {
        Self {
            world,
            spot,
            resp3,
            reads,
            connection: None,
            expected: Vec::new(),
            log: Vec::new(),
            counts: Counts::new(),
            fate: None,
            listens: None,
            span: (0, 0),
        }
    }

    pub(crate) fn resp3(&self) -> bool {
        self.resp3
    }

    pub(crate) fn spot(&self) -> Spot {
        self.spot
    }

    /// Counts up and publishes it, at once.
    pub(crate) fn tell(&mut self, counter: u32, channel: &str) {
        let key = self.world.registers.key(counter, 0);
        let message = Registers::message(counter, None);
        let words: [&[u8]; 6] = [
            b"EVAL",
            SCRIPTS[Script::Tell as usize].as_bytes(),
            b"0",
            &key,
            channel.as_bytes(),
            message.as_bytes(),
        ];
        self.say(Expect::Count(counter, What::Write), &words);
        self.run();
    }

    /// Counts something.
    pub(crate) fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// The connection; none if there is none to be had before the round ends.
    pub(crate) fn wire(&mut self) -> Option<(&mut Wire, u16)> {
        while self.connection.is_none() {
            if self.world.stopped() {
                return None;
            }
            match self.world.connect(self.spot, self.resp3) {
                Ok(connection) => self.connection = Some(connection),
                Err(_) => {
                    self.count("connects that failed");
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
        }
        self.connection.as_mut().map(|(wire, number)| (wire, *number))
    }

    /// Adds a request to the batch.
    pub(crate) fn say<T: AsRef<[u8]>>(&mut self, expect: Expect, words: &[T]) {
        if let Some((wire, _)) = self.wire() {
            wire.say(words);
            self.expected.push(expect);
        }
    }

    /// Sends the batch and logs its replies; the replies, or none if the connection is lost.
    pub(crate) fn run(&mut self) -> Option<Vec<Reply>> {
        let expected = std::mem::take(&mut self.expected);
        let said = expected.clone();
        let begun = self.world.clock.now();
        self.span = (begun, begun);
        let (wire, number) = self.connection.as_mut()?;
        let number = *number;
        let mut replies = Vec::with_capacity(expected.len());
        let mut failed = wire.send().err();
        for expect in expected {
            let reply = match failed {
                Some(_) => None,
                None => self.connection.as_mut().map(|(wire, _)| wire.reply()),
            };
            match reply {
                Some(Ok((reply, now))) => {
                    self.span.1 = now;
                    self.note(&expect, &reply, number, (begun, now));
                    replies.push(reply);
                }
                Some(Err(error)) => {
                    failed = Some(error);
                    self.lost(&expect, number, begun);
                }
                None => self.lost(&expect, number, begun),
            }
        }
        let Some(error) = failed else { return Some(replies) };
        if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
            let (what, spot) = (said.get(replies.len()), self.spot);
            self.world.odd(format!("no reply to {what:?} by session {number} at {spot:?} since {begun}"));
        }
        self.drop_wire(&error);
        None
    }

    /// Its connection is of no use any more.
    pub(crate) fn drop_wire(&mut self, error: &std::io::Error) {
        self.connection = None;
        self.expected.clear();
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.count("replies that never came"),
            _ => self.count("client connections lost"),
        }
    }

    /// Logs that this session was told of `version` at `now`.
    pub(crate) fn told(&mut self, register: u32, version: Version, what: What, number: u16, now: Time) {
        self.push(register, version, what, number, (now, now));
    }

    /// Logs what a read of its own returned.
    pub(crate) fn looked(&mut self, register: u32, reply: &Reply, number: u16, span: (Time, Time)) {
        self.note_values(register, std::slice::from_ref(reply), number, span);
    }

    /// Logs that everything is gone, or may be.
    pub(crate) fn flushed(&mut self, register: u32, version: Version, number: u16, span: (Time, Time)) {
        self.push(register, version, What::Marked, number, span);
    }

    fn push(&mut self, register: u32, version: Version, what: What, session: u16, (inv, res): (Time, Time)) {
        let near = !matches!(self.spot, Spot::Direct);
        let quick = what == What::Read && near && res.saturating_sub(inv) < self.world.quick();
        self.log.push(Op { inv, res, register, version, session, what, quick });
    }

    fn note(&mut self, expect: &Expect, reply: &Reply, session: u16, span: (Time, Time)) {
        match expect {
            Expect::Skip => {}
            Expect::Value(register) => {
                self.note_values(*register, std::slice::from_ref(reply), session, span)
            }
            Expect::Values(register) => match reply {
                Reply::List(values) => self.note_values(*register, values, session, span),
                Reply::Error(_) => self.count("reads that failed"),
                other => self.strange(*register, other),
            },
            Expect::Count(register, what) => match self.world.registers.seen(*register, reply) {
                Seen::Version(version) if matches!(reply, Reply::Integer(_)) => {
                    self.push(*register, version, *what, session, span);
                }
                Seen::Version(_) | Seen::Unknown => self.lost(expect, session, span.0),
                Seen::Odd => self.strange(*register, reply),
            },
            Expect::Written(register, version, what) => match reply {
                Reply::Error(_) => self.lost(expect, session, span.0),
                _ => {
                    self.push(*register, *version, *what, session, span);
                    self.fate = Some(true);
                }
            },
            Expect::Exec(inner) => match reply {
                Reply::List(replies) if replies.len() == inner.len() => {
                    for (expect, reply) in inner.iter().zip(replies) {
                        self.note(expect, reply, session, span);
                    }
                }
                Reply::Nothing => self.count("transactions given up"),
                _ => self.lost(expect, session, span.0),
            },
        }
    }

    fn note_values(&mut self, register: u32, values: &[Reply], session: u16, span: (Time, Time)) {
        let mut newest = None;
        for value in values {
            let Seen::Version(version) = self.world.registers.seen(register, value) else {
                if matches!(value, Reply::Error(_)) {
                    return self.count("reads that failed");
                }
                return self.strange(register, value);
            };
            let gone = self.world.plan.kind.vanishing() && version == crate::check::NOTHING;
            match newest {
                _ if gone => {}
                None => newest = Some(version),
                Some(other) if other == version => {}
                Some(_) => return self.torn(register, values, session, span),
            }
        }
        let version = newest.unwrap_or(crate::check::NOTHING);
        let evicting = self.world.plan.kind == crate::world::Kind::Evicting;
        if evicting && newest.is_none() && self.world.registers.parts(register) > 1 {
            return; // one key of the group is gone, which says nothing of the others
        }
        self.push(register, version, self.reads, session, span);
    }

    fn torn(&mut self, register: u32, values: &[Reply], session: u16, span: (Time, Time)) {
        let seen: Vec<_> = values.iter().map(|value| self.world.registers.seen(register, value)).collect();
        let what =
            format!("torn: register {register}, session {session} at {:?}, {span:?}: {seen:?}", self.spot);
        self.world.odd(what);
    }

    fn strange(&mut self, register: u32, reply: &Reply) {
        self.world.odd(format!("not a value of register {register}, at {:?}: {reply:?}", self.spot));
    }

    /// There is no reply that says what became of it.
    fn lost(&mut self, expect: &Expect, session: u16, begun: Time) {
        let op = |register, version, what| Op {
            inv: begun,
            res: NEVER,
            register,
            version,
            session,
            what,
            quick: false,
        };
        match expect {
            Expect::Count(register, _) => self.log.push(op(*register, 0, What::Blind)),
            Expect::Written(register, ..) if self.world.registers.is_counter(*register) => {
                self.log.push(op(*register, 0, What::Blind));
            }
            Expect::Written(register, version, what) => self.log.push(op(*register, *version, *what)),
            Expect::Exec(inner) => return inner.iter().for_each(|expect| self.lost(expect, session, begun)),
            Expect::Value(_) | Expect::Values(_) => return self.count("reads that failed"),
            Expect::Skip => return,
        }
        self.fate = Some(false);
        self.count("writes of unknown outcome");
    }
}

/// The words of a script's call: by its text or its digest.
pub(crate) fn script<'w>(world: &'w World<'_>, which: Script, random: &mut fastrand::Rng) -> [&'w [u8]; 3] {
    if random.bool() {
        [b"EVALSHA", world.scripts[which as usize].as_bytes(), b"0"]
    } else {
        [b"EVAL", SCRIPTS[which as usize].as_bytes(), b"0"]
    }
}

/// Scripts that name no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// Counts up: key.
    Count,
    /// Counts up and publishes the version: key, channel, what to publish before the version.
    Tell,
    /// Sets: key, value, key, value...
    Set,
    /// Sets and publishes: channel, message, key, value...
    SetTell,
}

pub(crate) const SCRIPTS: [&str; 4] = [
    "return redis.call('INCR',ARGV[1])",
    "local n=redis.call('INCR',ARGV[1]) redis.call('PUBLISH',ARGV[2],ARGV[3]..(n*2)) return n",
    "for i=1,#ARGV,2 do redis.call('SET',ARGV[i],ARGV[i+1]) end return 1",
    "for i=3,#ARGV,2 do redis.call('SET',ARGV[i],ARGV[i+1]) end redis.call('PUBLISH',ARGV[1],ARGV[2]) return 1",
];

impl Registers {
    /// A message that says `register` is at `version`; without it, all before it.
    pub(crate) fn message(register: u32, version: Option<Version>) -> String {
        version.map_or_else(|| format!("{register} "), |version| format!("{register} {version}"))
    }

    /// What a message says.
    pub(crate) fn told(text: &[u8]) -> Option<(u32, Version)> {
        let (register, version) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        Some((register.parse().ok()?, version.parse().ok()?))
    }
}

//! One of the two ends that a conversation is held with.

use std::thread;
use std::time::Duration;

use crate::common::{Place, Talk, frames};
use crate::script::Script;
use crate::stage::Stage;
use crate::step::{Brings, Kept, Step};

/// Far beyond what any answer takes, on a machine that does much else as well; reached only by a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How the bytes of a conversation are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sending {
    /// A command, its replies, the next command.
    Stepwise,
    /// All in one write.
    Pipeline,
    /// All, in pieces of random sizes.
    Cut(u64),
}

/// One of the two ends.
pub(crate) struct Side<'a> {
    pub(crate) script: &'a Script,
    /// Where clients connect.
    pub(crate) place: Place,
    /// Where its server is.
    pub(crate) server: Place,
    pub(crate) is_direct: bool,
}

impl Side<'_> {
    /// What is answered to each step. In pipelines that is counted out of all that came.
    pub(crate) fn hold(&self, steps: &[Step], resp: usize, sending: Sending) -> Vec<Vec<u8>> {
        self.reset();
        let random = match sending {
            Sending::Stepwise => return Stage::new(self, resp).hold(steps),
            Sending::Pipeline => None,
            Sending::Cut(seed) => Some(fastrand::Rng::with_seed(seed)),
        };
        let mut talk = self.connect();
        let all: Vec<u8> = steps.iter().flat_map(|step| step.bytes(&Kept::new())).collect();
        let mut stream = talk.stream.again();
        let answer = thread::scope(|scope| {
            scope.spawn(move || send(&mut stream, &all, random));
            ended(&mut talk)
        });
        counted(steps, resp, &answer)
    }

    pub(crate) fn connect(&self) -> Talk {
        self.talk(&self.place, self.is_direct)
    }

    /// To the server itself.
    pub(crate) fn connect_aside(&self) -> Talk {
        let mut talk = self.talk(&self.server, true);
        if !self.script.reset.is_empty() {
            talk.ask(&self.script.reset);
        }
        talk
    }

    fn talk(&self, place: &Place, is_direct: bool) -> Talk {
        let mut talk = Talk::connect(place);
        talk.set_patience(PATIENCE);
        if is_direct && !self.script.direct.is_empty() {
            talk.ask(&self.script.direct);
        }
        talk
    }

    /// An empty server.
    fn reset(&self) {
        if self.script.no_reset {
            return;
        }
        let mut talk = self.connect_aside();
        for words in [&["CLIENT", "UNPAUSE"][..], &["FLUSHALL"], &["SCRIPT", "FLUSH"], &["FUNCTION", "FLUSH"]]
        {
            assert_eq!(talk.ask(words), b"+OK\r\n", "{words:?}");
        }
        if !self.is_direct {
            self.forget();
        }
    }

    /// A proxy that keeps nothing: what it has not been told of yet it could give out as it was. Allowed or
    /// not, a client that wants everything gone has everything forgotten.
    fn forget(&self) {
        let mut talk = self.connect();
        if !self.script.reset.is_empty() {
            talk.ask(&self.script.reset);
        }
        talk.ask(&["FLUSHALL"]);
    }
}

/// Everything up to the end, and a mark if there is none.
pub(crate) fn ended(talk: &mut Talk) -> Vec<u8> {
    talk.try_until_closed().unwrap_or_else(|(_, mut bytes)| {
        talk.stream.close();
        bytes.extend_from_slice(b"(not closed)");
        bytes
    })
}

/// How many replies a step brings.
pub(crate) fn count(step: &Step, resp: usize) -> usize {
    match step.brings {
        Brings::Replies(two, three) => [two, three][resp - 2],
        Brings::Close | Brings::Seen(_) | Brings::Hangup => usize::MAX,
    }
}

fn send(to: &mut impl std::io::Write, all: &[u8], random: Option<fastrand::Rng>) {
    let Some(mut random) = random else {
        let _ = to.write_all(all);
        return;
    };
    let mut rest = all;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(40)));
        if to.write_all(piece).is_err() {
            return;
        }
        thread::yield_now();
        rest = after;
    }
}

fn counted(steps: &[Step], resp: usize, answer: &[u8]) -> Vec<Vec<u8>> {
    let mut replies = frames(answer).into_iter();
    steps.iter().map(|step| replies.by_ref().take(count(step, resp)).flatten().copied().collect()).collect()
}

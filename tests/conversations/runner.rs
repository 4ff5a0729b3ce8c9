//! Holding conversations and comparing them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use nearside::Config;
use nearside::config::Secret;

use crate::common::{Place, Proxy, Server, Talk, config, frames};
use crate::permitted::blurred;
use crate::script::{Brings, Conversation, Script, Step};

/// How long an answer may take: nothing here is slow.
const PATIENCE: Duration = Duration::from_secs(4);

/// How the bytes of a conversation are sent.
#[derive(Clone, Copy, Debug)]
enum Sending {
    /// A command, its replies, the next command.
    Stepwise,
    /// All in one write.
    Pipeline,
    /// All, in pieces of random sizes.
    Cut(u64),
}

/// Holds every conversation of a file in every way, and reports every difference.
pub(crate) fn run(file: &str, text: &str) {
    run_with(file, text, |_| {});
}

/// The same, with other settings of the proxy.
pub(crate) fn run_with(file: &str, text: &str, change: impl FnOnce(&mut Config)) {
    let script = Script::read(text);
    let args: Vec<&str> = script.server.iter().map(String::as_str).collect();
    let (alone, behind) = (Server::start(&args), Server::start(&args));
    let mut config = config(&behind.place());
    if let Some((user, password)) = &script.proxy {
        config.upstream.username.clone_from(user);
        config.upstream.password = Some(Secret::new(password.clone()));
    }
    change(&mut config);
    let proxy = Proxy::start_unix(config);
    let seed = seed();
    let mut differences = String::new();
    for conversation in &script.conversations {
        for resp in if script.as_is { 2..=2 } else { 2..=3 } {
            let ways = [Sending::Stepwise, Sending::Pipeline, Sending::Cut(seed), Sending::Cut(seed ^ 1)];
            for sending in ways.into_iter().take(if script.stepwise { 1 } else { 4 }) {
                let one = Side { script: &script, place: alone.place(), is_direct: true };
                let other = Side { script: &script, place: proxy.place().clone(), is_direct: false };
                let steps = steps(conversation, resp);
                let (direct, through) = thread::scope(|scope| {
                    let direct = scope.spawn(|| one.hold(&steps, resp, sending));
                    let through = other.hold(&steps, resp, sending);
                    (direct.join().expect("the direct conversation"), through)
                });
                compare(&steps, &direct, &through, |difference| {
                    let _ = writeln!(
                        differences,
                        "{file}, {:?}, RESP{resp}, {sending:?}: {difference}",
                        conversation.name
                    );
                });
            }
        }
    }
    assert!(differences.is_empty(), "\n{differences}\nNEARSIDE_SEED={seed}");
}

fn seed() -> u64 {
    match std::env::var("NEARSIDE_SEED") {
        Ok(text) => text.parse().expect("NEARSIDE_SEED is a number"),
        Err(_) => fastrand::u64(..),
    }
}

/// The conversation with what begins and ends it: it ends in a close, so that nothing can come late.
fn steps(conversation: &Conversation, resp: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    if resp == 3 {
        steps.push(Step::command("HELLO 3"));
    }
    steps.extend(conversation.steps.iter().cloned());
    if steps.last().is_none_or(|step| step.brings != Brings::Close) {
        steps.push(Step::command("(close) QUIT"));
    }
    steps
}

/// One of the two ends that a conversation is held with.
struct Side<'a> {
    script: &'a Script,
    place: Place,
    is_direct: bool,
}

impl Side<'_> {
    /// What is answered to each step. In pipelines that is counted out of all that came.
    fn hold(&self, steps: &[Step], resp: usize, sending: Sending) -> Vec<Vec<u8>> {
        self.reset();
        let mut talk = self.connect();
        let random = match sending {
            Sending::Stepwise => return stepwise(&mut talk, steps, resp),
            Sending::Pipeline => None,
            Sending::Cut(seed) => Some(fastrand::Rng::with_seed(seed)),
        };
        let all: Vec<u8> = steps.iter().flat_map(|step| &step.bytes).copied().collect();
        let mut stream = talk.stream.again();
        let answer = thread::scope(|scope| {
            scope.spawn(move || send(&mut stream, &all, random));
            ended(&mut talk)
        });
        counted(steps, resp, &answer)
    }

    fn connect(&self) -> Talk {
        let mut talk = Talk::connect(&self.place);
        talk.set_patience(PATIENCE);
        if self.is_direct && !self.script.direct.is_empty() {
            talk.ask(&self.script.direct);
        }
        talk
    }

    /// An empty server.
    fn reset(&self) {
        if self.script.no_reset {
            return;
        }
        let mut talk = self.connect();
        if !self.script.reset.is_empty() {
            talk.ask(&self.script.reset);
        }
        for words in [&["FLUSHALL"][..], &["SCRIPT", "FLUSH"], &["FUNCTION", "FLUSH"]] {
            assert_eq!(talk.ask(words), b"+OK\r\n", "{words:?}");
        }
    }
}

/// Everything up to the end, and a mark if there is none.
fn ended(talk: &mut Talk) -> Vec<u8> {
    talk.try_until_closed().unwrap_or_else(|(_, mut bytes)| {
        talk.stream.close();
        bytes.extend_from_slice(b"(not closed)");
        bytes
    })
}

fn stepwise(talk: &mut Talk, steps: &[Step], resp: usize) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for step in steps {
        // One end may have closed where the other has not: that will show.
        let _ = talk.stream.write_all(&step.bytes);
        let mut answer = Vec::new();
        match step.brings {
            Brings::Close => answer = ended(talk),
            Brings::Replies(..) => {
                for _ in 0..count(step, resp) {
                    match talk.try_reply() {
                        Ok(reply) => answer.extend(reply),
                        Err(error) => answer.extend(format!("(no reply: {error})").bytes()),
                    }
                }
            }
        }
        answers.push(answer);
    }
    answers
}

fn count(step: &Step, resp: usize) -> usize {
    match step.brings {
        Brings::Replies(two, three) => [two, three][resp - 2],
        Brings::Close => usize::MAX,
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

/// Reports the first difference: those after it are often its consequences.
fn compare(steps: &[Step], direct: &[Vec<u8>], through: &[Vec<u8>], differs: impl FnOnce(String)) {
    for ((step, direct), through) in steps.iter().zip(direct).zip(through) {
        if blurred(&step.line, direct) != blurred(&step.line, through) {
            let shown = |bytes: &[u8]| bytes[..bytes.len().min(400)].escape_ascii().to_string();
            return differs(format!(
                "{}\n    direct:  {}\n    through: {}",
                step.line,
                shown(direct),
                shown(through)
            ));
        }
    }
}

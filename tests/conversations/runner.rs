//! Holding conversations and comparing them.

use std::fmt::Write as _;
use std::thread;

use nearside::Config;
use nearside::config::{CacheMode, Secret};

use crate::blur::blurred;
use crate::common::{Place, Proxy, Talk, transparent};
use crate::kinds::{Kind, Server, kinds};
use crate::odd::{ODD, Odd};
use crate::script::{Conversation, Script};
use crate::side::{PATIENCE, Sending, Side};
use crate::step::{Brings, Step};

/// How many times a read that may be kept is said once more where there is a cache: the first fills it.
const AGAIN: usize = 2;

/// Holds every conversation of a file with every kind of server, and reports every first difference.
pub(crate) fn run(file: &str, text: &str) {
    run_as(file, text, |_| {});
}

/// The same, with other settings of the proxy.
pub(crate) fn run_as(file: &str, text: &str, change: fn(&mut Config)) {
    let script = Script::read(text);
    let seed = seed();
    let mut differences = String::new();
    for kind in kinds() {
        run_with(&kind, (file, &script), (seed, change), |difference| {
            let _ = writeln!(differences, "{file}, {}, {difference}", kind.name);
        });
    }
    assert!(differences.is_empty(), "\n{differences}\nNEARSIDE_SEED={seed}");
}

fn run_with(
    kind: &Kind,
    (file, script): (&str, &Script),
    (seed, change): (u64, fn(&mut Config)),
    mut differs: impl FnMut(String),
) {
    let (alone, behind) = (Server::start(kind, &script.server), Server::start(kind, &script.server));
    let one = Side { script, place: alone.place(), server: alone.place(), is_direct: true };
    let is_direct = std::env::var_os("NEARSIDE_TALKS_DIRECT").is_some();
    for cached in [false, true] {
        let mut config = configured(script, &behind.place(), cached);
        change(&mut config);
        // Without Nearside: whether the conversations themselves are sound.
        let proxy = (!is_direct).then(|| Proxy::start_unix(config));
        let place = proxy.as_ref().map_or_else(|| behind.place(), |proxy| proxy.place().clone());
        let other = Side { script, place, server: behind.place(), is_direct: proxy.is_none() };
        let suits = |it: &&Conversation| suits(it, kind) && !(cached && it.ways.uncached);
        for conversation in script.conversations.iter().filter(suits) {
            for (resp, sending) in ways(kind, file, conversation, seed) {
                let steps =
                    steps(conversation, resp, if cached && !conversation.ways.once { AGAIN } else { 0 });
                let (direct, through) = thread::scope(|scope| {
                    let direct = scope.spawn(|| one.hold(&steps, resp, sending));
                    let through = other.hold(&steps, resp, sending);
                    (direct.join().expect("the direct conversation"), through)
                });
                if let Some(difference) = first_difference(&steps, &direct, (&through, other.is_direct)) {
                    let cached = if cached { ", cached" } else { "" };
                    differs(format!(
                        "{:?}, RESP{resp}, {sending:?}{cached}: {difference}",
                        conversation.name
                    ));
                    break;
                }
            }
        }
    }
    if let Some(command) = script.spares.as_ref().filter(|_| !is_direct) {
        let [alone, behind] = [&alone, &behind].map(|server| calls(server, command));
        if behind >= alone {
            differs(format!("{command} ran {behind} times, and {alone} times where there is no Nearside"));
        }
    }
}

/// How often a server has run a command.
fn calls(server: &Server, command: &str) -> u64 {
    let info = Talk::connect(&server.place()).ask(&["INFO", "commandstats"]);
    let info = String::from_utf8_lossy(&info).into_owned();
    let wanted = format!("cmdstat_{}:calls=", command.to_ascii_lowercase());
    let found = info.lines().find_map(|line| line.strip_prefix(&wanted)?.split(',').next()?.parse().ok());
    found.unwrap_or_else(|| panic!("{command} in {info}"))
}

/// Nearside as the file wants it; `cached`: it keeps what it can, from the first read on.
fn configured(script: &Script, upstream: &Place, cached: bool) -> Config {
    let mut config = transparent(upstream);
    config.upstream.socket_timeout = PATIENCE;
    if cached {
        config.cache.mode = CacheMode::Auto;
        config.cache.admit_after = 0;
    }
    if let Some((user, password)) = &script.proxy {
        config.upstream.username.clone_from(user);
        config.upstream.password = Some(Secret::new(password.clone()));
    }
    config
}

fn seed() -> u64 {
    match std::env::var("NEARSIDE_SEED") {
        Ok(text) => text.parse().expect("NEARSIDE_SEED is a number"),
        Err(_) => fastrand::u64(..),
    }
}

/// `NEARSIDE_TALK` picks a conversation by its name while one works on it.
fn suits(conversation: &Conversation, kind: &Kind) -> bool {
    let only = &conversation.ways.only;
    let picked = std::env::var("NEARSIDE_TALK").map_or(true, |name| conversation.name == name);
    picked && (only.is_empty() || only.iter().any(|name| name == kind.name))
}

fn ways(kind: &Kind, file: &str, conversation: &Conversation, seed: u64) -> Vec<(usize, Sending)> {
    let is_this =
        |odd: &&Odd| (odd.kind, odd.file, odd.conversation) == (kind.name, file, conversation.name.as_str());
    let odd = ODD.iter().find(is_this);
    let plain = !conversation.ways.stepwise && conversation.steps.iter().all(Step::is_plain);
    let sendings = [Sending::Stepwise, Sending::Pipeline, Sending::Cut(seed)];
    let sendings = match odd {
        Some(odd) if !odd.stepwise => &[],
        None if plain => &sendings[..],
        _ => &sendings[..1],
    };
    let resps = if conversation.ways.as_is { 2..=2 } else { 2..=3 };
    resps.flat_map(|resp| sendings.iter().map(move |&sending| (resp, sending))).collect()
}

/// The conversation with what begins and ends it: each connection ends in a close, so that nothing
/// can come late. What may be kept is read so many times more.
fn steps(conversation: &Conversation, resp: usize, again: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for step in &conversation.steps {
        let is_aside = matches!(step.brings, Brings::Seen(_));
        if !is_aside && !open.contains(&&*step.who) {
            open.push(&step.who);
            if resp == 3 {
                steps.push(Step::by(&step.who, "HELLO 3"));
            }
        }
        let again = if step.is_kept() { again } else { 0 };
        steps.extend(std::iter::repeat_n(step.clone(), 1 + again));
        if matches!(step.brings, Brings::Close | Brings::Hangup) {
            open.retain(|who| *who != step.who);
        }
    }
    steps.extend(open.into_iter().map(|who| Step::by(who, "(close) QUIT")));
    steps
}

/// The first difference: those after it are often its consequences.
fn first_difference(
    steps: &[Step],
    direct: &[Vec<u8>],
    (through, is_direct): (&[Vec<u8>], bool),
) -> Option<String> {
    let missing = b"(not said any more)".to_vec();
    steps.iter().enumerate().find_map(|(at, step)| {
        let direct = direct.get(at).unwrap_or(&missing);
        let through = through.get(at).unwrap_or(&missing);
        let (one, other) = (blurred(&step.like, direct, true), blurred(&step.like, through, is_direct));
        let unanswered = ["(no reply", "(never ", "(not closed)"].iter().any(|mark| one.contains(mark));
        if one == other && !unanswered {
            return None;
        }
        let from = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        let far = if from > 100 {
            format!("\n    from byte {from}: {}\n                {}", cut(&one, from), cut(&other, from))
        } else {
            String::new()
        };
        let who = if step.who.is_empty() { String::new() } else { format!("{}: ", step.who) };
        let shown = |bytes: &[u8]| bytes[..bytes.len().min(400)].escape_ascii().to_string();
        Some(format!(
            "{who}{}\n    direct:  {}\n    through: {}{far}",
            step.line,
            shown(direct),
            shown(through)
        ))
    })
}

fn cut(text: &str, from: usize) -> String {
    String::from_utf8_lossy(&text.as_bytes()[from - 40..text.len().min(from + 160)]).into_owned()
}

//! Holding a session with both ends.

use std::time::{Duration, Instant};

use crate::line::Line;
use crate::make::{Sending, Session};
use crate::rig::{Aside, Rig};
use crate::say::{Said, Say};

/// How long the proxy may take for what the server has done.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long something may take that the server does after a while.
const MOMENT: Duration = Duration::from_millis(60);
/// A connection the server has not closed by then stays open.
const OPEN: Duration = Duration::from_millis(1500);

/// What one connection brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brought {
    pub(crate) bytes: Vec<u8>,
    pub(crate) closed: bool,
}

/// What both ends brought: directly, and through Nearside; and what their servers hold now.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) brought: [Vec<Brought>; 2],
    pub(crate) digests: [Vec<u8>; 2],
}

/// Holds `session` with both ends.
pub(crate) fn hold(rig: &mut Rig, session: &Session) -> Held {
    rig.reset();
    rig.catch_up(session);
    let places = rig.places(session);
    let mut both =
        places.map(|place| (0..session.connections).map(|_| Line::connect(&place)).collect::<Vec<_>>());
    if session.sending == Sending::Stepwise {
        stepwise(rig, session, &mut both);
    } else {
        at_once(rig, session, &mut both);
    }
    let [direct, through] = &mut both;
    for (direct, through) in direct.iter_mut().zip(through) {
        direct.until(OPEN, |line| line.closed);
        let count = direct.count();
        let is_open = !direct.closed;
        through.until(PATIENCE, |line| line.closed || (is_open && line.count() >= count));
    }
    let brought = both.map(|lines| {
        lines.into_iter().map(|line| Brought { bytes: line.got, closed: line.closed }).collect()
    });
    Held { brought, digests: digests(rig) }
}

/// What ends a session: it is answered and closes, whatever came before.
fn tail(connections: usize) -> Vec<Say> {
    let mut says = Vec::new();
    for who in (0..connections).rev() {
        says.push(Say::words(who, &["RESET"]));
        if who == 1 {
            says.push(Say::words(who, &["CLIENT", "UNBLOCK", "$id0"]));
        }
    }
    says.extend((0..connections).map(|who| Say::words(who, &["QUIT"])));
    says
}

fn at_once(rig: &mut Rig, session: &Session, both: &mut [Vec<Line>; 2]) {
    let says = session.says.iter().chain(&tail(1)).flat_map(|say| say.bytes(&[])).collect::<Vec<u8>>();
    // The same pieces for both.
    let mut random = fastrand::Rng::with_seed(session.seed);
    let mut rest = &says[..];
    while !rest.is_empty() {
        let n = match session.sending {
            Sending::Cut(most) | Sending::Bursts(most) => random.usize(1..=rest.len().min(most)),
            _ => rest.len(),
        };
        for lines in both.iter_mut() {
            lines[0].send(&rest[..n]);
        }
        rest = &rest[n..];
        if matches!(session.sending, Sending::Bursts(_)) && random.bool() {
            let [direct, through] = both.each_mut().map(|lines| &mut lines[0]);
            rig.asides[0].barrier(n);
            direct.drain();
            let count = direct.count();
            through.until(MOMENT, |line| line.closed || line.count() >= count);
        }
        std::thread::yield_now();
    }
}

fn stepwise(rig: &mut Rig, session: &Session, both: &mut [Vec<Line>; 2]) {
    let mut ids = [Vec::new(), Vec::new()];
    if session.connections > 1 {
        for (lines, ids) in both.iter_mut().zip(&mut ids) {
            for line in lines {
                line.send(b"*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n");
                line.until(PATIENCE, |line| line.got.ends_with(b"\r\n"));
                let reply = std::mem::take(&mut line.got);
                ids.push(reply[1..].trim_ascii_end().to_vec());
            }
        }
    }
    for say in session.says.iter().chain(&tail(session.connections)) {
        let [direct, through] = both;
        let before: Vec<usize> = direct.iter().map(|line| line.got.len()).collect();
        let bytes = say.bytes(&ids[0]);
        direct[say.who].send(&bytes);
        rig.asides[0].barrier(bytes.len());
        direct.iter_mut().for_each(Line::drain);
        if waits(say) {
            direct[say.who].until(MOMENT, |line| line.closed || line.got.len() > before[say.who]);
            rig.asides[0].barrier(0);
            direct.iter_mut().for_each(Line::drain);
        }
        through[say.who].send(&say.bytes(&ids[1]));
        let is_silent =
            direct.iter().zip(&before).all(|(line, before)| line.got.len() == *before && !line.closed);
        let mut is_whole = true;
        for (direct, through) in direct.iter().zip(through) {
            let (count, closed) = (direct.count(), direct.closed);
            is_whole &= through.until(PATIENCE, |line| line.closed || (line.count() >= count && !closed));
        }
        if !is_whole {
            return;
        }
        if is_silent {
            settle(&mut rig.asides);
            rig.catch_up(session);
        }
    }
}

/// Whether the server answers it after a while.
pub(crate) fn waits(say: &Say) -> bool {
    let Said::Words(words) = &say.said else { return false };
    let has = |short: &[u8]| words.iter().any(|word| word == short);
    has(b"0.001") || (has(b"BLOCK") && has(b"1")) || say.name().starts_with("WAIT") || say.name() == "EXEC"
}

/// Whether it may block.
pub(crate) fn blocks(say: &Say) -> bool {
    say.name().starts_with('B') || say.has("BLOCK")
}

/// Waits until the server behind the proxy is where the other one is, as far as that can be seen: nothing
/// else tells when the proxy has passed on what is not answered.
fn settle(asides: &mut [Aside; 2]) {
    let deadline = Instant::now() + MOMENT;
    while Instant::now() < deadline {
        let [one, other] = asides.each_mut().map(|aside| {
            let info = String::from_utf8_lossy(&aside.ask(&["INFO", "clients"])).into_owned();
            let blocked = info.lines().find(|line| line.starts_with("blocked_clients")).map(str::to_owned);
            (aside.ask(&["DEBUG", "DIGEST"]), blocked)
        });
        if one == other {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn digests(rig: &mut Rig) -> [Vec<u8>; 2] {
    rig.asides.each_mut().map(|aside| aside.ask(&["DEBUG", "DIGEST"]))
}

//! Those who mostly read, and count up now and then: each on one worker.

use crate::check::What;
use crate::registers::{Registers, TOGETHER};
use crate::session::{Expect, Script, Session, script};
use crate::world::{Spot, World};

/// How many requests go out in one write.
fn batch(random: &mut fastrand::Rng) -> usize {
    match random.u8(..10) {
        0..4 => 1,
        4..8 => random.usize(2..5),
        _ => random.usize(5..17),
    }
}

/// Reads and counts over its lane only.
pub(crate) fn plain(world: &World<'_>, spot: Spot, who: u64) {
    let mut random = world.random(who);
    let reads = if spot == Spot::Direct { What::Aside } else { What::Read };
    let mut session = Session::new(world, spot, random.bool(), reads);
    while !world.stopped() {
        let favourite = favourite(world);
        for _ in 0..batch(&mut random) {
            match random.u8(..100) {
                0..50 => {
                    let register = read_target(world, &mut random);
                    read(&mut session, register, &mut random);
                }
                50..95 => read(&mut session, favourite, &mut random),
                _ => count(&mut session, &mut random),
            }
        }
        session.run();
        if spot == Spot::Direct {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

/// What everybody reads just now.
pub(crate) fn favourite(world: &World<'_>) -> u32 {
    let fashion = world.fashion();
    let mut random = fastrand::Rng::with_seed(fashion);
    read_target(world, &mut random)
}

fn read_target(world: &World<'_>, random: &mut fastrand::Rng) -> u32 {
    let counter = if random.u8(..5) < 2 { world.registers.counter(random) } else { None };
    counter.unwrap_or_else(|| world.registers.written(random))
}

/// Reads little else than what everybody does, with pauses: mostly hits, so that it is seldom stuck behind
/// what is held.
pub(crate) fn loyal(world: &World<'_>, spot: Spot, who: u64) {
    let mut random = world.random(who);
    let mut session = Session::new(world, spot, random.bool(), What::Read);
    while !world.stopped() {
        let register = favourite(world);
        for _ in 0..random.usize(1..20) {
            read(&mut session, register, &mut random);
            session.run();
            if random.u8(..4) == 0 {
                std::thread::sleep(std::time::Duration::from_micros(random.u64(..2000)));
            }
        }
    }
}

/// Adds a read of `register`, in one of several ways.
pub(crate) fn read(session: &mut Session<'_>, register: u32, random: &mut fastrand::Rng) {
    let registers = &session.world.registers;
    let parts = registers.parts(register);
    let key = registers.key(register, random.usize(..parts));
    match random.u8(..100) {
        0..70 => session.say(Expect::Value(register), &[b"GET".as_slice(), &key]),
        70..78 => session.say(Expect::Value(register), &[b"GETRANGE".as_slice(), &key, b"0", b"-1"]),
        _ if parts == TOGETHER && random.u8(..4) > 0 => {
            let keys = [0, 1, 2].map(|part| registers.key(register, part));
            session.say(Expect::Values(register), &[b"MGET".as_slice(), &keys[0], &keys[1], &keys[2]]);
        }
        _ => {
            let other = registers.key(register, random.usize(..parts));
            session.say(Expect::Values(register), &[b"MGET".as_slice(), &key, &other]);
        }
    }
}

/// Adds something that counts up, and perhaps a read of what was counted.
fn count(session: &mut Session<'_>, random: &mut fastrand::Rng) {
    let world = session.world;
    let favourite = Some(favourite(world)).filter(|it| world.registers.is_counter(*it) && random.bool());
    let Some(counter) = favourite.or_else(|| world.registers.counter(random)) else { return };
    let key = world.registers.key(counter, 0);
    // What a script returns is not converted: with RESP2 it runs on another connection.
    match random.u8(..10) {
        0..2 if session.resp3() => {
            let words = script(world, Script::Count, random);
            session.say(Expect::Count(counter, What::Write), &[words[0], words[1], words[2], &key]);
        }
        2 if session.resp3() => tell(session, counter, &key, random),
        _ => session.say(Expect::Count(counter, What::Marked), &[b"INCR".as_slice(), &key]),
    }
    if random.bool() {
        session.say(Expect::Value(counter), &[b"GET".as_slice(), &key]);
    }
}

/// Counts and publishes in a script.
fn tell(session: &mut Session<'_>, counter: u32, key: &[u8], random: &mut fastrand::Rng) {
    let world = session.world;
    let words = script(world, Script::Tell, random);
    let (channel, message) = (format!("{}:news", world.registers.tag()), Registers::message(counter, None));
    let words = [words[0], words[1], words[2], key, channel.as_bytes(), message.as_bytes()];
    session.say(Expect::Count(counter, What::Write), &words);
}

/// Transactions, optimistic ones too, and scripts that need a connection of their own; reads between.
pub(crate) fn transactions(world: &World<'_>, spot: Spot, who: u64) {
    let mut random = world.random(who);
    let mut session = Session::new(world, spot, random.bool(), What::Aside);
    while !world.stopped() {
        match random.u8(..10) {
            0..3 => whole(&mut session, &mut random),
            3..5 => stepwise(&mut session, &mut random),
            5..7 => optimistic(&mut session, &mut random),
            7 => count(&mut session, &mut random),
            8 => elsewhere(&mut session, &mut random),
            _ => {}
        }
        for _ in 0..batch(&mut random) {
            let register = read_target(world, &mut random);
            read(&mut session, register, &mut random);
        }
        session.run();
    }
}

/// Reads what everybody does over a connection of its own, then over its lane: nothing older.
fn elsewhere(session: &mut Session<'_>, random: &mut fastrand::Rng) {
    let world = session.world;
    let register = favourite(world);
    let key = world.registers.key(register, 0);
    for _ in 0..random.usize(1..4) {
        if random.bool() {
            session.say(Expect::Skip, &["MULTI"]);
            session.say(Expect::Skip, &[b"GET".as_slice(), &key]);
            session.say(Expect::Exec(vec![Expect::Value(register)]), &["EXEC"]);
        } else {
            session.say(Expect::Skip, &[b"WATCH".as_slice(), &key]);
            session.say(Expect::Value(register), &[b"GET".as_slice(), &key]);
            session.say(Expect::Skip, &["UNWATCH"]);
        }
        session.run();
        session.say(Expect::Value(register), &[b"GET".as_slice(), &key]);
        session.run();
    }
}

/// What a transaction does: counts, reads, or runs a script.
fn inner(session: &Session<'_>, random: &mut fastrand::Rng) -> Option<Vec<(Expect, Vec<Vec<u8>>)>> {
    let world = session.world;
    let mut steps = Vec::new();
    for _ in 0..random.usize(1..4) {
        let counter = world.registers.counter(random)?;
        let key = world.registers.key(counter, 0);
        let say = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
        steps.push(match random.u8(..6) {
            0 => {
                let words = script(world, Script::Count, random);
                (Expect::Count(counter, What::Write), say(&[words[0], words[1], words[2], &key]))
            }
            1 | 2 => (Expect::Value(counter), say(&[b"GET", &key])),
            _ => (Expect::Count(counter, What::Marked), say(&[b"INCR", &key])),
        });
    }
    // Who writes an unknown key says nothing of the others before it is done.
    if steps.iter().any(|(expect, _)| matches!(expect, Expect::Count(_, What::Write))) {
        for (expect, _) in &mut steps {
            if let Expect::Count(_, what) = expect {
                *what = What::Write;
            }
        }
    }
    Some(steps)
}

/// A transaction in one write, with reads behind it.
fn whole(session: &mut Session<'_>, random: &mut fastrand::Rng) {
    let Some(steps) = inner(session, random) else { return };
    session.say(Expect::Skip, &["MULTI"]);
    let mut expected = Vec::new();
    for (expect, words) in steps {
        session.say(Expect::Skip, &words);
        expected.push(expect);
    }
    session.say(Expect::Exec(expected), &["EXEC"]);
}

/// A transaction step by step; or one that is given up.
fn stepwise(session: &mut Session<'_>, random: &mut fastrand::Rng) {
    let Some(steps) = inner(session, random) else { return };
    let mut expected = Vec::new();
    session.say(Expect::Skip, &["MULTI"]);
    for (expect, words) in steps {
        if !queued(session) {
            return;
        }
        session.say(Expect::Skip, &words);
        expected.push(expect);
    }
    if !queued(session) {
        return;
    }
    match random.u8(..8) {
        0 => session.say(Expect::Skip, &["DISCARD"]),
        _ => session.say(Expect::Exec(expected), &["EXEC"]),
    }
    session.run();
}

/// Whether the last request is answered, and not by an error.
fn queued(session: &mut Session<'_>) -> bool {
    let replies = session.run();
    let fine = replies
        .is_some_and(|replies| !replies.iter().any(|reply| matches!(reply, crate::wire::Reply::Error(_))));
    if !fine {
        session.say(Expect::Skip, &["DISCARD"]);
        session.run();
    }
    fine
}

/// Watches, reads, and sets what it read plus one: nobody else's update may get lost.
fn optimistic(session: &mut Session<'_>, random: &mut fastrand::Rng) {
    let world = session.world;
    let Some(counter) = world.registers.counter(random) else { return };
    let key = world.registers.key(counter, 0);
    session.say(Expect::Skip, &[b"WATCH".as_slice(), &key]);
    session.say(Expect::Value(counter), &[b"GET".as_slice(), &key]);
    let Some(replies) = session.run() else { return };
    let [crate::wire::Reply::Text(_), seen] = replies.as_slice() else { return };
    let crate::registers::Seen::Version(version) = world.registers.seen(counter, seen) else { return };
    let number = if version == crate::check::NOTHING { 1 } else { version / 2 + 1 };
    let value = number.to_string();
    session.say(Expect::Skip, &["MULTI"]);
    session.say(Expect::Skip, &[b"SET".as_slice(), &key, value.as_bytes()]);
    session.say(Expect::Exec(vec![Expect::Written(counter, number * 2, What::Marked)]), &["EXEC"]);
    session.run();
}

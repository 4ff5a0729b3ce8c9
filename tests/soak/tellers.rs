//! Those who are told of a write, and then look: what they see must not be older than what they heard.

use std::io::ErrorKind;
use std::time::Duration;

use crate::check::{Time, What};
use crate::readers::read;
use crate::registers::Registers;
use crate::session::{Expect, Session};
use crate::wire::Reply;
use crate::world::{Spot, World};

/// How long to wait for news before looking whether the round is over.
const WAIT: Duration = Duration::from_millis(100);

/// A session on the next worker of the same Nearside.
fn partner<'a>(world: &'a World<'a>, spot: Spot, random: &mut fastrand::Rng) -> Session<'a> {
    let workers = u16::try_from(world.setup.workers).unwrap_or(1);
    let other = match spot {
        Spot::Direct => Spot::Direct,
        Spot::Near { proxy, worker } => {
            Spot::Near { proxy, worker: (worker + random.u16(..workers)) % workers }
        }
    };
    Session::new(world, other, random.bool(), What::Read)
}

/// Subscribed: hears messages, and has somebody else look; with RESP3 it looks itself as well.
pub(crate) fn subscriber(world: &World<'_>, spot: Spot, who: u64) {
    let mut random = world.random(who);
    let mut session = Session::new(world, spot, true, What::Aside);
    let mut other = partner(world, spot, &mut random);
    let channel = format!("{}:news", world.registers.tag());
    let pattern = format!("{}:ne?s", world.registers.tag());
    while !world.stopped() {
        listen(&mut session, if random.bool() { &channel } else { &pattern });
        let Some((register, now)) = news(&mut session) else { continue };
        session.count("messages");
        read(&mut other, register, &mut random);
        other.run();
        if random.bool() {
            look(&mut session, register, now);
        }
    }
}

/// Subscribes, unless it has already on this connection; what has a `?` is a pattern.
pub(crate) fn listen(session: &mut Session<'_>, channel: &str) {
    let listens = session.listens;
    let Some((wire, number)) = session.wire() else { return };
    if listens == Some(number) {
        return;
    }
    wire.say(&[if channel.contains('?') { "PSUBSCRIBE" } else { "SUBSCRIBE" }, channel]);
    let _ = wire.send();
    let _ = wire.patience(WAIT);
    session.listens = Some(number);
}

/// The next message, logged; none for now, or another one comes after a new connection.
pub(crate) fn news(session: &mut Session<'_>) -> Option<(u32, Time)> {
    let (wire, number) = session.wire()?;
    match wire.next() {
        Ok((Reply::Push(parts), now)) => {
            let Some(Reply::Text(text)) = parts.last() else { return None };
            let (register, version) = Registers::told(text)?;
            session.told(register, version, What::Signal, number, now);
            Some((register, now))
        }
        Ok(_) => None,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(error) => {
            session.drop_wire(&error);
            None
        }
    }
}

/// Reads over the connection that got the message; more messages may come before the reply.
fn look(session: &mut Session<'_>, register: u32, since: Time) {
    let world = session.world;
    let key = world.registers.key(register, 0);
    let Some((wire, number)) = session.wire() else { return };
    wire.say(&[b"GET".as_slice(), &key]);
    let sent = wire.send();
    let deadline = since + crate::wire::nanos(crate::wire::PATIENCE);
    let Ok(begun) = sent else { return };
    loop {
        let Some((wire, _)) = session.wire() else { return };
        match wire.next() {
            Ok((Reply::Push(parts), now)) => {
                let told = match parts.last() {
                    Some(Reply::Text(text)) => Registers::told(text),
                    _ => None,
                };
                if let Some((register, version)) = told {
                    session.told(register, version, What::Signal, number, now);
                }
            }
            Ok((reply, now)) => return session.looked(register, &reply, number, (begun, now)),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
                    && world.clock.now() < deadline => {}
            Err(error) => return session.drop_wire(&error),
        }
    }
}

/// Waits for elements of its queue; looks itself, and has somebody else look.
pub(crate) fn consumer(world: &World<'_>, spot: Spot, index: usize, who: u64) {
    let mut random = world.random(who);
    let mut session = Session::new(world, spot, random.bool(), What::Aside);
    let mut other = partner(world, spot, &mut random);
    let queue = format!("{}:queue:{index}", world.registers.tag());
    while !world.stopped() {
        session.say(Expect::Skip, &["BRPOP", &queue, "0.1"]);
        let Some(replies) = session.run() else { continue };
        let [Reply::List(parts)] = replies.as_slice() else { continue };
        let Some(Reply::Text(text)) = parts.last() else { continue };
        let Some((register, version)) = Registers::told(text) else { continue };
        let now = session.span.1;
        let Some((_, number)) = session.wire() else { return };
        session.told(register, version, What::Signal, number, now);
        session.count("elements");
        read(&mut other, register, &mut random);
        if random.bool() {
            other.run();
            read(&mut session, register, &mut random);
            session.run();
        } else {
            read(&mut session, register, &mut random);
            session.run();
            other.run();
        }
    }
}

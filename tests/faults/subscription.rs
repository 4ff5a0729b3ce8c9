//! Subscriptions whose upstream is hurt before the confirmation, after it, and inside a message.

use crate::rig::{Client, Redis, ms, until};
use crate::steps::{FAULTS, Fault, HANG, Heard, Moment, Scene, for_all, hear, is_documented, let_pass};

/// The client's one packet.
const SUBSCRIBE: usize = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The server has not seen the command.
    Unseen,
    /// Subscribed; so many bytes of the confirmation have passed.
    Confirmed(usize),
    /// Nothing is under way.
    Quiet,
    /// So many bytes of the second message have passed.
    Message(usize),
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    command: &'static str,
    confirmation: &'static str,
    /// What comes before the text of a message.
    head: &'static str,
    step: Step,
    fault: Fault,
    proto: u8,
}

#[test]
fn a_subscription() {
    let mut cells = Vec::new();
    for (command, confirmation, head) in [
        ("SUBSCRIBE c", "[subscribe c :1]", "[message c"),
        ("PSUBSCRIBE c*", "[psubscribe c* :1]", "[pmessage c* c"),
    ] {
        use Step::{Confirmed, Message, Quiet, Unseen};
        for step in [Unseen, Confirmed(0), Confirmed(7), Quiet, Message(0), Message(9), Message(20)] {
            for fault in FAULTS {
                cells.extend([2, 3].map(|proto| Cell { command, confirmation, head, step, fault, proto }));
            }
        }
    }
    for_all(&cells, check);
}

fn check(redis: &mut Redis, cell: Cell) {
    let mut scene = Scene::new(redis, cell.fault, cell.proto);
    let mut client = scene.client(cell.proto);
    let confirmed = subscribe(&mut scene, &mut client, cell);
    scene.strike();
    if cell.fault.passes() {
        let_pass();
        scene.mend();
        goes_on(&scene, &mut client, cell, confirmed);
    } else {
        let heard = hear(&mut client, HANG);
        scene.mend();
        match heard {
            Heard::Closed => {}
            Heard::Reply(reply) if is_documented(&reply) && !confirmed => {
                is_no_subscriber(&scene, &mut client);
            }
            other => panic!("the client hears {other:?}"),
        }
    }
    drop(client);
    assert_next_subscribes(&scene, cell);
    scene.assert_next_are_clean();
}

/// Up to the moment of the fault; whether the subscription has been confirmed.
fn subscribe(scene: &mut Scene<'_>, client: &mut Client, cell: Cell) -> bool {
    let moment = match cell.step {
        Step::Unseen => Moment::Unseen(SUBSCRIBE),
        Step::Quiet => Moment::Before(SUBSCRIBE),
        Step::Confirmed(0) | Step::Message(0) => Moment::Answered(SUBSCRIBE),
        Step::Confirmed(bytes) | Step::Message(bytes) => Moment::Half(SUBSCRIBE, bytes),
    };
    let confirmed = matches!(cell.step, Step::Quiet | Step::Message(_));
    if !confirmed {
        scene.prepare(moment);
    }
    client.send(cell.command);
    if !confirmed {
        scene.await_moment(moment);
        return false;
    }
    assert_eq!(client.reply(), cell.confirmation);
    publish(scene, 1);
    assert_eq!(client.reply(), format!("{} m1]", cell.head));
    if let Step::Message(_) = cell.step {
        scene.prepare(moment);
        publish(scene, 2);
        scene.await_moment(moment);
    }
    true
}

/// The fault has passed: nothing is missing for as long as the connection is there.
fn goes_on(scene: &Scene<'_>, client: &mut Client, cell: Cell, confirmed: bool) {
    if !confirmed {
        match hear(client, HANG) {
            Heard::Closed => return,
            Heard::Reply(reply) if is_documented(&reply) => {
                return is_no_subscriber(scene, client);
            }
            heard => assert_eq!(heard, Heard::Reply(cell.confirmation.into()), "after the fault"),
        }
    }
    let mut direct = scene.redis.direct();
    (3..6).for_each(|n| drop(direct.ask(&format!("PUBLISH c m{n}"))));
    let first = if matches!(cell.step, Step::Message(_)) { 2 } else { 3 };
    for n in first..6 {
        match hear(client, HANG) {
            Heard::Closed => return,
            heard => assert_eq!(heard, Heard::Reply(format!("{} m{n}]", cell.head)), "after the fault"),
        }
    }
}

/// One that was told so: its connection ends, or does everything but listen.
fn is_no_subscriber(scene: &Scene<'_>, client: &mut Client) {
    if hear(client, ms(200)) == Heard::Nothing {
        scene.assert_works(client);
    }
}

/// By the server's own account there is one subscriber.
fn publish(scene: &Scene<'_>, n: u32) {
    assert_eq!(scene.redis.direct().ask(&format!("PUBLISH c m{n}")), ":1");
}

/// The subscription of the client that has left is gone, and a new one works.
fn assert_next_subscribes(scene: &Scene<'_>, cell: Cell) {
    until("no subscription is left over", || scene.redis.direct().ask("PUBLISH c nobody") == ":0");
    let mut next = scene.client(cell.proto);
    until("the upstream is back", || match next.ask(cell.command) {
        reply if reply == cell.confirmation => true,
        reply => {
            assert!(is_documented(&reply), "{reply}");
            next = scene.client(cell.proto);
            false
        }
    });
    publish(scene, 6);
    assert_eq!(next.reply(), format!("{} m6]", cell.head));
}

//! Blocking pops whose upstream is hurt before, while, and when they are woken.

use crate::rig::{Client, Redis, ms, until};
use crate::steps::{FAULTS, Fault, HANG, Heard, Moment, Scene, for_all, hear, is_documented, let_pass};

/// The client's one packet.
const POP: usize = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The server has not seen the command.
    OnItsWay,
    Blocked,
    /// It was woken by a push; so many bytes of the reply have passed.
    Woken(usize),
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    command: &'static str,
    right: &'static str,
    step: Step,
    fault: Fault,
    proto: u8,
}

#[test]
fn a_pop() {
    let mut cells = Vec::new();
    for (command, right) in
        [("BLPOP l 0", "[l x]"), ("BLPOP l 30", "[l x]"), ("BLMPOP 30 1 l LEFT", "[l [x]]")]
    {
        for step in [Step::OnItsWay, Step::Blocked, Step::Woken(0), Step::Woken(5)] {
            for fault in FAULTS {
                cells.extend([2, 3].map(|proto| Cell { command, right, step, fault, proto }));
            }
        }
    }
    for_all(&cells, check);
}

fn check(redis: &mut Redis, cell: Cell) {
    let mut scene = Scene::new(redis, cell.fault, cell.proto);
    let mut client = scene.client(cell.proto);
    block(&mut scene, &mut client, cell);
    scene.strike();
    if cell.fault.passes() {
        let_pass();
        scene.mend();
    }
    // Who is only blocked waits for as long as the server is away.
    if cell.fault.passes() && cell.step == Step::Blocked {
        push(&scene);
    }
    let woken = matches!(cell.step, Step::Woken(_));
    let limit = if cell.step == Step::OnItsWay && cell.fault.passes() { ms(500) } else { HANG };
    let heard = hear(&mut client, limit);
    if !cell.fault.passes() {
        scene.mend();
    }
    match heard {
        Heard::Nothing if limit < HANG => {
            push(&scene);
            assert_eq!(hear(&mut client, HANG), Heard::Reply(cell.right.into()), "after the fault");
        }
        Heard::Reply(reply) if reply == cell.right && cell.fault.passes() => {
            scene.assert_works(&mut client);
        }
        // Behind half a reply it would not be one.
        Heard::Reply(reply) if is_documented(&reply) => {
            left(&scene, woken);
            scene.assert_works(&mut client);
        }
        Heard::Closed => left(&scene, woken),
        other => panic!("the client hears {other:?}"),
    }
    drop(client);
    scene.assert_next_are_clean();
}

/// Up to the moment of the fault.
fn block(scene: &mut Scene<'_>, client: &mut Client, cell: Cell) {
    let moment = match cell.step {
        Step::OnItsWay => Moment::Unseen(POP),
        Step::Blocked => Moment::Before(POP),
        Step::Woken(0) => Moment::Answered(POP),
        Step::Woken(bytes) => Moment::Half(POP, bytes),
    };
    if cell.step == Step::OnItsWay {
        scene.prepare(moment);
    }
    client.send(cell.command);
    if cell.step == Step::OnItsWay {
        return scene.await_moment(moment);
    }
    let mut direct = scene.redis.direct();
    until("it is blocked", || direct.ask("INFO clients").contains("blocked_clients:1\r\n"));
    if let Step::Woken(_) = cell.step {
        scene.prepare(moment);
        assert_eq!(direct.ask("RPUSH l x"), ":1");
        scene.await_moment(moment);
    }
}

fn push(scene: &Scene<'_>) {
    until("it is blocked again", || {
        scene.redis.direct().ask("INFO clients").contains("blocked_clients:1\r\n")
    });
    assert_eq!(scene.redis.direct().ask("RPUSH l x"), ":1");
}

/// The client is told that it lost the upstream: nobody pops in its name any more.
fn left(scene: &Scene<'_>, woken: bool) {
    let mut direct = scene.redis.direct();
    until("nobody is blocked", || direct.ask("INFO clients").contains("blocked_clients:0\r\n"));
    if !woken {
        assert_eq!(direct.ask("LLEN l"), ":0");
    }
    assert_eq!(direct.ask("RPUSH l y"), ":1");
    assert_eq!(scene.near.client().ask("BLPOP l 1"), "[l y]");
}

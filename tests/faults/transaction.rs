//! Transactions whose upstream is hurt at each step.

use crate::rig::{Client, Redis};
use crate::steps::{FAULTS, Fault, HANG, Heard, Moment, Scene, for_all, hear, is_documented, packet};

/// Packets, each of requests with their right replies.
type Script = &'static [&'static [(&'static str, &'static str)]];

const STEP_BY_STEP: Script = &[
    &[("WATCH w", "+OK")],
    &[("MULTI", "+OK")],
    &[("INCR n", "+QUEUED")],
    &[("INCR n", "+QUEUED")],
    &[("EXEC", "[:1 :2]")],
    &[("ECHO after", "after")],
];
const IN_ONE: Script = &[
    &[("MULTI", "+OK"), ("INCR n", "+QUEUED"), ("INCR n", "+QUEUED"), ("EXEC", "[:1 :2]")],
    &[("ECHO after", "after")],
];
/// The transaction and what follows it, with something before and after it in the packet.
const AMONG_OTHERS: Script = &[
    &[
        ("ECHO before", "before"),
        ("WATCH w", "+OK"),
        ("MULTI", "+OK"),
        ("INCR n", "+QUEUED"),
        ("INCR n", "+QUEUED"),
        ("EXEC", "[:1 :2]"),
        ("ECHO behind", "behind"),
    ],
    &[("ECHO after", "after")],
];

#[derive(Clone, Copy, Debug)]
struct Cell {
    #[allow(dead_code)] // for the message
    name: &'static str,
    script: Script,
    moment: Moment,
    fault: Fault,
    proto: u8,
}

fn cells(name: &'static str, script: Script, moments: &[Moment]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for &moment in moments {
        for fault in FAULTS {
            cells.extend([2, 3].map(|proto| Cell { name, script, moment, fault, proto }));
        }
    }
    cells
}

#[test]
fn step_by_step() {
    use Moment::{Answered, Before, Half, Unseen};
    let mut moments: Vec<_> = (1..=5).map(Before).collect();
    moments.extend([0, 1, 2, 4].map(Unseen));
    moments.extend([0, 1, 2, 4].map(Answered));
    moments.extend([Half(1, 2), Half(4, 6), Half(4, 11)]);
    for_all(&cells("step by step", STEP_BY_STEP, &moments), check);
}

#[test]
fn in_one_packet() {
    use Moment::{Answered, Before, Half, Unseen};
    let moments =
        [Unseen(0), Answered(0), Half(0, 2), Half(0, 5), Half(0, 9), Half(0, 23), Half(0, 27), Before(1)];
    for_all(&cells("in one packet", IN_ONE, &moments), check);
    let moments = [Unseen(0), Answered(0), Half(0, 14), Half(0, 25), Before(1)];
    for_all(&cells("among others", AMONG_OTHERS, &moments), check);
}

fn check(redis: &mut Redis, cell: Cell) {
    let mut scene = Scene::new(redis, cell.fault, cell.proto);
    let mut client = scene.client(cell.proto);
    let told = play(&mut scene, &mut client, cell);
    scene.mend();
    if told.open {
        scene.assert_works(&mut client);
    }
    drop(client);
    scene.assert_next_are_clean();
    let n = scene.redis.direct().ask("GET n");
    let possible: &[&str] = match told.exec {
        Exec::Done => &["2"],
        Exec::NotDone => &["nil"],
        Exec::Unknown => &["nil", "2"],
    };
    assert!(possible.contains(&&*n), "n is {n} after {told:?}");
}

/// What the client knows of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exec {
    Done,
    NotDone,
    Unknown,
}

#[derive(Debug)]
struct Told {
    open: bool,
    exec: Exec,
}

/// Plays the script with its fault until its end or that of the connection.
fn play(scene: &mut Scene<'_>, client: &mut Client, cell: Cell) -> Told {
    let mut told = Told { open: true, exec: Exec::NotDone };
    let mut failed = false;
    for (i, lines) in cell.script.iter().enumerate() {
        if cell.moment == Moment::Before(i) {
            scene.strike();
        }
        let now =
            matches!(cell.moment, Moment::Unseen(m) | Moment::Answered(m) | Moment::Half(m, _) if m == i);
        if now {
            scene.prepare(cell.moment);
        }
        let requests: Vec<_> = lines.iter().map(|(line, _)| *line).collect();
        if client.try_write(&packet(&requests)).is_err() {
            told.open = false;
            return told;
        }
        if requests.contains(&"EXEC") {
            told.exec = Exec::Unknown;
        }
        if now {
            scene.await_moment(cell.moment);
            scene.strike();
        }
        for (line, right) in *lines {
            match hear(client, HANG) {
                Heard::Nothing => panic!("{line} hangs"),
                Heard::Closed => {
                    told.open = false;
                    return told;
                }
                Heard::Reply(reply) => judge(line, right, &reply, &mut failed, &mut told),
            }
        }
    }
    told
}

fn judge(line: &str, right: &str, reply: &str, failed: &mut bool, told: &mut Told) {
    let aborted = line == "EXEC" && *failed && reply.starts_with("-EXECABORT ");
    let word = line.starts_with("ECHO ");
    assert!(
        (reply == right && (word || !*failed)) || is_documented(reply) || aborted,
        "{line} is answered by {reply:?} (something before it failed: {failed})"
    );
    *failed |= reply != right && !word;
    if line == "EXEC" {
        told.exec = match reply {
            _ if reply == right => Exec::Done,
            _ if aborted || reply.starts_with("-UPSTREAMDOWN ") || reply.starts_with("-UPSTREAMBUSY ") => {
                Exec::NotDone
            }
            _ => Exec::Unknown,
        };
        *failed = false;
    }
}

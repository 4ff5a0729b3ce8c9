//! Requests that are passed on in pieces: nobody gets further by one than by a small one.

use crate::rig::{Mode, Pair, Scene, request};

/// More than arrives at once.
const BIG: usize = 2 << 20;

/// By whom, what (`BIG` stands for that much), and whether it is refused. Where users are Nearside's own it is
/// refused as well if it could name a key that nobody can look at.
const LARGE: &[(&str, &str, bool)] = &[
    ("keys", "SET app:w1 BIG", false),
    ("writes", "SET app:w1 BIG", false),
    ("keys", "SET oth:w1 BIG", true),
    ("reads", "SET app:w1 BIG", true),
    ("writes", "SET app:w1 BIG GET", true),
    ("keys", "MSET app:w1 BIG app:w2 x", false),
    ("keys", "MSET app:w1 BIG oth:w1 x", true),
    ("keys", "DEL app:w4 BIG oth:w1", true),
    ("keys", "SORT app:l BY BIG GET oth:s", true),
    ("keys", "PUBLISH news BIG", false),
    ("channels", "PUBLISH gossip BIG", true),
    ("few", "SET app:w1 BIG", false),
    ("few", "APPEND app:w1 BIG", true),
    ("none", "SET app:w1 BIG", true),
    // Whose answer would be the upstream's, of its own users.
    ("keys", "AUTH default BIG", true),
    ("keys", "HELLO 3 AUTH default x SETNAME BIG", true),
    ("keys", "ACL SETUSER keys ~* BIG", true),
];

fn bytes(line: &str) -> Vec<u8> {
    let request = request(&line.replace("BIG", &"b".repeat(BIG)));
    assert!(request.len() > BIG);
    request
}

/// Whether `reply` says what nobody but `root` may read here.
fn tells(reply: &[u8]) -> bool {
    reply.windows(6).any(|window| window == b"secret")
}

#[test]
fn nobody_may_more_by_a_request_that_is_passed_on_in_pieces() {
    for mode in [Mode::Through, Mode::Local] {
        let mut scene = Scene::new(mode, false);
        for first in ["PING", "WATCH app:watched", "MULTI"] {
            for (user, line, is_refused) in LARGE {
                scene.seed();
                let about = format!("{mode:?}, {user}, after {first}: {line}");
                let Pair([_, mut ours]) = scene.pair();
                assert_eq!(ours.ask_text(&["AUTH", user, "pw"]), "+OK\r\n");
                ours.ask(&first.split(' ').collect::<Vec<_>>());
                // It may be closed before all of it is sent.
                ours.send_if(&bytes(line));
                let reply = ours.try_reply().unwrap_or_default();
                let said = String::from_utf8_lossy(&reply[..reply.len().min(100)]).into_owned();
                assert!(!tells(&reply), "{about}: {said}");
                let refused = said.is_empty() || said.starts_with('-');
                let unseen = mode == Mode::Local && line.ends_with(" app:w2 x");
                assert!(refused == (*is_refused || unseen) || first == "MULTI", "{about}: {said}");
                ours.say_if(&["EXEC"]);
                let done = ours.try_reply().unwrap_or_default();
                ours.say_if(&["GET", "oth:s"]);
                let after = ours.try_reply().unwrap_or_default();
                let may = matches!(*user, "few" | "channels");
                assert!(!tells(&done) && (may || !tells(&after)), "{about}: {}", after.escape_ascii());
                assert_eq!(scene.behind("GET oth:w1"), "$1\r\n1\r\n", "{about}");
            }
        }
    }
}

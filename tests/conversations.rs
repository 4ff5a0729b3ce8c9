//! The same bytes to a redis-server and, through Nearside, to another like it: the same bytes back.
//!
//! What is said stands in `conversations/*.talk` (see the README there); each conversation is held
//! in RESP2 and RESP3, command by command, as one pipeline in a single write, and cut at random
//! places. `NEARSIDE_SEED` repeats a run's cuts.

#[path = "conversations/blur.rs"]
mod blur;
mod common;
#[path = "conversations/coverage.rs"]
mod coverage;
#[path = "conversations/docs.rs"]
mod docs;
#[path = "conversations/exempt.rs"]
mod exempt;
#[path = "conversations/frame.rs"]
mod frame;
#[path = "conversations/kinds.rs"]
mod kinds;
#[path = "conversations/large.rs"]
mod large;
#[path = "conversations/odd.rs"]
mod odd;
#[path = "conversations/permitted.rs"]
mod permitted;
#[path = "conversations/runner.rs"]
mod runner;
#[path = "conversations/script.rs"]
mod script;
#[path = "conversations/side.rs"]
mod side;
#[path = "convert/spans.rs"]
mod spans;
#[path = "conversations/stage.rs"]
mod stage;
#[path = "conversations/step.rs"]
mod step;
#[path = "conversations/varies.rs"]
mod varies;
#[path = "conversations/words.rs"]
mod words;

/// A test per file; each has its own pairs of servers.
macro_rules! files {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            runner::run(stringify!($name), include_str!(concat!("conversations/", stringify!($name), ".talk")));
        })*

        #[test]
        fn every_file_is_held() {
            let listed = [$(stringify!($name)),*];
            let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
            for entry in std::fs::read_dir(dir).expect("the directory of this test") {
                let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
                if let Some(stem) = name.strip_suffix(".talk") {
                    assert!(listed.contains(&stem), "{name} is not in the list of tests/conversations.rs");
                }
            }
        }

        #[test]
        fn every_command_has_a_conversation() {
            coverage::check(&[$(include_str!(concat!("conversations/", stringify!($name), ".talk"))),*]);
        }
    };
}

files! {
    acl,
    admin,
    attack,
    auth_given,
    auth_limits,
    auth_none,
    auth_user,
    blocking,
    cached,
    clients,
    cluster,
    connection,
    generic,
    hashes,
    inline,
    lists,
    messages,
    newer,
    protocol,
    pubsub,
    pubsub_resp3,
    scripts,
    server,
    sets,
    states,
    streams,

    strings,
    tracking,
    transactions,
    waiting,
    watch,
    zsets,
}

/// Nobody has a connection of its own for its subscriptions.
#[test]
fn pubsub_shared() {
    runner::run_as("pubsub", include_str!("conversations/pubsub.talk"), |c| c.pubsub_dedicated = 0);
}

/// Redis 7.0 puts a message that a transaction sends to its own client inside the reply to `EXEC`; here
/// the transaction has another connection than the subscription, and the message comes after it.
#[test]
fn pubsub_resp3_shared() {
    let transaction = "MULTI\nPUBLISH c in-a-transaction\n(3) EXEC\n";
    let text = include_str!("conversations/pubsub_resp3.talk");
    assert!(text.contains(transaction));
    runner::run_as("pubsub_resp3", &text.replace(transaction, ""), |c| c.pubsub_dedicated = 0);
}

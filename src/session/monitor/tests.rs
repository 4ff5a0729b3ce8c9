//! Workers with clients on socket pairs; nothing runs, so every turn is the test's own.

use std::cell::Cell;
use std::io::{ErrorKind, Read};
use std::task::Poll;

use super::*;
use crate::command::lookup;
use crate::net::Stream;
use crate::policy::Origin;
use crate::pubsub::Feeds;
use crate::resp::request::encode;
use crate::resp::scan::request::{Limits, RequestScanner};
use crate::session::{InForce, Latest, Session, Worker};
use crate::upstream::{Lanes, Pool, Shared};

/// A worker, of several that share `all`.
pub(in crate::session) fn worker(all: &Arc<Monitors>, index: usize, config: Config) -> Rc<Worker> {
    let shared =
        Arc::new(Shared::new(config.upstream.clone(), None, config.limits.clone(), config.pubsub_dedicated));
    let scratch = Rc::default();
    let pool = Rc::new(Pool::new(Arc::clone(&shared), 0, Rc::default()));
    let settings = crate::pubsub::Settings { resubscribe: false, barrier: crate::pubsub::Barrier::default() };
    let feeds = Feeds::new(Arc::clone(&shared), Rc::clone(&pool), Arc::default(), settings);
    let near = crate::cache::Near::new(config.cache.clone(), config.cache_mode(), 1, 1);
    let keeper = crate::session::Keeper::new(&Arc::new(near), &Arc::new(crate::session::Bells::new(1)), 0);
    let kept = Rc::clone(&keeper.worker);
    Rc::new(Worker {
        index,
        roster: Arc::new(crate::session::Roster::new(1).0),
        lanes: Lanes::new(Arc::clone(&shared), Rc::clone(&scratch), Rc::default(), move |db, credential| {
            Rc::new(crate::session::LaneWatch::new(&kept, db, credential, credential))
        }),
        keeper,
        pool,
        feeds,
        latest: Latest::new(Arc::new(InForce::new(&config).unwrap())),
        limiting: crate::session::Limiting::new(&config),
        tally: Rc::default(),
        traces: Rc::new(crate::session::Traces::new(
            Arc::new(crate::telemetry::SlowLog::new(&config.slowlog)),
            crate::telemetry::Sampler::new(Arc::default(), 0),
        )),
        denials: Arc::default(),
        audit: Arc::default(),
        notices: Arc::default(),
        vitals: Arc::new(crate::telemetry::Vitals::new(1)),
        scratch,
        spares: Rc::default(),
        draining: Cell::new(false),
        nonce: "n".into(),
        monitors: Feed::new(all, index, &config),
        desk: Arc::new(crate::telemetry::desk::Nobody),
        shared,
    })
}

/// A client of `worker`, and the other end of its connection.
async fn client(worker: &Rc<Worker>, id: u64) -> (Session, Rc<Client>, impl Read) {
    let (ours, mut theirs) = Stream::pair().unwrap();
    let (session, client) =
        Session::new(Rc::clone(worker), ours, id, Origin { listener: 0, address: None, names: Vec::new() });
    // The runtime has to see once that the socket takes bytes; from then on writes are immediate.
    client.append(|out| out.push(b'.'));
    while !client.is_flushed() {
        std::future::poll_fn(|cx| Poll::Ready(client.poll_flush(cx))).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(read(&mut theirs), ".");
    (session, client, theirs)
}

/// Everything there is to read now.
fn read(from: &mut impl Read) -> String {
    let mut got = Vec::new();
    let end = from.read_to_end(&mut got).expect_err("it is open");
    assert_eq!(end.kind(), ErrorKind::WouldBlock);
    String::from_utf8(got).unwrap()
}

/// The session has taken this request.
fn show(session: &Session, line: &str) {
    let bytes = encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    let limits = Limits { max_bulk: 1 << 20, max_multibulk: 64, large: 1 << 20, unauthenticated: false };
    let mut scanner = RequestScanner::default();
    scanner.scan(&bytes, &limits).unwrap();
    let args = scanner.args(&bytes);
    session.path.worker.monitors.show(&session.path, lookup(&args), &args, true);
}

#[tokio::test]
async fn monitors_of_every_worker_see_what_one_worker_takes() {
    let all = Arc::new(Monitors::new(2));
    let [one, two] = [0, 1].map(|index| worker(&all, index, Config::default()));
    let (first, near, mut near_end) = client(&one, 1).await;
    let (_second, far, mut far_end) = client(&two, 2).await;
    let (sender, ..) = client(&one, 3).await;
    assert!(!one.monitors.any());
    show(&sender, "GET before");
    one.monitors.add(&near);
    two.monitors.add(&far);
    two.monitors.add(&far);
    show(&sender, "GET k");
    show(&sender, "CONFIG SET requirepass secret");
    show(&sender, "AUTH secret");
    for (worker, end) in [(&one, &mut near_end), (&two, &mut far_end)] {
        worker.monitors.arrived().await;
        worker.monitors.deliver();
        let said = read(end);
        assert!(said.starts_with('+') && said.ends_with("[0 unix:] \"AUTH\" \"(redacted)\"\r\n"), "{said}");
        assert!(said.contains("[0 unix:] \"GET\" \"k\"\r\n+"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    two.monitors.remove(&far);
    show(&sender, "SELECT 3");
    [&one, &two].iter().for_each(|worker| worker.monitors.deliver());
    assert!(read(&mut near_end).contains("[3 unix:] \"SELECT\" \"3\"\r\n"));
    assert_eq!(read(&mut far_end), "");
    drop(first);
    assert!(!two.monitors.any(), "the end of a session is the end of its monitor");
}

#[tokio::test]
async fn a_monitor_that_does_not_read_is_cut_at_the_limit_for_subscribers() {
    let mut config = Config::default();
    config.client_output_buffer_limit.pubsub.hard = 1024 * 1024;
    let worker = worker(&Arc::new(Monitors::new(1)), 0, config);
    let (session, slow, end) = client(&worker, 1).await;
    let (sender, ..) = client(&worker, 2).await;
    worker.monitors.add(&slow);
    let words = format!("ECHO {}", "x".repeat(32 * 1024));
    let mut rounds = 0;
    while !slow.is_cut() {
        show(&sender, &words);
        worker.monitors.deliver();
        rounds += 1;
        assert!(rounds < 200, "it is never cut");
    }
    drop((session, end));
    assert!(!worker.monitors.any());
}

#[tokio::test]
async fn only_what_redis_would_run_or_queue_is_shown() {
    let worker = worker(&Arc::new(Monitors::new(1)), 0, Config::default());
    let (_session, monitor, mut end) = client(&worker, 1).await;
    let (sender, ..) = client(&worker, 2).await;
    worker.monitors.add(&monitor);
    for hidden in [
        "NOSUCH",
        "GET",
        "GET k v",
        "COMMAND FOO",
        "CONFIG FOO",
        "CONFIG",
        "CLIENT LIST",
        "SYNC",
        "MONITOR",
        "NEARSIDE MONITOR UPSTREAM",
        "NEARSIDE FOO",
    ] {
        show(&sender, hidden);
        worker.monitors.deliver();
        assert_eq!(read(&mut end), "", "{hidden}");
    }
    for (line, shown) in [
        ("get k", "[0 unix:] \"get\" \"k\""),
        ("COMMAND", "[0 unix:] \"COMMAND\""),
        ("RESET", "[0 unix:] \"RESET\""),
        ("QUIT", "[0 unix:] \"QUIT\""),
        ("ACL WHOAMI", "[0 unix:] \"ACL\" \"WHOAMI\""),
        ("EVAL x 0", "[0 unix:] \"EVAL\" \"x\" \"0\""),
        ("JSON.GET k", "[0 unix:] \"JSON.GET\" \"k\""),
        (
            "HELLO 3 AUTH u p SETNAME x",
            "[0 unix:] \"HELLO\" \"3\" \"AUTH\" \"(redacted)\" \"(redacted)\" \"SETNAME\" \"x\"",
        ),
        (
            "MIGRATE h 1 k 0 10 COPY AUTH2 u p KEYS AUTH k",
            "[0 unix:] \"MIGRATE\" \"h\" \"1\" \"k\" \"0\" \"10\" \"COPY\" \"AUTH2\" \"(redacted)\" \"(redacted)\" \"KEYS\" \"AUTH\" \"k\"",
        ),
        (
            "MIGRATE h 1 k 0 10 AUTH p",
            "[0 unix:] \"MIGRATE\" \"h\" \"1\" \"k\" \"0\" \"10\" \"AUTH\" \"(redacted)\"",
        ),
    ] {
        show(&sender, line);
        worker.monitors.deliver();
        assert!(read(&mut end).trim_end().ends_with(shown), "{line}");
    }
}

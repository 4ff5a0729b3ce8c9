//! Rates, places and passwords: how much, how many and how often, against a real server.

mod common;

use std::time::{Duration, Instant};

use common::{Proxy, Server, Talk, config, eventually};
use nearside::Config;
use nearside::config::{LocalUser, Per, Rate, RateUnit, Secret};

/// One thousandth per second, so that nothing is refilled while a test runs: so many and no more.
fn rate(per: Per, burst: u64) -> Rate {
    Rate {
        name: "few".into(),
        per,
        commands: Vec::new(),
        keys: Vec::new(),
        users: Vec::new(),
        listeners: Vec::new(),
        unit: RateUnit::Commands,
        rate: 1,
        period: Duration::from_secs(1000),
        burst,
        enforce: true,
        delay: None,
    }
}

fn scene(change: impl FnOnce(&mut Config)) -> (Server, Proxy) {
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    change(&mut config);
    (server, Proxy::start(config))
}

fn ask(talk: &mut Talk, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    String::from_utf8_lossy(&talk.ask(&words)).into_owned()
}

fn say(talk: &mut Talk, words: &str) {
    talk.say(&words.split(' ').collect::<Vec<_>>());
}

/// A figure of `INFO nearside`.
fn figure(proxy: &Proxy, name: &str) -> String {
    let info = ask(&mut proxy.connect(), "INFO nearside");
    let line =
        info.lines().find_map(|line| line.strip_prefix(&format!("nearside_{name}:")).map(String::from));
    line.unwrap_or_else(|| panic!("no {name} in {info}"))
}

const LIMITED: &str = "-RATELIMITED few: more than 1 commands in 1000s for ";

#[test]
fn what_is_over_is_refused_on_every_path_and_costs_nothing_upstream() {
    let only = ["GET", "INCR", "EVAL"].map(String::from).to_vec();
    let (server, proxy) = scene(|c| c.rates = vec![Rate { commands: only.clone(), ..rate(Per::Client, 4) }]);
    let mut talk = proxy.connect();
    assert_eq!(ask(&mut talk, "GET k"), "$-1\r\n");
    assert_eq!(ask(&mut talk, "INCR n"), ":1\r\n");
    assert_eq!(ask(&mut talk, "EVAL return(1) 0"), ":1\r\n");
    // In a pipeline: one passes, then none of them, and what is not limited does.
    for words in ["INCR n", "INCR n", "PING", "GET k", "EVAL return(2) 0", "SET k v"] {
        say(&mut talk, words);
    }
    let replies: Vec<String> = (0..6).map(|_| String::from_utf8_lossy(&talk.reply()).into_owned()).collect();
    assert_eq!((&*replies[0], &*replies[2], &*replies[5]), (":2\r\n", "+PONG\r\n", "+OK\r\n"));
    for at in [1, 3, 4] {
        assert!(replies[at].starts_with(&format!("{LIMITED}this client; retry in ")), "{}", replies[at]);
    }
    assert_eq!(server.connect().ask(&["GET", "n"]), b"$1\r\n2\r\n");
    assert!(figure(&proxy, "rate_few").starts_with("refused=3,"));
    assert_eq!(ask(&mut proxy.connect(), "GET k"), "$1\r\nv\r\n");
}

#[test]
fn a_transaction_that_is_over_is_aborted_and_ends() {
    let writes = vec!["@write".to_owned()];
    for whole in [true, false] {
        let (server, proxy) =
            scene(|c| c.rates = vec![Rate { commands: writes.clone(), ..rate(Per::Client, 2) }]);
        let mut talk = proxy.connect();
        let lines = ["MULTI", "INCR a", "INCR b", "INCR c", "EXEC", "GET a"];
        let replies: Vec<String> = if whole {
            lines.iter().for_each(|line| say(&mut talk, line));
            lines.iter().map(|_| String::from_utf8_lossy(&talk.reply()).into_owned()).collect()
        } else {
            lines.iter().map(|line| ask(&mut talk, line)).collect()
        };
        assert_eq!(replies[..3], ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n"], "{whole}");
        assert!(replies[3].starts_with(LIMITED), "{}", replies[3]);
        assert!(replies[4].starts_with("-EXECABORT"), "{}", replies[4]);
        assert_eq!(replies[5], "$-1\r\n");
        assert_eq!(server.connect().ask(&["EXISTS", "a", "b", "c"]), b":0\r\n");
    }
}

#[test]
fn exec_is_never_what_is_refused() {
    let (_server, proxy) = scene(|c| c.rates = vec![rate(Per::Client, 3)]);
    let mut talk = proxy.connect();
    assert_eq!(ask(&mut talk, "MULTI"), "+OK\r\n");
    assert_eq!(ask(&mut talk, "INCR a"), "+QUEUED\r\n");
    assert_eq!(ask(&mut talk, "INCR a"), "+QUEUED\r\n");
    assert_eq!(ask(&mut talk, "EXEC"), "*2\r\n:1\r\n:2\r\n");
    assert!(ask(&mut talk, "INCR a").starts_with(LIMITED));
}

#[test]
fn what_is_held_back_comes_later_and_in_order_on_every_path() {
    let slow = Rate {
        rate: 50,
        period: Duration::from_secs(1),
        delay: Some(Duration::from_secs(5)),
        ..rate(Per::Client, 1)
    };
    let (_server, proxy) = scene(|c| c.rates = vec![slow]);
    let mut talk = proxy.connect();
    let began = Instant::now();
    let lines =
        ["INCR n", "INCR n", "WATCH n", "MULTI", "INCR n", "EXEC", "EVAL return(7) 0", "INCR n", "INCR n"];
    lines.iter().for_each(|line| say(&mut talk, line));
    let replies: Vec<String> =
        lines.iter().map(|_| String::from_utf8_lossy(&talk.reply()).trim_end().to_owned()).collect();
    let expected = [":1", ":2", "+OK", "+OK", "+QUEUED", "*1\r\n:3", ":7", ":4", ":5"];
    assert_eq!(replies, expected);
    // Eight count, and each but the first waits 20 ms (and may be early by the timer's step).
    assert!(began.elapsed() >= Duration::from_millis(7 * 20 - 5), "{:?}", began.elapsed());
    assert!(figure(&proxy, "rate_few").contains("refused=0,delayed="));
}

#[test]
fn large_requests_pay_for_all_their_bytes() {
    let bytes = Rate {
        unit: RateUnit::Bytes,
        rate: 1 << 20,
        period: Duration::from_secs(1),
        ..rate(Per::Client, 1 << 20)
    };
    let (_server, proxy) = scene(|c| c.rates = vec![bytes]);
    let mut talk = proxy.connect();
    let value = "v".repeat(6 << 20);
    assert_eq!(talk.ask(&["SET", "k", &value]), b"+OK\r\n");
    let refused = ask(&mut talk, "GET n");
    assert!(refused.starts_with("-RATELIMITED few: more than 1048576 bytes/s for this client"), "{refused}");
    let millis: u64 = refused.rsplit(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    assert!((2000..=5100).contains(&millis), "{refused}");
}

#[test]
fn rates_are_shared_by_all_workers_and_off_when_switched_off() {
    let (_server, proxy) = scene(|c| c.rates = vec![rate(Per::User, 10)]);
    let mut talks: Vec<Talk> = (0..6).map(|_| proxy.connect()).collect();
    let passed = (0..30).filter(|i| ask(&mut talks[i % 6], "PING") == "+PONG\r\n").count();
    assert_eq!(passed, 10);
    let (_server, proxy) = scene(|c| {
        c.rates = vec![rate(Per::User, 1)];
        c.features.rate_limiting = false;
    });
    let mut talk = proxy.connect();
    assert!((0..30).all(|_| ask(&mut talk, "PING") == "+PONG\r\n"));
}

#[test]
fn the_recipe_of_the_guide_works_beside_them() {
    let (_server, proxy) = scene(|c| c.rates = vec![rate(Per::Client, 1000)]);
    let mut talk = proxy.connect();
    for i in 1..=3 {
        assert_eq!(ask(&mut talk, "INCR rate:app"), format!(":{i}\r\n"));
    }
    assert_eq!(ask(&mut talk, "EXPIRE rate:app 60"), ":1\r\n");
    assert_eq!(ask(&mut talk, "TTL rate:app"), ":60\r\n");
}

fn users(c: &mut Config) {
    let user = |name: &str, acl: &str| LocalUser { name: name.into(), acl: Secret::new(acl) };
    c.users = vec![user("app", "on >pw ~* +@all"), user("other", "on >o ~* +@all")];
}

#[test]
fn who_guesses_passwords_is_locked_out() {
    let (_server, proxy) = scene(|c| {
        users(c);
        c.admission.auth_failures = 5;
    });
    let mut talk = proxy.connect();
    for _ in 0..5 {
        assert!(ask(&mut talk, "AUTH app guess").starts_with("-WRONGPASS"));
    }
    for words in ["AUTH app guess", "AUTH app pw", "HELLO 3 AUTH app pw"] {
        let locked = ask(&mut proxy.connect(), words);
        assert!(
            locked.starts_with("-ERR too many failed authentications from this address; retry in "),
            "{locked}"
        );
    }
}

#[test]
fn who_guesses_the_upstreams_passwords_is_locked_out_too() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut config = config(&server.place());
    config.admission.auth_failures = 5;
    let proxy = Proxy::start(config);
    let mut good = proxy.connect();
    assert_eq!(ask(&mut good, "AUTH secret"), "+OK\r\n");
    assert_eq!(ask(&mut good, "PING"), "+PONG\r\n");
    let mut talk = proxy.connect();
    for words in ["AUTH a", "HELLO 3 AUTH default b", "AUTH default c", "AUTH d", "AUTH e"] {
        assert!(ask(&mut talk, words).starts_with("-WRONGPASS"), "{words}");
    }
    assert!(ask(&mut talk, "AUTH secret").starts_with("-ERR too many failed authentications"));
    assert_eq!(ask(&mut good, "GET k"), "$-1\r\n");
}

#[test]
fn a_user_has_so_many_clients() {
    let (_server, proxy) = scene(|c| {
        users(c);
        c.admission.clients_per_user = 2;
    });
    let (mut one, mut two, mut three) = (proxy.connect(), proxy.connect(), proxy.connect());
    assert_eq!(ask(&mut one, "AUTH app pw"), "+OK\r\n");
    assert_eq!(ask(&mut two, "AUTH app pw"), "+OK\r\n");
    assert_eq!(ask(&mut two, "AUTH app pw"), "+OK\r\n");
    assert_eq!(ask(&mut three, "AUTH app pw"), "-ERR max number of clients reached for user app\r\n");
    assert_eq!(ask(&mut three, "AUTH other o"), "+OK\r\n");
    assert_eq!(ask(&mut one, "RESET"), "+RESET\r\n");
    assert_eq!(ask(&mut three, "AUTH app pw"), "+OK\r\n");
    // Upstream's users are told when the upstream has let them in, and have to go.
    let server = Server::start(&[]);
    let mut config = config(&server.place());
    config.admission.clients_per_user = 1;
    let proxy = Proxy::start(config);
    let mut first = proxy.connect();
    assert_eq!(ask(&mut first, "PING"), "+PONG\r\n");
    assert_eq!(server.connect().ask(&["ACL", "SETUSER", "u", "on", ">p", "~*", "+@all"]), b"+OK\r\n");
    assert_eq!(ask(&mut first, "AUTH u p"), "+OK\r\n");
    let mut second = proxy.connect();
    assert_eq!(ask(&mut second, "AUTH u p"), "-ERR max number of clients reached for user u\r\n");
    assert_eq!(second.until_closed(), b"");
}

#[test]
fn an_address_has_so_many_clients_and_so_many_new_ones() {
    let (_server, proxy) = scene(|c| c.admission.clients_per_address = 2);
    let (mut one, mut two) = (proxy.connect(), proxy.connect());
    assert_eq!((ask(&mut one, "PING"), ask(&mut two, "PING")), ("+PONG\r\n".into(), "+PONG\r\n".into()));
    let full = proxy.connect().until_closed();
    assert_eq!(full, b"-ERR max number of clients reached for address 127.0.0.1\r\n");
    drop(two);
    eventually("its place is free", || {
        let mut talk = proxy.connect();
        talk.stream.end_of_writing();
        (talk.until_closed() == b"").then_some(())
    });
    let (_server, proxy) = scene(|c| c.admission.connection_rate = 3);
    let mut talks: Vec<Talk> = (0..8).map(|_| proxy.connect()).collect();
    let said: Vec<String> = talks
        .iter_mut()
        .map(|talk| {
            talk.stream.end_of_writing();
            String::from_utf8_lossy(&talk.until_closed()).into_owned()
        })
        .collect();
    let away = said
        .iter()
        .filter(|said| said.starts_with("-ERR too many new connections from address 127.0.0.1; retry in "));
    assert!(away.count() >= 3, "{said:?}");
}

#[test]
fn who_does_not_say_who_he_is_has_to_go() {
    let (_server, proxy) = scene(|c| {
        users(c);
        c.admission.auth_timeout = Some(Duration::from_millis(600));
    });
    let (mut mute, mut guesser, mut known) = (proxy.connect(), proxy.connect(), proxy.connect());
    assert_eq!(ask(&mut known, "AUTH app pw"), "+OK\r\n");
    assert!(ask(&mut guesser, "AUTH app guess").starts_with("-WRONGPASS"));
    assert_eq!(mute.until_closed(), b"");
    assert_eq!(guesser.until_closed(), b"");
    assert_eq!(ask(&mut known, "PING"), "+PONG\r\n");
    let info = ask(&mut known, "INFO nearside");
    assert!(
        info.contains("nearside_auth_timeouts:2\r\n") && info.contains("nearside_auth_failures:1\r\n"),
        "{info}"
    );
}

//! What a client is told of itself and of others: Nearside's own clients, on every worker, in the
//! upstream's words.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

mod common;

use common::{Proxy, Server, Talk, config, eventually};

/// A proxy with two workers, and so many clients of it that both have some.
fn crowd(server: &Server, count: usize) -> (Proxy, Vec<Talk>) {
    let proxy = Proxy::start(config(&server.place()));
    let mut talks: Vec<Talk> = (0..count).map(|_| proxy.connect()).collect();
    for talk in &mut talks {
        assert_eq!(talk.ask(&["PING"]), b"+PONG\r\n");
    }
    (proxy, talks)
}

/// The words of a request, and of the reply without its frame.
fn text(talk: &mut Talk, request: &str) -> String {
    let reply = talk.ask_text(&request.split(' ').collect::<Vec<_>>());
    assert!(!reply.starts_with('-'), "{request}: {reply}");
    reply.split_once("\r\n").unwrap().1.strip_suffix("\r\n").unwrap().trim_start_matches("txt:").to_owned()
}

fn error(talk: &mut Talk, request: &str) -> String {
    let reply = talk.ask_text(&request.split(' ').collect::<Vec<_>>());
    assert!(reply.starts_with('-'), "{request}: {reply}");
    reply
}

fn number(talk: &mut Talk, request: &str) -> u64 {
    let reply = talk.ask_text(&request.split(' ').collect::<Vec<_>>());
    reply.trim_start_matches(':').trim_end().parse().unwrap_or_else(|_| panic!("{request}: {reply}"))
}

/// The value of a field in a line.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let found = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {line}")).trim_end()
}

fn names(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace().map(|word| word.split_once('=').unwrap().0).collect()
}

#[test]
fn the_list_shows_clients_of_every_worker_as_they_are() {
    let server = Server::start(&[]);
    let (_proxy, mut talks) = crowd(&server, 6);
    let ids: Vec<u64> = talks.iter_mut().map(|talk| number(talk, "CLIENT ID")).collect();
    assert_eq!(talks[1].ask(&["CLIENT", "SETNAME", "one"]), b"+OK\r\n");
    assert_eq!(talks[1].ask(&["SELECT", "3"]), b"+OK\r\n");
    assert_eq!(talks[1].ask(&["PING"]), b"+PONG\r\n");
    assert!(talks[2].ask_text(&["HELLO", "3", "SETNAME", "two"]).starts_with('%'));
    assert_eq!(talks[2].ask(&["CLIENT", "NO-EVICT", "ON"]), b"+OK\r\n");
    assert_eq!(talks[2].ask(&["GET", "k"]), b"_\r\n");
    let listed = text(&mut talks[0], "CLIENT LIST");
    let lines: Vec<&str> = listed.lines().collect();
    let listed: Vec<u64> = lines.iter().map(|line| field(line, "id").parse().unwrap()).collect();
    assert_eq!(listed, ids, "by id, and nobody of the upstream's");
    let expected = [("cmd", "client|list"), ("flags", "N"), ("db", "0"), ("qbuf", "26"), ("argv-mem", "10")];
    expected.iter().for_each(|(name, value)| assert_eq!(field(lines[0], name), *value, "{name}"));
    let expected = [("name", "one"), ("db", "3"), ("cmd", "ping"), ("qbuf", "0"), ("resp", "2")];
    expected.iter().for_each(|(name, value)| assert_eq!(field(lines[1], name), *value, "{name}"));
    let expected = [("name", "two"), ("cmd", "get"), ("flags", "e"), ("resp", "3"), ("user", "default")];
    expected.iter().for_each(|(name, value)| assert_eq!(field(lines[2], name), *value, "{name}"));
    let own = talks[3].stream.local().unwrap();
    assert_eq!(field(lines[3], "addr"), own);
    assert_eq!(text(&mut talks[2], "CLIENT GETNAME"), "two");
    assert_eq!(talks[2].ask(&["RESET"]), b"+RESET\r\n");
    let line = text(&mut talks[2], "CLIENT INFO");
    assert_eq!((field(&line, "name"), field(&line, "resp"), field(&line, "db")), ("", "2", "0"));
    assert_eq!(talks[2].ask(&["CLIENT", "GETNAME"]), b"$-1\r\n");
}

/// Who has read that a client subscribes may rely on it: others were told otherwise for a moment.
#[test]
fn who_has_been_told_that_it_subscribes_is_listed_so() {
    let server = Server::start(&[]);
    let (_proxy, mut talks) = crowd(&server, 4);
    for turn in 0..120 {
        let (who, other) = (turn % 4, (turn + 1) % 4);
        assert!(talks[who].ask_text(&["SUBSCRIBE", "c"]).ends_with(":1\r\n"));
        let listed = text(&mut talks[other], "CLIENT LIST TYPE pubsub");
        assert_eq!(listed.lines().count(), 1, "turn {turn}: {listed}");
        assert!(talks[who].ask_text(&["UNSUBSCRIBE", "c"]).ends_with(":0\r\n"));
    }
}

#[test]
fn a_pipeline_is_answered_in_order() {
    let server = Server::start(&[]);
    let (_proxy, mut talks) = crowd(&server, 1);
    let talk = &mut talks[0];
    for words in [
        &["SET", "k", "v"][..],
        &["CLIENT", "SETNAME", "n"],
        &["CLIENT", "SETNAME", "a b"],
        &["CLIENT", "GETNAME"],
        &["GET", "k"],
        &["CLIENT", "GETNAME", "x"],
    ] {
        talk.say(words);
    }
    assert_eq!(talk.reply(), b"+OK\r\n");
    assert_eq!(talk.reply(), b"+OK\r\n");
    assert!(talk.reply().starts_with(b"-ERR Client names cannot"));
    assert_eq!(talk.reply(), b"$1\r\nn\r\n");
    assert_eq!(talk.reply(), b"$1\r\nv\r\n");
    assert!(talk.reply().starts_with(b"-ERR wrong number of arguments for 'client|getname'"));
}

#[test]
fn a_kill_reaches_clients_of_every_worker_whatever_they_do() {
    let server = Server::start(&[]);
    let (proxy, mut talks) = crowd(&server, 6);
    let ids: Vec<u64> = talks.iter_mut().map(|talk| number(talk, "CLIENT ID")).collect();
    talks[1].say(&["BLPOP", "nothing", "0"]);
    assert!(talks[2].ask_text(&["SUBSCRIBE", "c"]).starts_with("*3"));
    eventually("it is blocked", || {
        server.connect().ask_text(&["INFO", "clients"]).contains("blocked_clients:1").then_some(())
    });
    for victim in 1..5 {
        assert_eq!(number(&mut talks[0], &format!("CLIENT KILL ID {}", ids[victim])), 1);
        assert_eq!(talks[victim].until_closed(), b"", "{victim}");
        assert_eq!(number(&mut talks[0], &format!("CLIENT KILL ID {}", ids[victim])), 0);
    }
    let addr = talks[5].stream.local().unwrap();
    assert_eq!(talks[0].ask(&["CLIENT", "KILL", &addr]), b"+OK\r\n");
    assert_eq!(talks[5].until_closed(), b"");
    assert_eq!(error(&mut talks[0], &format!("CLIENT KILL {addr}")), "-ERR No such client\r\n");
    let others: Vec<Talk> = (0..3).map(|_| proxy.connect()).collect();
    eventually("they are taken in", || {
        (text(&mut talks[0], "CLIENT LIST").lines().count() == 4).then_some(())
    });
    assert_eq!(number(&mut talks[0], "CLIENT KILL SKIPME YES"), 3);
    drop(others);
    assert_eq!(number(&mut talks[0], "CLIENT KILL TYPE normal SKIPME no"), 1);
    assert_eq!(talks[0].until_closed(), b"");
    assert_eq!(proxy.connect().ask(&["PING"]), b"+PONG\r\n");
    // The upstream's own clients have come to no harm: its lanes are the same ones.
    let mut direct = server.connect();
    assert!(number(&mut direct, "CLIENT ID") > 0);
}

#[test]
fn who_may_not_is_told_so_in_the_upstreams_words() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    let user =
        ["ACL", "SETUSER", "u", "on", ">p", "~*", "+@all", "-client|list", "-client|kill", "-client|setname"];
    assert_eq!(admin.ask(&user), b"+OK\r\n");
    let (proxy, mut talks) = crowd(&server, 2);
    let (talk, victim) = (&mut proxy.connect(), &mut talks[0]);
    assert_eq!(talk.ask(&["AUTH", "u", "p"]), b"+OK\r\n");
    let id = number(victim, "CLIENT ID");
    for words in ["CLIENT LIST", "CLIENT LIST ID 1", "CLIENT SETNAME x", &format!("CLIENT KILL ID {id}")] {
        assert!(error(talk, words).starts_with("-NOPERM"), "{words}");
    }
    assert_eq!(talk.ask(&["CLIENT", "GETNAME"]), b"$-1\r\n");
    assert_eq!(field(&text(talk, "CLIENT INFO"), "user"), "u");
    assert_eq!(victim.ask(&["PING"]), b"+PONG\r\n");
    assert_eq!(number(victim, "CLIENT KILL USER u"), 1);
    assert_eq!(talk.until_closed(), b"");
    assert_eq!(error(victim, "CLIENT KILL USER nobody"), "-ERR No such user 'nobody'\r\n");
    // Who has given no password yet.
    let locked = Server::start(&["--requirepass", "x"]);
    let proxy = Proxy::start(config(&locked.place()));
    for words in ["CLIENT LIST", "CLIENT ID", "CLIENT KILL SKIPME no", "CLIENT SETNAME x"] {
        assert!(error(&mut proxy.connect(), words).starts_with("-NOAUTH"), "{words}");
    }
}

/// Fields that are the same for two idle clients on Unix sockets.
const SAME: [&str; 15] = [
    "name",
    "flags",
    "db",
    "sub",
    "psub",
    "ssub",
    "multi",
    "qbuf",
    "argv-mem",
    "multi-mem",
    "events",
    "cmd",
    "user",
    "redir",
    "resp",
];

/// Answered word for word as by the server itself.
const REQUESTS: [&str; 47] = [
    "CLIENT KILL",
    "CLIENT KILL x:1",
    "CLIENT KILL ID 10 wrong",
    "CLIENT KILL ID str",
    "CLIENT KILL ID 0",
    "CLIENT KILL ID -1",
    "CLIENT KILL TYPE wrong",
    "CLIENT KILL USER nobody",
    "CLIENT KILL SKIPME maybe",
    "CLIENT KILL 5 6",
    "CLIENT KILL ID 99999 99998",
    "CLIENT KILL MAXAGE 0",
    "CLIENT KILL MAXAGE 99999",
    "CLIENT KILL FLAGS Z",
    "CLIENT KILL NAME nobody",
    "CLIENT KILL NOT-ID x",
    "CLIENT KILL ID 999999 FOO",
    "CLIENT KILL FOO bar",
    "CLIENT KILL ADDR",
    "CLIENT KILL ADDR x:1 LADDR",
    "CLIENT KILL TYPE primary",
    "CLIENT LIST TYPE wrong",
    "CLIENT LIST ID",
    "CLIENT LIST ID x",
    "CLIENT LIST ID 999999",
    "CLIENT LIST TYPE pubsub",
    "CLIENT LIST FOO",
    "CLIENT LIST NAME nobody",
    "CLIENT LIST USER nobody",
    "CLIENT LIST IDLE 5",
    "CLIENT LIST NOT-DB 0",
    "CLIENT LIST FLAGS Z",
    "CLIENT SETINFO LIB-NAME x",
    "CLIENT SETINFO LIB-VER 1.2",
    "CLIENT SETINFO foo x",
    "CLIENT SETINFO lib-name",
    "CLIENT NO-EVICT maybe",
    "CLIENT NO-EVICT on",
    "CLIENT NO-EVICT OFF",
    "CLIENT NO-TOUCH on",
    "CLIENT NO-TOUCH maybe",
    "CLIENT NO-EVICT",
    "CLIENT SETNAME",
    "CLIENT ID x",
    "CLIENT INFO x",
    "CLIENT SETNAME \u{e9}",
    "CLIENT FOO",
];

/// Every server prints other fields, and words its errors its own way.
#[test]
fn the_format_is_the_upstreams_own() {
    for make in Server::makes() {
        let server = Server::start_of(&make, &[]);
        let proxy = Proxy::start_unix(config(&server.place()));
        let (mut direct, mut through) = (server.connect(), proxy.connect());
        for proto in ["2", "3"] {
            direct.ask(&["HELLO", proto]);
            through.ask(&["HELLO", proto]);
            for words in [["CLIENT", "INFO"], ["CLIENT", "LIST"]] {
                let (theirs, ours) = (direct.ask_text(&words), through.ask_text(&words));
                assert_eq!(theirs.as_bytes()[0], ours.as_bytes()[0], "{make}: {words:?}");
                let request = words.join(" ");
                let (theirs, ours) = (own_line(&mut direct, &request), own_line(&mut through, &request));
                assert_eq!(names(&theirs), names(&ours), "{make}: {request}");
                for name in SAME {
                    assert_eq!(field(&theirs, name), field(&ours, name), "{make}: {request} {name}");
                }
            }
        }
        for request in REQUESTS {
            let words: Vec<&str> = request.split(' ').collect();
            assert_eq!(direct.ask_text(&words), through.ask_text(&words), "{make}: {request}");
        }
        for words in [["CLIENT", "SETINFO", "LIB-name", "a b"], ["CLIENT", "SETINFO", "LIB-VER", "\n"]] {
            assert_eq!(direct.ask_text(&words), through.ask_text(&words), "{make}: {words:?}");
        }
    }
}

/// The client's own line in the reply to `request`.
fn own_line(talk: &mut Talk, request: &str) -> String {
    let id = number(talk, "CLIENT ID").to_string();
    let list = text(talk, request);
    list.lines().find(|line| field(line, "id") == id).unwrap().to_owned()
}

/// The options of Valkey 9, and the few of Redis.
#[test]
fn the_list_can_be_narrowed() {
    for make in Server::makes() {
        let server = Server::start_of(&make, &[]);
        let (_proxy, mut talks) = crowd(&server, 4);
        let ids: Vec<u64> = talks.iter_mut().map(|talk| number(talk, "CLIENT ID")).collect();
        assert_eq!(talks[1].ask(&["CLIENT", "SETNAME", "b"]), b"+OK\r\n");
        assert_eq!(talks[2].ask(&["SELECT", "2"]), b"+OK\r\n");
        assert!(talks[3].ask_text(&["SUBSCRIBE", "c"]).starts_with("*3"));
        let valkey = names(&text(&mut talks[0], "CLIENT INFO")).contains(&"capa");
        let mut check = |request: &str, expected: &[usize]| {
            let list = text(&mut talks[0], request);
            let listed: Vec<u64> = list.lines().map(|line| field(line, "id").parse().unwrap()).collect();
            let expected: Vec<u64> = expected.iter().map(|at| ids[*at]).collect();
            assert_eq!(listed, expected, "{make}: {request}");
        };
        check("CLIENT LIST TYPE replica", &[]);
        let pair = format!("CLIENT LIST ID {} 999999 {} {}", ids[2], ids[0], ids[2]);
        check(&pair, if valkey { &[0, 2] } else { &[2, 0, 2] });
        if !valkey {
            continue;
        }
        check("CLIENT LIST NAME b", &[1]);
        check("CLIENT LIST NOT-NAME b SKIPME YES", &[2, 3]);
        check("CLIENT LIST DB 2", &[2]);
        check("CLIENT LIST NOT-DB 2 USER default", &[0, 1, 3]);
        check(&format!("CLIENT LIST NOT-ID {} ID {} ID {}", ids[0], ids[0], ids[1]), &[1]);
        check("CLIENT LIST IP 127.0.0.1 IDLE 1000", &[]);
        check("CLIENT LIST IP 127.0.0.1", &[0, 1, 2, 3]);
        check("CLIENT LIST NAME b FLAGS N", &[1]);
        check("CLIENT LIST NOT-LIB-NAME x MAXAGE 1000", &[]);
    }
}

#[test]
fn an_unblock_does_not_make_getredir_forget_who_is_gone() {
    let server = Server::start(&[]);
    let (_proxy, mut talks) = crowd(&server, 2);
    let mut target = talks.pop().unwrap();
    let mut tracker = talks.pop().unwrap();
    target.ask(&["HELLO", "3"]);
    tracker.ask(&["HELLO", "3"]);
    let id = target.ask(&["CLIENT", "ID"]);
    let digits = String::from_utf8(id[1..id.len() - 2].to_vec()).unwrap();
    assert_eq!(tracker.ask(&["CLIENT", "TRACKING", "ON", "REDIRECT", &digits]), b"+OK\r\n");
    assert_eq!(tracker.ask(&["CLIENT", "UNBLOCK", "999999"]), b":0\r\n");
    target.ask(&["QUIT"]);
    target.until_closed();
    assert_eq!(tracker.ask(&["CLIENT", "GETREDIR"]), id);
}

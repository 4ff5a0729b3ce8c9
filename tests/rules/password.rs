//! A client changes the password of the user that Nearside itself is to the upstream.

use nearside::Config;
use nearside::config::Secret;

use crate::common::{Proxy, Server, config, eventually};
use crate::{field, line};

fn with_password(server: &Server, password: &str) -> Config {
    let mut config = config(&server.place());
    config.upstream.password = Some(Secret::new(password));
    config.workers = 1;
    config
}

/// The guide's own lines: no password is known to us, and the application has the new one.
#[test]
fn the_guides_lines_work_for_the_application() {
    let server = Server::start(&[]);
    let proxy = Proxy::start(config(&server.place()));
    let mut talk = proxy.connect();
    assert_eq!(line(&mut talk, "SET k v"), "+OK");
    assert_eq!(line(&mut talk, "CONFIG SET requirepass your_strong_password"), "+OK");
    assert_eq!(line(&mut talk, "AUTH your_strong_password"), "+OK");
    assert_eq!(line(&mut talk, "GET k"), "$1\r\nv");
    let notice = eventually("it is noted", || field(&mut talk, "upstream_password"));
    assert!(notice.starts_with("wanted") && notice.contains("REDIS_PASSWORD"), "{notice}");
    // Who does not say it gets nothing: the password is a protection.
    let mut other = proxy.connect();
    assert!(line(&mut other, "GET k").starts_with("-NOAUTH"));
    assert_eq!(line(&mut other, "AUTH your_strong_password"), "+OK");
    assert_eq!(line(&mut other, "GET k"), "$1\r\nv");
    // The password is taken away again.
    other.say(&["CONFIG", "SET", "requirepass", ""]);
    assert_eq!(other.reply(), b"+OK\r\n");
    eventually("it is not noted any more", || field(&mut other, "upstream_password").is_none().then_some(()));
}

#[test]
fn our_own_reconnects_are_not_stranded() {
    let server = Server::start(&["--requirepass", "old"]);
    for change in ["CONFIG SET requirepass new", "ACL SETUSER default resetpass >new"] {
        line(&mut server.connect(), "AUTH old");
        let proxy = Proxy::start(with_password(&server, "old"));
        let (mut talk, mut idle, mut subscriber) = (proxy.connect(), proxy.connect(), proxy.connect());
        assert_eq!(line(&mut talk, "SET k v"), "+OK");
        assert_eq!(line(&mut idle, "GET k"), "$1\r\nv");
        assert!(line(&mut subscriber, "SUBSCRIBE c").starts_with("*3"));
        assert_eq!(line(&mut talk, change), "+OK");
        let notice = eventually("it is noted", || field(&mut talk, "upstream_password"));
        assert!(notice.starts_with("changed") && notice.contains("REDIS_PASSWORD"), "{notice}");
        assert!(!talk.ask_text(&["INFO", "nearside"]).contains("new\r\n"));
        // Every connection is made again.
        let mut direct = server.connect();
        assert_eq!(line(&mut direct, "AUTH new"), "+OK");
        line(&mut direct, "CLIENT KILL TYPE normal SKIPME yes");
        line(&mut direct, "CLIENT KILL TYPE pubsub SKIPME yes");
        eventually("lanes are back", || (line(&mut talk, "GET k") == "$1\r\nv").then_some(()));
        assert_eq!(line(&mut idle, "GET k"), "$1\r\nv");
        assert_eq!(line(&mut idle, "WATCH k"), "+OK");
        assert_eq!(line(&mut proxy.connect(), "GET k"), "$1\r\nv");
        // A client's own password is still its own affair.
        let mut other = proxy.connect();
        assert!(line(&mut other, "AUTH old").starts_with("-WRONGPASS"));
        assert_eq!(line(&mut other, "AUTH new"), "+OK");
        line(&mut direct, "CONFIG SET requirepass old");
    }
}

#[test]
fn what_cannot_be_mended_is_said() {
    let server = Server::start(&[]);
    assert_eq!(line(&mut server.connect(), "ACL SETUSER app on >pw ~* &* +@all"), "+OK");
    let mut config = with_password(&server, "pw");
    config.upstream.username = Some("app".into());
    let proxy = Proxy::start(config);
    let mut talk = proxy.connect();
    assert_eq!(line(&mut talk, "PING"), "+PONG");
    assert_eq!(line(&mut talk, "ACL SETUSER app off"), "+OK");
    let notice = eventually("it is noted", || field(&mut talk, "upstream_password"));
    assert!(notice.starts_with("refused") && notice.contains("REDIS_PASSWORD"), "{notice}");
}

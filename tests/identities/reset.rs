//! After `RESET` a client is who it was when it connected, and nobody else has become more.

use crate::common::{Proxy, Server, Talk, config};
use crate::rig::local_user;

fn ask(talk: &mut Talk, line: &str) -> String {
    talk.ask_text(&line.split(' ').collect::<Vec<_>>())
}

/// A proxy whose own users are `app`, `other` and this default one.
fn scene(default: &str) -> (Server, Proxy) {
    let server = Server::start(&[]);
    let mut settings = config(&server.place());
    settings.workers = 1;
    settings.users = vec![
        local_user("default", default),
        local_user("app", "on >pw ~app:* +@all"),
        local_user("other", "on >pw ~other:* +@all"),
    ];
    (server, Proxy::start(settings))
}

#[test]
fn an_open_default_user_has_no_more_rights_after_a_reset_than_before() {
    let (_server, proxy) = scene("on nopass ~pub:* +@all");
    let mut talk = proxy.connect();
    for before in ["", "WATCH pub:1"] {
        assert!(ask(&mut talk, "GET app:1").starts_with("-NOPERM"));
        // Two others, so that nobody is the default user for a while.
        assert_eq!(ask(&mut talk, "AUTH app pw"), "+OK\r\n");
        assert_eq!(ask(&mut talk, "AUTH other pw"), "+OK\r\n");
        if !before.is_empty() {
            // On a connection of its own.
            ask(&mut talk, "WATCH other:1");
        }
        assert_eq!(ask(&mut talk, "RESET"), "+RESET\r\n");
        assert_eq!(ask(&mut talk, "ACL WHOAMI"), "$7\r\ndefault\r\n");
        assert!(ask(&mut talk, "GET app:1").starts_with("-NOPERM"));
        assert_eq!(ask(&mut talk, "GET pub:1"), "$-1\r\n");
        let mut fresh = proxy.connect();
        assert!(ask(&mut fresh, "GET app:1").starts_with("-NOPERM"));
    }
}

#[test]
fn a_default_user_with_a_password_has_no_more_rights_after_a_reset_of_another() {
    let (_server, proxy) = scene("on >root ~pub:* +@all");
    let mut talk = proxy.connect();
    assert_eq!(ask(&mut talk, "AUTH app pw"), "+OK\r\n");
    assert_eq!(ask(&mut talk, "RESET"), "+RESET\r\n");
    assert!(ask(&mut talk, "GET pub:1").starts_with("-NOAUTH"));
    assert_eq!(ask(&mut talk, "AUTH default root"), "+OK\r\n");
    assert!(ask(&mut talk, "GET app:1").starts_with("-NOPERM"));
    assert_eq!(ask(&mut talk, "GET pub:1"), "$-1\r\n");
}

//! Who is let in, and what each may do.

use crate::common::Talk;
use crate::scene::{Scene, ask, is_closed};

const NOTHING: &str = "[rules]\nblock = [\"none\"]\n";

fn users(app: &str) -> String {
    format!(
        "{NOTHING}[[users]]\nname = \"app\"\nacl = \"{app}\"\n\
         [[users]]\nname = \"ops\"\nacl = \"on >root ~* &* +@all\"\n"
    )
}

#[test]
fn a_rule_applies_to_the_next_request_of_clients_that_are_there() {
    let scene = Scene::new(NOTHING);
    let (mut one, mut other) = (scene.connect(), scene.connect());
    assert_eq!(ask(&mut one, "SET k v"), "+OK\r\n");
    assert_eq!(ask(&mut other, "GET k"), "$1\r\nv\r\n");
    let done = scene.apply("[rules]\nblock = [\"GET\"]\n");
    assert_eq!(done.applied, ["rules.block"]);
    assert!(done.needs_restart.is_empty() && done.unchanged > 90, "{done:?}");
    for talk in [&mut one, &mut other] {
        assert!(ask(talk, "GET k").starts_with("-NOPERM "));
        assert_eq!(ask(talk, "TTL k"), ":-1\r\n");
    }
    assert_eq!(scene.apply("[rules]\nblock = [\"GET\"]\n").applied, [""; 0]);
    scene.apply(NOTHING);
    assert_eq!(ask(&mut one, "GET k"), "$1\r\nv\r\n");
    scene.apply("[rules]\nblock = [\"none\"]\n[rules.rename]\nGET = \"FETCH\"\n");
    assert!(ask(&mut one, "GET k").starts_with("-ERR unknown command"));
    assert_eq!(ask(&mut one, "FETCH k"), "$1\r\nv\r\n");
    scene.apply("[rules]\nblock = [\"none\"]\nread_only = true\n");
    assert!(ask(&mut other, "SET k w").starts_with("-NOPERM "));
    assert_eq!(ask(&mut other, "GET k"), "$1\r\nv\r\n");
}

#[test]
fn what_is_wrong_changes_nothing_and_is_said_with_its_place() {
    let scene = Scene::new(NOTHING);
    let hash = scene.figure("config_hash");
    let wrong = |text: &str| scene.reload(text).expect_err("something is wrong").problems.join("\n");
    let said = wrong("[rules]\nblock = [\"GET\"]\nmax_key = \"many\"\n");
    assert!(said.contains("file /etc/nearside.toml:6") && said.contains("rules.max_key expects"), "{said}");
    assert!(wrong("[rules\n").contains("/etc/nearside.toml:4"));
    let said = wrong("[rules]\nblock = [\"GET\"]\n[[users]]\nname = \"a\"\nacl = \"on +nosuch\"\n");
    assert!(said.contains("users: a: ") && said.contains("nosuch"), "{said}");
    assert_eq!(ask(&mut scene.connect(), "GET k"), "$-1\r\n");
    assert_eq!(scene.figure("config_hash"), hash);
    assert_eq!(scene.figure("reloads_failed"), "3");
    assert_eq!(scene.figure("last_reload_status"), "err");
    let done = scene.apply("[rules]\nblock = [\"GET\"]\n");
    assert_eq!(done.hash, scene.figure("config_hash"));
    assert_ne!(done.hash, hash);
    assert_eq!(scene.figure("last_reload_status"), "ok");
}

#[test]
fn what_needs_a_restart_is_said_until_there_is_one() {
    let scene = Scene::new(NOTHING);
    let fixed = format!("tcp_backlog = 64\n{NOTHING}max_key = 7\n");
    let done = scene.apply(&fixed);
    assert_eq!((done.applied, done.needs_restart), (vec!["rules.max_key"], vec!["tcp_backlog"]));
    let done = scene.apply(&fixed);
    assert_eq!((done.applied, done.needs_restart), (vec![], vec!["tcp_backlog"]));
    assert_eq!(scene.figure("config_needs_restart"), "tcp_backlog");
    assert!(scene.apply(NOTHING).needs_restart.is_empty());
    assert_eq!(scene.figure("config_needs_restart"), "");
}

#[test]
fn only_clients_whose_user_is_gone_off_or_has_lost_its_password_are_closed() {
    let scene = Scene::new(&users("on >one >two ~* &* +@all"));
    let (mut ops, mut nobody) = (scene.log_in("ops", "root"), scene.connect());
    let (mut first, mut second) = (scene.log_in("app", "one"), scene.log_in("app", "two"));
    assert!(ask(&mut nobody, "PING").starts_with("-NOAUTH"));
    scene.apply(&users("on >two >three ~app:* &* +@all"));
    assert!(is_closed(&mut first));
    assert_eq!(ask(&mut second, "GET app:1"), "$-1\r\n");
    assert!(ask(&mut second, "GET k").starts_with("-NOPERM"));
    assert_eq!(ask(&mut scene.log_in("app", "three"), "GET app:1"), "$-1\r\n");
    scene.apply(&users("off >two ~app:* &* +@all"));
    assert!(is_closed(&mut second));
    scene.apply(&users("on nopass ~* &* +@all"));
    let mut open = scene.log_in("app", "anything");
    scene.apply(&users("on >two ~* &* +@all"));
    assert!(is_closed(&mut open));
    let mut gone = scene.log_in("app", "two");
    scene.apply(&format!("{NOTHING}[[users]]\nname = \"ops\"\nacl = \"on >root ~* &* +@all\"\n"));
    assert!(is_closed(&mut gone));
    let said = ask(&mut ops, "ACL WHOAMI");
    assert_eq!(said, "$3\r\nops\r\n");
    assert!(ask(&mut nobody, "PING").starts_with("-NOAUTH"));
}

#[test]
fn a_subscriber_that_loses_its_channel_is_closed_and_others_are_not() {
    let scene = Scene::new(&users("on >pw ~* &news &old +@all"));
    let mut listen: Vec<Talk> = (0..3).map(|_| scene.log_in("app", "pw")).collect();
    let mut ops = scene.log_in("ops", "root");
    for talk in listen.iter_mut().take(2).chain([&mut ops]) {
        assert!(ask(talk, "SUBSCRIBE news").contains("subscribe"));
    }
    scene.apply(&users("on >pw ~* &news &old &more +@all"));
    scene.apply(&users("on >pw ~* &old &more +@all"));
    assert!(is_closed(&mut listen[0]) && is_closed(&mut listen[1]));
    assert_eq!(ask(&mut listen[2], "PING"), "+PONG\r\n");
    assert_eq!(ask(&mut scene.log_in("ops", "root"), "PUBLISH news x"), ":1\r\n");
    assert!(String::from_utf8_lossy(&ops.reply()).ends_with("$1\r\nx\r\n"));
}

#[test]
fn an_open_transaction_is_looked_at_again_when_rights_have_changed() {
    let scene = Scene::new(NOTHING);
    let (mut harmed, mut unharmed) = (scene.connect(), scene.connect());
    for talk in [&mut harmed, &mut unharmed] {
        assert_eq!(ask(talk, "MULTI"), "+OK\r\n");
        assert_eq!(ask(talk, "SET k v"), "+QUEUED\r\n");
    }
    assert_eq!(ask(&mut harmed, "INCR n"), "+QUEUED\r\n");
    scene.apply("[rules]\nblock = [\"INCR\"]\n");
    assert_eq!(ask(&mut unharmed, "EXEC"), "*1\r\n+OK\r\n");
    let said = ask(&mut harmed, "EXEC");
    assert!(said.starts_with("-EXECABORT Transaction discarded because of: NOPERM "), "{said}");
    assert_eq!(ask(&mut harmed, "GET n"), "$-1\r\n");
    assert_eq!(ask(&mut harmed, "MULTI"), "+OK\r\n");
    assert_eq!(ask(&mut harmed, "EXEC"), "*0\r\n");
}

#[test]
fn rates_apply_at_once_and_what_has_not_changed_keeps_what_was_used_of_it() {
    let rate = |name: &str, per: &str, burst: u32| {
        format!(
            "[[rates]]\nname = \"{name}\"\nper = \"{per}\"\ncommands = [\"GET\"]\nrate = \"1/h\"\nburst = {burst}\n"
        )
    };
    let scene = Scene::new(&format!("{NOTHING}{}", rate("all", "all", 4)));
    let mut talk = scene.connect();
    assert_eq!(ask(&mut talk, "GET k"), "$-1\r\n");
    scene.apply(&format!("{NOTHING}{}{}", rate("own", "client", 2), rate("all", "all", 4)));
    assert_eq!(ask(&mut talk, "GET k"), "$-1\r\n");
    scene.apply(&format!("{NOTHING}{}{}", rate("all", "all", 4), rate("own", "client", 2)));
    assert_eq!(ask(&mut talk, "GET k"), "$-1\r\n");
    assert!(ask(&mut talk, "GET k").starts_with("-RATELIMITED own:"));
    let mut other = scene.connect();
    assert_eq!(ask(&mut other, "GET k"), "$-1\r\n");
    assert!(ask(&mut other, "GET k").starts_with("-RATELIMITED all:"));
    scene.apply(&format!("{NOTHING}{}[features]\nrate_limiting = false\n", rate("all", "all", 4)));
    assert_eq!(ask(&mut other, "GET k"), "$-1\r\n");
    scene.apply(&format!("{NOTHING}{}", rate("all", "all", 1)));
    assert_eq!(ask(&mut other, "GET k"), "$-1\r\n");
    assert!(ask(&mut talk, "GET k").starts_with("-RATELIMITED all:"));
}

#[test]
fn limits_and_places_hold_for_clients_that_are_there() {
    let scene = Scene::new(NOTHING);
    let mut talk = scene.connect();
    assert_eq!(ask(&mut talk, "SET k v"), "+OK\r\n");
    scene.apply(&format!("{NOTHING}[limits]\nmax_multibulk = 3\n"));
    assert_eq!(ask(&mut talk, "SET k v"), "+OK\r\n");
    assert!(ask(&mut talk, "SET k v EX 100").starts_with("-ERR Protocol error: invalid multibulk length"));
    assert!(is_closed(&mut talk));
    let mut talk = scene.connect();
    assert_eq!(ask(&mut talk, "PING"), "+PONG\r\n");
    scene.apply(&format!("maxclients = 1\n{NOTHING}"));
    let said = String::from_utf8_lossy(&scene.connect().until_closed()).into_owned();
    assert_eq!(said, "-ERR max number of clients reached\r\n");
    scene.apply(&format!("{NOTHING}[admission]\nclients_per_address = 1\n"));
    let said = String::from_utf8_lossy(&scene.connect().until_closed()).into_owned();
    assert!(said.starts_with("-ERR max number of clients reached for address"), "{said}");
    scene.apply(&format!("timeout = 1\n{NOTHING}"));
    assert!(is_closed(&mut talk));
}

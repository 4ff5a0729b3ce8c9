//! Nobody is shown what was fetched for another, whatever becomes of users and connections meanwhile.

use std::time::{Duration, Instant};

use crate::common::{Proxy, Server, Talk, config, eventually};
use crate::rig::request;

const CHECK: Duration = Duration::from_millis(200);
/// Where `u` may read and `v` and the default user may not.
const SECRET: &str = "$6\r\nsecret\r\n";

struct Scene {
    proxy: Proxy,
    server: Server,
    admin: Talk,
}

fn ask(talk: &mut Talk, line: &str) -> String {
    talk.ask_text(&line.split(' ').collect::<Vec<_>>())
}

/// Sends all at once; the beginnings of the replies.
fn ask_all(talk: &mut Talk, lines: &[&str]) -> Vec<String> {
    talk.send(&lines.iter().flat_map(|line| request(line)).collect::<Vec<_>>());
    lines.iter().map(|_| String::from_utf8_lossy(&talk.reply()).into_owned()).collect()
}

fn scene() -> Scene {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    for line in [
        "SET u:1 secret",
        "ACL SETUSER root on >pw ~* &* +@all",
        "ACL SETUSER u on >pw ~* &* +@all",
        "ACL SETUSER v on >pw ~v:* &* +@all",
        "ACL SETUSER default resetkeys ~pub:*",
        "AUTH root pw",
    ] {
        assert_eq!(ask(&mut admin, line), "+OK\r\n", "{line}");
    }
    let mut settings = config(&server.place());
    settings.cache.admit_after = 0;
    settings.cache.acl_check = CHECK;
    let ms = Duration::from_millis;
    (settings.upstream.reconnect_min, settings.upstream.reconnect_max) = (ms(5), ms(20));
    Scene { proxy: Proxy::start(settings), server, admin }
}

impl Scene {
    /// A client on that worker.
    fn seat(&self, worker: usize) -> Talk {
        self.proxy.handle().place_on(Some(worker));
        let mut talk = self.proxy.connect();
        assert_eq!(ask(&mut talk, "PING"), "+PONG\r\n");
        self.proxy.handle().place_on(None);
        talk
    }

    /// That client, as `user`.
    fn login(&self, worker: usize, user: &str) -> Talk {
        let mut talk = self.seat(worker);
        assert_eq!(ask(&mut talk, &format!("AUTH {user} pw")), "+OK\r\n");
        talk
    }

    fn calls(&mut self) -> String {
        let stats = ask(&mut self.admin, "INFO commandstats");
        stats.lines().find(|line| line.starts_with("cmdstat_get:")).unwrap_or_default().to_owned()
    }

    /// Reads until it is a hit.
    fn warm(&mut self, talk: &mut Talk) {
        eventually("it is a hit", || {
            let before = self.calls();
            assert_eq!(ask(talk, "GET u:1"), SECRET);
            (before == self.calls()).then_some(())
        });
    }

    /// Whoever acts as `user` upstream loses the connection.
    fn kill(&mut self, user: &str) {
        ask(&mut self.admin, &format!("CLIENT KILL USER {user}"));
    }
}

fn starts(said: &[String], heads: &[&str]) {
    let fit = said.len() == heads.len() && said.iter().zip(heads).all(|(said, head)| said.starts_with(head));
    assert!(fit, "{said:?}, not {heads:?}");
}

#[test]
fn a_change_of_identity_in_mid_pipeline_holds_from_the_next_request_on() {
    let mut scene = scene();
    for worker in [0, 1] {
        let mut u = scene.login(worker, "u");
        scene.warm(&mut u);
        let lines = [
            "GET u:1",
            "HELLO 3 AUTH v pw",
            "GET u:1",
            "RESET",
            "GET u:1",
            "AUTH u pw",
            "GET u:1",
            "HELLO 2 AUTH v no",
            "GET u:1",
            "AUTH v pw",
            "MGET v:1 u:1",
            "EXISTS u:1",
        ];
        let heads = [
            SECRET,
            "%",
            "-NOPERM",
            "+RESET",
            "-NOPERM",
            "+OK",
            SECRET,
            "-WRONGPASS",
            SECRET,
            "+OK",
            "-NOPERM",
            "-NOPERM",
        ];
        for _ in 0..5 {
            starts(&ask_all(&mut u, &lines), &heads);
            starts(&ask_all(&mut u, &["AUTH u pw", "GET u:1"]), &["+OK", SECRET]);
        }
        // Those who never were `u`, on both workers.
        for other in [0, 1] {
            let mut v = scene.seat(other);
            let lines = ["GET u:1", "AUTH v pw", "GET u:1", "RESET", "GET u:1"];
            starts(&ask_all(&mut v, &lines), &["-NOPERM", "+OK", "-NOPERM", "+RESET", "-NOPERM"]);
            let mut again = scene.login(other, "u");
            scene.warm(&mut again);
        }
    }
}

#[test]
fn auth_in_a_transaction_is_what_it_is_at_the_server() {
    let mut scene = scene();
    let mut u = scene.login(0, "u");
    scene.warm(&mut u);
    for lines in [
        &["AUTH u pw", "MULTI", "AUTH v pw", "GET u:1", "EXEC", "GET u:1", "ACL WHOAMI"][..],
        &["AUTH v pw", "MULTI", "AUTH u pw", "EXEC", "GET u:1", "ACL WHOAMI"],
        &["AUTH v pw", "MULTI", "AUTH u pw", "GET u:1", "EXEC", "GET u:1", "ACL WHOAMI"],
        &["AUTH v pw", "MULTI", "AUTH u no", "EXEC", "GET u:1", "ACL WHOAMI"],
        &["AUTH u pw", "MULTI", "AUTH v pw", "DISCARD", "GET u:1", "ACL WHOAMI"],
        &["AUTH u pw", "MULTI", "GET u:1", "RESET", "GET u:1"],
        &["AUTH u pw", "MULTI", "HELLO 3 AUTH v pw SETNAME x", "DISCARD", "GET u:1"],
        &["AUTH u pw", "WATCH u:1", "AUTH v pw", "MULTI", "GET u:1", "EXEC", "GET u:1"],
    ] {
        let (mut direct, mut steps, mut at_once) = (scene.server.connect(), scene.seat(0), scene.seat(1));
        let wanted: Vec<String> = lines.iter().map(|line| ask(&mut direct, line)).collect();
        let stepwise: Vec<String> = lines.iter().map(|line| ask(&mut steps, line)).collect();
        assert_eq!(stepwise, wanted, "{lines:?}");
        assert_eq!(ask_all(&mut at_once, lines), wanted, "{lines:?}");
    }
}

#[test]
fn a_credential_that_does_not_hold_any_more_ends_its_sessions_when_their_lane_is_lost() {
    for change in ["off", "resetpass >new"] {
        let mut scene = scene();
        let mut sessions = [scene.login(0, "u"), scene.login(1, "u")];
        sessions.iter_mut().for_each(|talk| scene.warm(talk));
        assert_eq!(ask(&mut scene.admin, &format!("ACL SETUSER u {change}")), "+OK\r\n");
        // Nobody new comes in by what was right before.
        let mut late = scene.seat(0);
        assert!(ask(&mut late, "AUTH u pw").starts_with("-WRONGPASS"), "{change}");
        assert!(ask(&mut late, "GET u:1").starts_with("-NOPERM"), "{change}");
        // Who is in stays, as with Redis itself.
        for talk in &mut sessions {
            assert_eq!(ask(talk, "GET u:1"), SECRET, "{change}");
        }
        scene.kill("u");
        for talk in &mut sessions {
            // As Redis does to who was deleted: without another word, or with the reason.
            talk.say_if(&["GET", "u:1"]);
            let said = talk.until_closed();
            assert!(said.is_empty() || said.starts_with(b"-"), "{change}: {}", said.escape_ascii());
        }
        if change != "off" {
            assert_eq!(ask(&mut late, "AUTH u new"), "+OK\r\n");
            assert_eq!(ask(&mut late, "GET u:1"), SECRET);
        }
    }
}

#[test]
fn a_user_made_anew_with_the_same_password_has_the_new_rights() {
    let mut scene = scene();
    for worker in [0, 1] {
        let mut u = scene.login(worker, "u");
        scene.warm(&mut u);
        let lines = ["ACL DELUSER u", "ACL SETUSER u on >pw ~v:* &* +@all"];
        starts(&ask_all(&mut scene.admin, &lines), &[":1", "+OK"]);
        let made = Instant::now();
        for seat in [0, 1] {
            let mut again = scene.login(seat, "u");
            while made.elapsed() < 2 * CHECK {
                let asked = Instant::now();
                let said = ask(&mut again, "GET u:1");
                assert!(said.starts_with("-NOPERM") || asked < made + CHECK, "{said}");
            }
        }
        starts(&ask_all(&mut scene.admin, &["ACL SETUSER u ~u:* ~x:*"]), &["+OK"]);
        let mut again = scene.login(worker, "u");
        assert_eq!(ask(&mut again, "GET u:1"), SECRET);
    }
}

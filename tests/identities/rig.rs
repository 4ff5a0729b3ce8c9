//! Two servers with the same data: one is asked straight, the other through Nearside.

use std::time::Duration;

use nearside::config::{LocalUser, Secret};
use nearside::resp::request::encode;

use crate::common::{Proxy, Server, Talk, config};
use crate::users::{OPEN, ROOT, USERS, User, rules};

/// Whose users they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The upstream's.
    Through,
    /// Nearside's own.
    Local,
}

/// The two sides.
pub(crate) struct Scene {
    pub(crate) mode: Mode,
    pub(crate) proxy: Proxy,
    pub(crate) direct: Server,
    _behind: Server,
    /// Straight at each of the servers, as somebody who may do everything.
    admins: [Talk; 2],
}

/// Sizes from which requests are passed on in pieces.
pub(crate) const LARGE: u64 = 64 * 1024;

impl Scene {
    /// Who says nothing is nobody, or, if `open`, the default user of [`OPEN`].
    pub(crate) fn new(mode: Mode, open: bool) -> Self {
        Self::of("redis-server", mode, open)
    }

    /// The same with other servers.
    pub(crate) fn of(program: &str, mode: Mode, open: bool) -> Self {
        let [direct, behind] = [(), ()].map(|()| Server::start_of(program, &[]));
        let mut admins = [direct.connect(), behind.connect()];
        let newcomer: User = if open { OPEN } else { ("default", "off") };
        let users = || USERS.iter().copied().chain([ROOT]);
        set(&mut admins[0], users().chain([newcomer]));
        let mut settings = config(&behind.place());
        // What one client has warmed is there for the next.
        settings.workers = 1;
        settings.cache.admit_after = 0;
        settings.limits.large = LARGE;
        // With fewer a change of identity has to wait for somebody else's to be given up.
        settings.upstream.max_connections = 100;
        settings.admission.auth_failures = 0;
        match mode {
            Mode::Through => set(&mut admins[1], users().chain([newcomer])),
            Mode::Local => {
                let local = users().chain(open.then_some(OPEN));
                settings.users = local.map(|user| local_user(user.0, &rules(user))).collect();
            }
        }
        Self { mode, proxy: Proxy::start(settings), direct, _behind: behind, admins }
    }

    /// Reads that have been answered from memory.
    pub(crate) fn hits(&self) -> u64 {
        let mut talk = self.proxy.connect();
        talk.ask(&["AUTH", ROOT.0, "pw"]);
        let info = talk.ask_text(&["INFO", "nearside"]);
        let found = info.lines().find_map(|line| line.strip_prefix("nearside_cache_hits:"));
        found.map_or(0, |hits| hits.trim().parse().unwrap())
    }

    /// What `line` says straight at the server behind Nearside.
    pub(crate) fn behind(&mut self, line: &str) -> String {
        self.admins[1].ask_text(&line.split(' ').collect::<Vec<_>>())
    }

    /// Both servers hold the same again, and nothing else.
    pub(crate) fn seed(&mut self) {
        for admin in &mut self.admins {
            let lines: Vec<String> =
                std::iter::once("FLUSHALL".to_owned()).chain(data("app")).chain(data("oth")).collect();
            admin.send(&lines.iter().flat_map(|line| request(line)).collect::<Vec<_>>());
            for line in &lines {
                let said = admin.reply();
                assert_ne!(said.first(), Some(&b'-'), "{line}: {}", said.escape_ascii());
            }
        }
    }

    /// Two connections, one to each side.
    pub(crate) fn pair(&self) -> Pair {
        let pair = Pair([self.direct.connect(), self.proxy.connect()]);
        // Longer than anything here takes, and no wait for hours if a reply is missing.
        pair.0.iter().for_each(|talk| talk.set_patience(Duration::from_secs(8)));
        pair
    }
}

/// One client, on both sides.
pub(crate) struct Pair(pub(crate) [Talk; 2]);

impl Pair {
    /// Sends the same bytes to both, and reads so many replies of each; `None` where there is none.
    pub(crate) fn ask(&mut self, bytes: &[u8], replies: usize) -> Vec<[Option<Vec<u8>>; 2]> {
        self.0.iter_mut().for_each(|talk| talk.send(bytes));
        (0..replies).map(|_| self.0.each_mut().map(|talk| talk.try_reply().ok())).collect()
    }
}

pub(crate) fn local_user(name: &str, acl: &str) -> LocalUser {
    LocalUser { name: name.into(), acl: Secret::new(acl) }
}

/// The bytes of a request: the words of `line`.
pub(crate) fn request(line: &str) -> Vec<u8> {
    encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

/// Gives a server these users. The default one comes last: whoever is connected stays who he is.
fn set(admin: &mut Talk, users: impl Iterator<Item = User>) {
    let mut default = None;
    for user in users {
        if user.0 == "default" {
            default = Some(user);
        } else {
            set_user(admin, user.0, &rules(user));
        }
    }
    assert_eq!(admin.ask_text(&["AUTH", ROOT.0, "pw"]), "+OK\r\n");
    if let Some(default) = default {
        set_user(admin, "default", &format!("reset {}", rules(default)));
    }
}

pub(crate) fn set_user(admin: &mut Talk, name: &str, rules: &str) {
    let said = admin.ask_text(&["ACL", "SETUSER", name].into_iter().chain(words(rules)).collect::<Vec<_>>());
    assert_eq!(said, "+OK\r\n", "{name} {rules}");
}

/// The rules in a text; what stands in parentheses is one.
fn words(rules: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), rules.trim());
    while !rest.is_empty() {
        let end = if rest.starts_with('(') { rest.find(')').map(|at| at + 1) } else { rest.find(' ') };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        found.push(word);
        rest = after.trim_start();
    }
    found
}

/// Keys of every type under a prefix.
fn data(prefix: &str) -> Vec<String> {
    [
        "SET @:s secret-of-@",
        "SET @:s2 17",
        "SET @:n 5",
        "HSET @:h f v g 2",
        "RPUSH @:l 3 1 2",
        "RPUSH @:q a b c d e f g h i j k l m n o p q r s t u v w x y z",
        "SADD @:t 1 2 3",
        "SADD @:u 2 3 4",
        "ZADD @:z 1 a 2 b 3 c",
        "XADD @:x 1-1 f v",
        "PFADD @:p a b c",
        "GEOADD @:g 13 38 a",
        "SETBIT @:b 7 1",
        "SET @:w1 1",
        "SET @:w2 2",
        "SET @:w3 3",
    ]
    .iter()
    .map(|line| line.replace('@', prefix))
    .collect()
}

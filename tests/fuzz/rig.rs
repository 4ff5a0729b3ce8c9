//! The servers and proxies that sessions are held with.

use nearside::Config;
use nearside::config::CacheMode;

use crate::common::{Place, Proxy, Talk, transparent};
use crate::kinds::{Kind, Server};
use crate::make::Session;

/// How many settings of the proxy there are.
pub(crate) const SETTINGS: usize = 4;
/// The one whose subscribers share a connection.
pub(crate) const SHARED: usize = 2;

/// Two servers, and proxies before the second one.
pub(crate) struct Rig {
    pub(crate) kind: Kind,
    alone: Server,
    behind: Server,
    /// For each setting, without and with a cache.
    proxies: Vec<[Proxy; 2]>,
    /// To the servers themselves.
    pub(crate) asides: [Aside; 2],
}

/// A connection to a server itself, made anew when it is lost.
pub(crate) struct Aside {
    place: Place,
    talk: Option<Talk>,
}

impl Rig {
    pub(crate) fn start(kind: &Kind) -> Self {
        // What is to happen after a moment does not wait for a slow clock.
        let hz = ["--hz", "500"].map(str::to_owned);
        let (alone, behind) = (Server::start(kind, &hz), Server::start(kind, &hz));
        let place = behind.place();
        let start = |setting, cached| Proxy::start_unix(config(&place, setting, cached));
        let proxies = (0..SETTINGS).map(|setting| [false, true].map(|cached| start(setting, cached)));
        let proxies = proxies.collect();
        let asides = [&alone, &behind].map(|server| Aside { place: server.place(), talk: None });
        Self { kind: kind.clone(), alone, behind, proxies, asides }
    }

    /// Where the clients of a session connect, directly and through Nearside.
    pub(crate) fn places(&self, session: &Session) -> [Place; 2] {
        let through = if std::env::var_os("NEARSIDE_TALKS_DIRECT").is_some() {
            self.behind.place()
        } else {
            self.proxies[session.setting][usize::from(session.cached)].place().clone()
        };
        [self.alone.place(), through]
    }

    /// Comes back when the proxy of `session` has heard of everything that has happened at its server: what
    /// nobody has been told of yet may be given out as it was.
    pub(crate) fn catch_up(&self, session: &Session) {
        if session.cached {
            Talk::connect(&self.places(session)[1]).ask(&["EVAL", "return 1", "0"]);
        }
    }

    /// Both servers as they are when a session begins.
    pub(crate) fn reset(&mut self) {
        for aside in &mut self.asides {
            for words in [
                &["FLUSHALL"][..],
                &["SCRIPT", "FLUSH"],
                &["FUNCTION", "DELETE", "lib"],
                &["CLIENT", "UNPAUSE"],
                &["EVAL", FILL, "0"],
            ] {
                aside.ask(words);
            }
        }
    }
}

/// Something of each type.
const FILL: &str = "redis.call('SET', 'k0', 'value') redis.call('SET', 'k1', 5) \
    redis.call('SET', 'big', string.rep('0123456789', 700)) redis.call('RPUSH', 'l0', 'a', 'b', 'c') \
    redis.call('HSET', 'h0', 'f', 'v', 'g', '1') redis.call('SADD', 's0', 1, 2, 3) \
    redis.call('ZADD', 'z0', 1, 'f', 2.5, 'g') redis.call('XADD', 'x0', '1-1', 'f', 'v') \
    for i = 1, 900 do redis.call('RPUSH', 'long', 'element ' .. i) end return 1";

fn config(upstream: &Place, setting: usize, cached: bool) -> Config {
    let mut config = transparent(upstream);
    config.workers = 2;
    if cached {
        config.cache.mode = CacheMode::Auto;
        config.cache.admit_after = 0;
    }
    match setting {
        1 => {
            config.workers = 1;
            config.limits.large = 1024;
            config.limits.reply_buffer = 4096;
            config.limits.session_inflight = 4;
        }
        SHARED => config.pubsub_dedicated = 0,
        3 => {
            config.workers = 1;
            config.upstream.max_connections = 2;
            config.limits.session_inflight_bytes = 4096;
            config.limits.large = 16 * 1024;
        }
        _ => {}
    }
    config
}

impl Aside {
    /// The server's own answer.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Vec<u8> {
        for _ in 0..2 {
            if self.talk.is_none() {
                self.talk = Talk::try_connect(&self.place).ok();
            }
            let Some(talk) = &mut self.talk else { continue };
            talk.say_if(words);
            match talk.try_reply() {
                Ok(reply) => return reply,
                Err(_) => self.talk = None,
            }
        }
        panic!("{words:?} is not answered: has the server crashed?")
    }

    /// Comes back when the server has done, and written, what it had received before `sent` bytes.
    pub(crate) fn barrier(&mut self, sent: usize) {
        for _ in 0..3 + sent / 16_384 {
            self.ask(&["PING"]);
        }
    }
}

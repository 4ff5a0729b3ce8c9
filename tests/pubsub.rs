//! Subscribers that share an upstream connection, before real servers: nobody can tell, save by the
//! upstream's own counts.

mod common;
#[path = "pubsub/counts.rs"]
mod counts;
#[path = "pubsub/loss.rs"]
mod loss;
#[path = "pubsub/messages.rs"]
mod messages;

use common::{Place, Proxy, Server, Talk, config};
use nearside::Config;

/// A proxy of two workers before `server`, with one dedicated subscriber, which is there: whoever
/// comes next shares.
struct Crowded {
    proxy: Proxy,
    _dedicated: Talk,
}

impl Crowded {
    fn before(server: &Server) -> Self {
        Self::with(server, |_| {})
    }

    fn with(server: &Server, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&server.place());
        config.pubsub_dedicated = 1;
        change(&mut config);
        let proxy = Proxy::start_unix(config);
        let mut dedicated = proxy.connect();
        dedicated.ask(&["SUBSCRIBE", "dedicated"]);
        Self { proxy, _dedicated: dedicated }
    }

    fn connect(&self, resp: usize) -> Talk {
        let mut talk = self.proxy.connect();
        if resp == 3 {
            talk.ask(&["HELLO", "3"]);
        }
        talk
    }

    fn place(&self) -> &Place {
        self.proxy.place()
    }
}

/// A push of bulk strings as a client of this protocol gets it.
fn push(resp: usize, words: &[&str]) -> Vec<u8> {
    let mut out = format!("{}{}\r\n", if resp == 2 { '*' } else { '>' }, words.len());
    for word in words {
        out += &format!("${}\r\n{word}\r\n", word.len());
    }
    out.into_bytes()
}

/// A confirmation.
fn confirmed(resp: usize, word: &str, channel: &str, count: usize) -> Vec<u8> {
    let sign = if resp == 2 { '*' } else { '>' };
    let (word_len, channel_len) = (word.len(), channel.len());
    format!("{sign}3\r\n${word_len}\r\n{word}\r\n${channel_len}\r\n{channel}\r\n:{count}\r\n").into_bytes()
}

#[track_caller]
fn same(got: &[u8], wanted: &[u8]) {
    assert_eq!(got.escape_ascii().to_string(), wanted.escape_ascii().to_string());
}

/// Upstream connections that are subscribed, `dedicated` among them.
fn upstream_subscribers(server: &Server) -> usize {
    let list = server.connect().ask_text(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    list.lines().filter(|line| line.contains("addr=")).count()
}

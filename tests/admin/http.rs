//! A plain client, and a proxy that can be asked.

use nearside::Config;
use nearside::config::Listen;
use serde_json::Value;

use crate::common::{Place, Proxy, Server, Talk, config};

/// A server, a proxy, and where that is asked.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
}

impl Scene {
    pub(crate) fn new(tune: impl FnOnce(&mut Config)) -> Self {
        let server = Server::start(&[]);
        let mut settings = Config { workers: 1, ..config(&server.place()) };
        settings.admin.listen = vec![Listen::Tcp("127.0.0.1".into(), 0)];
        tune(&mut settings);
        Self { proxy: Proxy::start(settings), server }
    }

    /// Where it is asked.
    pub(crate) fn place(&self) -> Place {
        Place::of(&self.proxy.handle().admin_addresses()[0])
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        ask(&self.place(), &format!("GET {path}"), &[])
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        ask(&self.place(), &format!("POST {path}"), &[])
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| *n == name).map(|(_, v)| v))
    }
}

/// Asks `line` (`GET /live`), and hears all that is answered.
pub(crate) fn ask(place: &Place, line: &str, headers: &[(&str, &str)]) -> Answer {
    let mut talk = Talk::connect(place);
    say(&mut talk, line, headers);
    heard(&talk.until_closed())
}

/// Says it on a connection that ends with the answer.
pub(crate) fn say(talk: &mut Talk, line: &str, headers: &[(&str, &str)]) {
    let host = if headers.iter().any(|(name, _)| *name == "Host") { "" } else { "Host: localhost\r\n" };
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    talk.send(format!("{line} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").as_bytes());
}

/// An answer, in its parts.
pub(crate) fn heard(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no status: {text:?}")),
        head: head.into(),
        body: body.into(),
    }
}

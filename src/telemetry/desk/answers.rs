//! What the desk answers.

use serde::Serialize;

/// A yes, or a no with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Whether it is so.
    pub ok: bool,
    /// Why not; what stands in the way. `None` where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Probe {
    /// A yes.
    pub fn yes() -> Self {
        Self { ok: true, reason: None }
    }

    /// A no, and why.
    pub fn no(reason: impl Into<String>) -> Self {
        Self { ok: false, reason: Some(reason.into()) }
    }
}

/// A setting in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name in the file, the section before the dot.
    pub key: &'static str,
    /// Its value as it would be written, masked if it is a secret; empty if it is not set.
    pub value: String,
    /// Where the value came from: `default`, `profile p`, `file path:line`, `env NAME`, `flag --name`, or
    /// `program` for what whoever embeds the proxy has set.
    pub origin: String,
    /// Whether another value takes effect at the next start only.
    pub restart: bool,
}

/// Who is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clients {
    /// How many there are.
    pub connected: usize,
    /// Those that are shown, by id.
    pub clients: Vec<Client>,
}

/// A connected client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// What `CLIENT ID` answers.
    pub id: u64,
    /// Its address, or the path of the Unix socket it came by.
    pub address: String,
    /// What it calls itself (`CLIENT SETNAME`).
    pub name: String,
    /// Whom it acts as.
    pub user: String,
    /// The library it says it uses, and its version.
    pub library: String,
    /// The worker that serves it.
    pub worker: usize,
    /// Its database.
    pub db: u32,
    /// 2 or 3.
    pub resp: u8,
    /// Its flags, in the letters of `CLIENT LIST`.
    pub flags: String,
    /// Its last command.
    pub command: String,
    /// Requests it has sent.
    pub requests: u64,
    /// Seconds since it connected.
    pub age_seconds: u64,
    /// Seconds since it was heard of last.
    pub idle_seconds: u64,
    /// Bytes it has sent.
    pub bytes_in: u64,
    /// Bytes it was sent.
    pub bytes_out: u64,
    /// Bytes it has not read yet.
    pub bytes_unread: u64,
    /// Channels, patterns and shard channels it is subscribed to.
    pub subscriptions: u64,
}

/// A key that is read much.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HotKey {
    /// Its name, the first 256 bytes of a longer one; what is not UTF-8 in it stands as `\xNN`.
    pub key: String,
    /// Reads of it per second, lately.
    pub reads_per_second: f64,
    /// The share of them that the upstream did not see.
    pub hit_share: f64,
    /// Its share of all reads.
    pub traffic_share: f64,
}

/// Bytes as text: what is not UTF-8 stands as `\xNN`, and a control character in Rust's way.
pub fn shown(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() { out.extend(letter.escape_default()) } else { out.push(letter) }
        }
        chunk.invalid().iter().for_each(|byte| out += &format!("\\x{byte:02x}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn any_bytes_become_a_line_of_text() {
        assert_eq!(shown("a:é\n".as_bytes()), "a:é\\n");
        assert_eq!(shown(b"a\xff\xc3b"), "a\\xff\\xc3b");
    }
}

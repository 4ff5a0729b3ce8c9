//! The configuration file the child is given. Pure.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::config::Embedded as Settings;

/// The text of the child's configuration file. `appendonly` stands apart from the settings because a
/// changed setting is applied after the data is loaded (see `persistence`).
pub(super) fn text(settings: &Settings, dir: &Path, socket: &Path, appendonly: bool) -> String {
    let mut out = String::from("# Written by Nearside at every start; changes made here are lost.\n");
    let mut line = |name: &str, value: &[u8]| {
        out.push_str(name);
        out.push(' ');
        quote(&mut out, value);
        out.push('\n');
    };
    line("port", b"0");
    line("unixsocket", socket.as_os_str().as_bytes());
    line("unixsocketperm", b"700");
    line("daemonize", b"no");
    line("supervised", b"no");
    line("dir", dir.as_os_str().as_bytes());
    line("logfile", dir.join(LOG).as_os_str().as_bytes());
    line("pidfile", dir.join(PID).as_os_str().as_bytes());
    line("always-show-logo", b"no");
    line("dbfilename", RDB.as_bytes());
    line("maxmemory", settings.maxmemory.to_string().as_bytes());
    line("maxmemory-policy", settings.maxmemory_policy.as_bytes());
    line("appendonly", if appendonly { b"yes" } else { b"no" });
    line("appendfsync", settings.appendfsync.as_bytes());
    // One line per save point: servers before 7.0 take no more than one pair a line.
    let points: Vec<&str> = settings.save.split_ascii_whitespace().collect();
    if points.is_empty() {
        out.push_str("save \"\"\n");
    }
    for point in points.chunks(2) {
        out.push_str("save");
        for word in point {
            out.push(' ');
            quote(&mut out, word.as_bytes());
        }
        out.push('\n');
    }
    out
}

/// What `appendonly` says in such a file, be it ours or one the server rewrote.
pub(super) fn appendonly(text: &str) -> Option<bool> {
    let mut found = None;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some("appendonly") {
            found = words.next().map(|word| word.trim_matches('"') == "yes");
        }
    }
    found
}

/// Names inside the data directory.
pub(super) const CONF: &str = "nearside.conf";
pub(super) const LOG: &str = "server.log";
pub(super) const OUT: &str = "server.out";
pub(super) const PID: &str = "server.pid";
pub(super) const SOCKET: &str = "server.sock";
pub(super) const RDB: &str = "dump.rdb";

/// One argument as the server's configuration reads it: whatever the bytes, it stays one argument.
fn quote(out: &mut String, value: &[u8]) {
    out.push('"');
    for &byte in value {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            server: None,
            data_dir: "/d".into(),
            maxmemory: 256 << 20,
            maxmemory_policy: "volatile-lru".into(),
            save: "900 1 300 10".into(),
            appendonly: true,
            appendfsync: "everysec".into(),
        }
    }

    #[test]
    fn one_line_per_save_point() {
        let text = text(&settings(), Path::new("/d"), Path::new("/d/s"), true);
        assert!(text.contains("save \"900\" \"1\"\nsave \"300\" \"10\"\n"), "{text}");
        assert!(text.contains("port \"0\"\n") && text.contains("maxmemory \"268435456\"\n"), "{text}");
        assert_eq!(appendonly(&text), Some(true));
    }

    #[test]
    fn no_save_points_is_said_not_left_out() {
        let settings = Settings { save: "  ".into(), ..settings() };
        assert!(text(&settings, Path::new("/d"), Path::new("/d/s"), true).contains("save \"\"\n"));
    }

    #[test]
    fn a_value_stays_one_argument() {
        let policy = "x\"\nport 6379\\".to_owned();
        let settings = Settings { maxmemory_policy: policy, ..settings() };
        let text = text(&settings, Path::new("/a b"), Path::new("/d/s"), false);
        assert!(text.contains("maxmemory-policy \"x\\\"\\x0aport 6379\\\\\"\n"), "{text}");
        assert!(text.contains("dir \"/a b\"\n"), "{text}");
    }

    #[test]
    fn appendonly_is_read_back_as_a_server_rewrites_it() {
        assert_eq!(appendonly("# appendonly yes\nappendonly no\n"), Some(false));
        assert_eq!(appendonly("port 0\n"), None);
    }
}

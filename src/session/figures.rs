//! Asks the upstream for its own figures.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Worker;
use crate::resp::request::encode;
use crate::telemetry::upstream_view::{Figures, Said};
use crate::upstream::{Failure, Pool};

/// How often it is looked whether there is an upstream to ask, and somebody who wants to know.
const LOOK: Duration = Duration::from_secs(1);
/// How often one that refuses is asked again: its ACL may have been changed, and each refusal leaves an entry
/// in its log.
const AGAIN: Duration = Duration::from_secs(60);
/// What is asked of a server that takes several names at once.
const SECTIONS: &[&[u8]] =
    &[b"INFO", b"server", b"clients", b"memory", b"persistence", b"stats", b"replication"];

/// Asks every `health.upstream_info`, for as long as somebody watches and commands get through. One worker of a
/// proxy does so. Never ends.
pub async fn watch_upstream(worker: Rc<Worker>) {
    let (vitals, pool) = (&worker.vitals, &worker.pool);
    let mut by_name = false;
    loop {
        let now = Instant::now();
        let every = vitals.settings().health.upstream_info.filter(|_| vitals.are_wanted(now));
        // Whether it can be reached is found out elsewhere, and by one is enough.
        let (Some(every), true) = (every, vitals.gets_through(worker.index, now)) else {
            sleep(LOOK).await;
            continue;
        };
        let said = ask(pool, by_name).await;
        let pause = match &said {
            Some(Said::Figures(figures)) => {
                by_name = figures.takes_sections();
                every
            }
            Some(Said::Unknown(_)) => every.max(AGAIN),
            None => every,
        };
        if let Some(said) = said {
            vitals.upstream.set(said, Instant::now());
        }
        sleep(pause).await;
    }
}

/// What it says; `None`: nothing, for want of a connection.
async fn ask(pool: &Pool, by_name: bool) -> Option<Said> {
    let words = if by_name { SECTIONS } else { &SECTIONS[..1] };
    match pool.ask_all(&[encode(words)]).await {
        Ok(replies) => Some(read(replies.first().map_or(&[], |reply| reply))),
        Err(Failure::Refused(text) | Failure::Revoked(text)) => Some(unknown(&text)),
        Err(_) => None,
    }
}

fn read(reply: &[u8]) -> Said {
    let text = String::from_utf8_lossy(reply);
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    match Figures::read(body) {
        Some(figures) if reply.first() != Some(&b'-') => Said::Figures(Box::new(figures)),
        _ => unknown(text.trim_start_matches('-').lines().next().unwrap_or_default()),
    }
}

fn unknown(text: &str) -> Said {
    let why = match text.split(' ').next() {
        Some("NOPERM") => "the upstream's user may not INFO",
        Some("NOAUTH") => "the upstream wants a password, and none is configured",
        _ => "the upstream does not answer INFO",
    };
    Said::Unknown(format!("{why} ({text})").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_said_in_words() {
        let said = |reply: &str| match read(reply.as_bytes()) {
            Said::Unknown(why) => why.to_string(),
            Said::Figures(figures) => figures.version,
        };
        assert_eq!(said("$28\r\n# Server\r\nredis_version:7.0.15\r\n\r\n"), "7.0.15");
        assert!(said("-NOPERM this user has no permissions\r\n").starts_with("the upstream's user may not"));
        assert!(said("-NOAUTH Authentication required.\r\n").contains("wants a password"));
        assert!(said("-ERR unknown command 'INFO'\r\n").ends_with("(ERR unknown command 'INFO')"));
        assert!(said("$0\r\n\r\n").starts_with("the upstream does not"));
    }
}

//! What of a session's doings is an event for those who look after security. How it is told is
//! `telemetry::audit`'s; arguments other than names never get there.

use super::path::Path;
use crate::command::{Command, Family};
use crate::policy::acl::Refusal;
use crate::policy::limit::Refusal as RateRefusal;
use crate::policy::{Denied, matches};
use crate::resp::rename::Names;
use crate::resp::request::Args;
use crate::telemetry::audit::{Event, Kind};

/// Commands that concern everybody, or show what everybody does. Sorted. What `NEARSIDE` does is told
/// of where it is answered.
const ADMIN: [&str; 31] = [
    "ACL|DELUSER",
    "ACL|LOAD",
    "ACL|SAVE",
    "ACL|SETUSER",
    "BGREWRITEAOF",
    "BGSAVE",
    "CLIENT|KILL",
    "CLIENT|PAUSE",
    "CLIENT|UNPAUSE",
    "CLUSTER|RESET",
    "CONFIG|RESETSTAT",
    "CONFIG|REWRITE",
    "CONFIG|SET",
    "DEBUG",
    "FAILOVER",
    "FLUSHALL",
    "FLUSHDB",
    "FUNCTION|FLUSH",
    "FUNCTION|KILL",
    "MODULE|LOAD",
    "MODULE|LOADEX",
    "MODULE|UNLOAD",
    "MONITOR",
    "NEARSIDE|MONITOR",
    "REPLICAOF",
    "SAVE",
    "SCRIPT|FLUSH",
    "SCRIPT|KILL",
    "SHUTDOWN",
    "SLAVEOF",
    "SWAPDB",
];

/// Whether it goes through with a word in the log.
#[inline]
pub(super) fn is_admin(command: &Command) -> bool {
    let family = command.family;
    let may_be = matches!(family, Family::Server | Family::Script | Family::Connection | Family::Cluster);
    (may_be || family == Family::Nearside) && ADMIN.binary_search(&command.name).is_ok()
}

impl Path {
    /// Who and where.
    fn event(&self) -> Event<'static> {
        let config = &self.force.config;
        let listeners = config.listen.iter().chain(&config.tls.listen);
        Event {
            client: Some(self.client.id),
            peer: Some(self.client.peer.to_string()),
            listener: listeners.skip(self.origin.listener).map(ToString::to_string).next(),
            user: Some(self.rights.user().to_owned()),
            ..Event::default()
        }
    }

    /// A request has been refused.
    #[cold]
    pub(super) fn note_denied(&self, denied: &Denied, command: Option<&Command>, args: &Args<'_>) {
        if let Some(rule) = denied.rule() {
            self.worker.denials.count(rule);
        }
        let kind = match denied {
            // It is wrong whoever says it.
            Denied::Arity(_) => return,
            Denied::Protected => Kind::ProtectedMode,
            _ => Kind::Denied,
        };
        let audit = &self.worker.audit;
        audit.tell(kind, self.rights.user(), || {
            let (key, channel) = culprit(denied, command, args, &self.force.config.features.session_patterns);
            let name = match command {
                Some(command) => command.name.to_owned(),
                None if Names::is_hidden(args.get(0)) => audit.name(Names::written(args.get(0)), true),
                None => audit.name(args.get(0), false),
            };
            Event {
                command: Some(name),
                rule: match denied {
                    Denied::Off => Some("ENABLE_REDIS"),
                    Denied::Unknown(_) => Some("rules.rename"),
                    denied => denied.rule(),
                }
                .map(str::to_owned),
                reason: reason(denied),
                key: key.map(|key| audit.key(key)),
                channel: channel.map(|channel| audit.key(channel)),
                ..self.event()
            }
        });
    }

    /// Somebody has said to be `user`, which was `wrong` for this reason, or right.
    #[cold]
    pub(super) fn note_login(&self, user: &[u8], wrong: Option<&'static str>) {
        let audit = &self.worker.audit;
        if !audit.is_on() {
            return;
        }
        let (kind, failures) = match wrong {
            Some(_) => {
                audit.guessed_wrong(self.origin.address);
                (Kind::AuthFailed, None)
            }
            None => match audit.guessed_right(self.origin.address) {
                None => return,
                failures => (Kind::AuthPassed, failures),
            },
        };
        let known = wrong.is_none() || self.force.gate.knows(user);
        let whose = if known { String::from_utf8_lossy(user) } else { "(unknown)".into() };
        audit.tell(kind, &whose, || Event {
            user: Some(audit.name(user, known)),
            reason: wrong,
            failures,
            ..self.event()
        });
    }

    /// A name and a password were not looked at: too many from there have been wrong.
    pub(super) fn note_locked_out(&self) {
        let from = self.origin.address.map_or_else(|| "unix".to_owned(), |address| address.to_string());
        self.worker.audit.tell(Kind::LockedOut, &from, || Event {
            rule: Some("admission.auth_failures".to_owned()),
            ..self.event()
        });
    }

    /// The client cannot become `user`, who has too many.
    pub(super) fn note_no_seat(&self, user: &str) {
        self.worker.audit.tell(Kind::TurnedAway, user, || Event {
            rule: Some("admission.clients_per_user".to_owned()),
            user: Some(user.to_owned()),
            ..self.event()
        });
    }

    /// A request has been refused because of a rate.
    pub(super) fn note_rate(&self, refusal: &RateRefusal) {
        let rule = format!("rates: {}", refusal.rate());
        let whose = format!("{} by {}", rule, self.rights.user());
        self.worker.audit.tell(Kind::RateLimited, &whose, || Event { rule: Some(rule), ..self.event() });
    }

    /// A client has connected, and is somebody by its certificate.
    pub(super) fn note_certificate(&self) {
        let Some(name) = self.origin.names.first().filter(|_| !self.rights.must_authenticate()) else {
            return;
        };
        let audit = &self.worker.audit;
        audit.tell(Kind::CertificateLogin, self.rights.user(), || Event {
            certificate: Some(audit.name(name.as_bytes(), true)),
            ..self.event()
        });
    }

    /// `command` goes through, of which `args` have come.
    #[inline]
    pub(super) fn note_admin(&self, command: &Command, args: &Args<'_>) {
        if is_admin(command) && !self.must_authenticate() {
            self.note(command.name, &about(command.name, args));
        }
    }

    /// A `NEARSIDE` of that name has been carried out, or is about to be.
    pub(super) fn note_of(&self, name: &'static str) {
        self.note(name, &[]);
    }

    #[cold]
    fn note(&self, command: &'static str, about: &[&[u8]]) {
        let audit = &self.worker.audit;
        audit.tell(Kind::Admin, self.rights.user(), || {
            let about: Vec<String> = about.iter().map(|name| audit.name(name, is_name(name))).collect();
            Event {
                command: Some(command.to_owned()),
                about: (!about.is_empty()).then(|| about.join(" ")),
                ..self.event()
            }
        });
    }
}

/// Why, in a word, where no rule says it.
fn reason(denied: &Denied) -> Option<&'static str> {
    Some(match denied {
        Denied::Nobody | Denied::HelloOfNobody => "not_authenticated",
        Denied::Protected => "not_on_this_machine",
        Denied::Acl { refusal: Refusal::Command { .. }, .. } => "acl_command",
        Denied::Acl { refusal: Refusal::Key { .. } | Refusal::Sort { .. }, .. } => "acl_key",
        Denied::Acl { refusal: Refusal::Channel { .. }, .. } => "acl_channel",
        _ => return None,
    })
}

/// The key, or the channel, but for which it would not have been refused.
fn culprit<'a>(
    denied: &'a Denied,
    command: Option<&Command>,
    args: &Args<'a>,
    session_patterns: &[String],
) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let at = |index: &usize| (*index < args.len()).then(|| args.get(*index));
    match denied {
        Denied::Acl { refusal: Refusal::Key { index }, .. } => (at(index), None),
        Denied::Acl { refusal: Refusal::Channel { index }, .. } => (None, at(index)),
        Denied::Rule { key, .. } => (key.as_deref(), None),
        Denied::SessionStore(_) => {
            let refused = |key: &&[u8]| session_patterns.iter().any(|glob| matches(glob.as_bytes(), key));
            (command.and_then(|command| command.keys(args).find(refused)), None)
        }
        _ => (None, None),
    }
}

/// The names among its arguments: what is set, or who; never to what.
fn about<'a>(command: &str, args: &Args<'a>) -> Vec<&'a [u8]> {
    let arguments = args.iter().skip(2);
    match command {
        // One too few, and what stands where names should may be values.
        "CONFIG|SET" if args.len().is_multiple_of(2) => arguments.step_by(2).collect(),
        "ACL|SETUSER" => arguments.take(1).collect(),
        "ACL|DELUSER" => arguments.collect(),
        _ => Vec::new(),
    }
}

/// Whether it looks like a name, not like a password where a name should be.
fn is_name(name: &[u8]) -> bool {
    name.len() <= 64 && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{all, lookup};
    use crate::session::nod::tests::with_args;

    #[test]
    fn the_list_is_sorted_and_each_is_a_command() {
        assert!(ADMIN.is_sorted());
        for name in ADMIN {
            let command = all().find(|command| command.name == name).expect(name);
            assert!(is_admin(command), "{name}");
        }
        assert_eq!(all().filter(|command| is_admin(command)).count(), ADMIN.len());
    }

    #[test]
    fn names_are_told_and_what_they_are_set_to_is_not() {
        let names = |line: &str| {
            with_args(line, |args| {
                let names = about(lookup(args).expect("a command").name, args);
                names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>()
            })
        };
        assert_eq!(names("CONFIG SET maxmemory 1 requirepass secret"), ["maxmemory", "requirepass"]);
        assert!(names("CONFIG SET maxmemory 1 secret").is_empty());
        assert_eq!(names("ACL SETUSER app on >secret"), ["app"]);
        assert_eq!(names("ACL DELUSER one two"), ["one", "two"]);
        assert!(names("BGSAVE SCHEDULE").is_empty() && names("DEBUG SLEEP 0").is_empty());
        assert!(is_name(b"app-1.x@y") && !is_name(b">secret") && !is_name(b"a b") && !is_name(&[b'a'; 65]));
    }
}

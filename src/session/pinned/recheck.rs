//! What is in force changes while a session is on a connection of its own. A transaction that was open when
//! rights changed: `EXEC` looks at what is queued once more, as Redis's does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::relay::{Relay, Stop};
use crate::command::{Command, Pin, Route, lookup};
use crate::policy::{Denied, Rights};
use crate::resp::request::Args;
use crate::resp::scan::request::{Limits, Progress, RequestScanner};
use crate::session::force::Expelled;

/// So many bytes of queued commands are remembered, to be looked at again.
const REMEMBERED: usize = 64 * 1024;

/// What is said where there were more, and rights have changed since.
const FORGOTTEN: &str = "EXECABORT Transaction discarded because of: rights were changed in the configuration \
    while it was open, and it is too long to be looked at again";

/// What an open transaction has queued.
#[derive(Debug, Default)]
pub(super) struct Queued {
    /// The rights with which its first command was queued; `None`: none has been.
    rights: Option<Arc<Rights>>,
    requests: Vec<u8>,
    forgotten: bool,
}

impl Queued {
    fn add(&mut self, rights: &Arc<Rights>, args: &Args<'_>) {
        self.rights.get_or_insert_with(|| Arc::clone(rights));
        if self.forgotten {
            return;
        }
        if self.requests.len() + args.bytes().len() > REMEMBERED {
            return self.forget();
        }
        self.requests.extend_from_slice(args.bytes());
    }

    fn forget(&mut self) {
        (self.requests, self.forgotten) = (Vec::new(), true);
    }

    /// Why it must not run any more with these `rights`, if they are others than it began with.
    fn check(&self, rights: &Arc<Rights>) -> Result<(), Option<Denied>> {
        if self.rights.as_ref().is_none_or(|before| Arc::ptr_eq(before, rights)) {
            return Ok(());
        }
        if self.forgotten {
            return Err(None);
        }
        // They have been within the limits already, and bear the commands' own names.
        let (most, mut scanner, mut at) = (usize::MAX, RequestScanner::default(), 0);
        let limits = Limits { max_bulk: most, max_multibulk: most, large: most, unauthenticated: false };
        while let Some(rest) = self.requests.get(at..).filter(|rest| !rest.is_empty()) {
            let Ok(Progress::Whole { len }) = scanner.scan(rest, &limits) else { return Err(None) };
            let args = scanner.args(rest);
            rights.check(lookup(&args), &args).map_err(Some)?;
            scanner.reset();
            at += len;
        }
        Ok(())
    }
}

impl Relay<'_> {
    /// Takes over what is in force, if it has changed. `timer` looks for answers that are overdue.
    pub(super) fn renew(&mut self, timer: std::pin::Pin<&mut Sleep>) -> Result<(), Stop> {
        match self.session.renew(self.held.listens()) {
            Ok(false) => {}
            Ok(true) => timer.reset(Instant::now()),
            Err(Expelled) => return Err(Stop::Client),
        }
        Ok(())
    }

    /// How long a request may wait for its answer.
    pub(super) fn answer_within(&self) -> Duration {
        self.session.path.force.config.upstream.socket_timeout
    }

    /// The request at the front has been queued; `whole`: all of it is there.
    pub(super) fn queues(&mut self, whole: bool) {
        let path = &self.session.path;
        if whole {
            self.queued.add(&path.rights, &self.session.intake.args());
        } else {
            self.queued.add(&path.rights, &Args::new(&[], &[]));
            self.queued.forget();
        }
    }

    /// `EXEC` stands at the front: what it is refused with, if rights have changed and what is queued may not
    /// run any more. All of it is discarded then: one part cannot be taken out of it here.
    pub(super) fn stale_exec(&mut self, command: Option<&'static Command>) -> Option<Vec<u8>> {
        let is_exec = command.is_some_and(|command| command.route == Route::Pin(Pin::Exec));
        if !is_exec || !self.held.multi || self.held.opaque {
            return None;
        }
        let path = &self.session.path;
        match self.queued.check(&path.rights) {
            Ok(()) => None,
            Err(None) => Some(FORGOTTEN.into()),
            Err(Some(denied)) => Some(path.words_for(command, &denied)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::policy::{Gate, Origin};
    use crate::resp::request::encode;

    fn rights(block: &[&str]) -> Arc<Rights> {
        let mut config = Config::default();
        config.rules.block = block.iter().map(ToString::to_string).collect();
        Gate::new(&config).unwrap().newcomer(&Origin::default(), "default")
    }

    fn queue(queued: &mut Queued, rights: &Arc<Rights>, words: &[&str]) {
        let request = encode(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
        let mut scanner = RequestScanner::default();
        let limits = Limits { max_bulk: 1 << 20, max_multibulk: 9, large: 1 << 20, unauthenticated: false };
        scanner.scan(&request, &limits).unwrap();
        queued.add(rights, &scanner.args(&request));
    }

    #[test]
    fn what_is_queued_is_looked_at_again_only_with_other_rights() {
        let (before, same, less) = (rights(&[]), rights(&["KEYS"]), rights(&["INCR"]));
        let mut queued = Queued::default();
        assert_eq!(queued.check(&less), Ok(()));
        queue(&mut queued, &before, &["SET", "k", "1"]);
        queue(&mut queued, &before, &["INCR", "k"]);
        assert_eq!(queued.check(&before), Ok(()));
        assert_eq!(queued.check(&same), Ok(()));
        assert!(matches!(queued.check(&less), Err(Some(Denied::Rule { .. }))));
        queue(&mut queued, &before, &["SET", "k", &"x".repeat(REMEMBERED)]);
        assert_eq!((queued.check(&before), queued.check(&same)), (Ok(()), Err(None)));
    }
}

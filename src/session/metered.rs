//! What a request is counted as. How it is counted is `telemetry::meters`'.

use super::path::Path;
use super::traced::Outcome;
use crate::command::{COUNT, Command, Effect, Family, Pin, Route, When, number, numbered};
use crate::resp::request::Args;
use crate::telemetry::meters::{By, Cause, Class};
use crate::upstream::Failure;

/// What each row of the table is counted as.
static CLASSES: [Class; COUNT] = {
    let mut all = [Class::Unknown; COUNT];
    let mut row = 0;
    while row < COUNT {
        if let Some(command) = numbered(row as u16) {
            all[row] = decided(command);
        }
        row += 1;
    }
    all
};

/// What a command is counted as, but for the few that block only if they say so; see [`class_of`].
#[inline]
pub(super) fn class(command: Option<&'static Command>) -> Class {
    command.map_or(Class::Unknown, |command| CLASSES[usize::from(number(command))])
}

const fn decided(command: &Command) -> Class {
    match command.route {
        Route::Blocking(When::Always) | Route::Pin(Pin::Wait) => return Class::Blocking,
        Route::Pin(Pin::Subscribe(_) | Pin::Unsubscribe(_) | Pin::Monitor | Pin::MonitorUpstream) => {
            return Class::Subscribe;
        }
        _ => {}
    }
    let (read, write) = match command.family {
        Family::Generic => (Class::KeyRead, Class::KeyWrite),
        Family::String => (Class::StringRead, Class::StringWrite),
        Family::Hash => (Class::HashRead, Class::HashWrite),
        Family::List => (Class::ListRead, Class::ListWrite),
        Family::Set => (Class::SetRead, Class::SetWrite),
        Family::Zset => (Class::ZsetRead, Class::ZsetWrite),
        Family::Stream => (Class::StreamRead, Class::StreamWrite),
        Family::Bitmap | Family::Geo | Family::Hll | Family::Vector => (Class::OtherRead, Class::OtherWrite),
        Family::Pubsub => (Class::Pubsub, Class::Pubsub),
        Family::Transaction => (Class::Transaction, Class::Transaction),
        Family::Script => (Class::Script, Class::Script),
        Family::Connection => (Class::Connection, Class::Connection),
        Family::Server | Family::Cluster => (Class::Server, Class::Server),
        Family::Nearside => (Class::Nearside, Class::Nearside),
    };
    if matches!(command.effect, Effect::None | Effect::Read) { read } else { write }
}

/// What this request is counted as.
pub(super) fn class_of(command: Option<&'static Command>, args: &Args<'_>) -> Class {
    let blocks = command.is_some_and(|command| command.blocks(args));
    if blocks { Class::Blocking } else { class(command) }
}

/// Why a request failed that the upstream did not answer; `None`: it has not, it is asked again.
pub(super) fn cause(failure: &Failure) -> Option<Cause> {
    Some(match failure {
        Failure::Unreachable { .. } => Cause::UpstreamDown,
        Failure::Busy { .. } => Cause::UpstreamBusy,
        Failure::Refused(text) | Failure::Revoked(text) => Cause::of_reply(text.as_bytes()),
        Failure::Lost { .. } => Cause::UpstreamLost,
        Failure::TimedOut { .. } => Cause::Timeout,
        Failure::Dropped | Failure::TooLong { .. } => Cause::TooLarge,
        Failure::TooLarge => return None,
    })
}

/// Since when a failed request that arrived then has waited for the upstream; 0: it was never its turn.
pub(super) fn waited_for(failure: &Failure, asked: u64) -> u64 {
    if matches!(failure, Failure::Busy { .. }) { 0 } else { asked }
}

impl Path {
    /// The request has been answered without asking anybody.
    #[inline]
    pub(super) fn answered_here(&mut self, by: By) {
        self.outcome = Some(Outcome::By(by));
        self.worker.tally.answered_here(self.class, by, self.asked);
    }

    /// What was answered in this turn without asking anybody is with the client, or as good as.
    #[inline]
    pub(super) fn settle_turn(&mut self) {
        if let Some(now) = self.worker.tally.settle_here(self.asked) {
            // What is read from now on has not waited for it.
            self.asked = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::named;
    use crate::session::nod::tests::with_args;

    #[test]
    fn commands_are_counted_as_what_they_are() {
        for (name, expected) in [
            ("GET", Class::StringRead),
            ("SET", Class::StringWrite),
            ("DEL", Class::KeyWrite),
            ("TTL", Class::KeyRead),
            ("HGETALL", Class::HashRead),
            ("LPOP", Class::ListWrite),
            ("BLPOP", Class::Blocking),
            ("BZPOPMIN", Class::Blocking),
            ("WAIT", Class::Blocking),
            ("SUBSCRIBE", Class::Subscribe),
            ("MONITOR", Class::Subscribe),
            ("PUBLISH", Class::Pubsub),
            ("EXEC", Class::Transaction),
            ("EVAL", Class::Script),
            ("PFADD", Class::OtherWrite),
            ("CLIENT|LIST", Class::Connection),
            ("CONFIG|GET", Class::Server),
        ] {
            assert_eq!(class(named(name)), expected, "{name}");
        }
        assert_eq!(class(None), Class::Unknown);
    }

    #[test]
    fn a_read_of_a_stream_blocks_if_it_says_so() {
        let class = |line: &str| with_args(line, |args| class_of(crate::command::lookup(args), args));
        assert_eq!(class("XREAD BLOCK 0 STREAMS s 0"), Class::Blocking);
        assert_eq!(class("XREAD STREAMS s 0"), Class::StreamRead);
    }
}

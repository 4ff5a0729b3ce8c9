//! What lanes tell a client: answers, failures, the end of a turn.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;

use super::owed::STEP;
use super::{After, Again, Client, Later, Ticket, Waiting};
use crate::resp::convert::convert;
use crate::resp::reply;
use crate::session::metered::{cause, waited_for};
use crate::session::near::{LaneWatch, Mark};
use crate::session::nod::{Nod, Settled};
use crate::session::subscribed::correct;
use crate::telemetry::meters::{Cause, Class};
use crate::upstream::{Caller, Failure, Heard};

impl Client {
    /// A request has been answered, with or without a reply.
    #[inline]
    pub(in crate::session) fn done(&self, ticket: Ticket, size: usize) {
        self.outstanding.set(self.outstanding.get() - 1);
        self.weight.set(self.weight.get() - u64::from(ticket.weight));
        let mean = self.reply_size.get();
        self.reply_size.set(if size > mean { size } else { (mean * 7 + size) / 8 });
    }

    /// A reply (RESP3) that does not go out as it came.
    #[cold]
    fn changed(&self, after: After, frame: &[u8]) -> Vec<u8> {
        match after {
            After::Nothing | After::Transaction | After::Nod | After::Unknown => frame.to_vec(),
            After::Info => reply::with_section(frame, &self.desk.info()),
            After::Receivers(extra) => correct::add(frame, extra.into()),
            After::Subscribers(kind) => correct::subscribers(frame, &self.shares, kind),
        }
    }

    /// A request that did not go to a lane has been answered; its reply is out.
    pub(in crate::session) fn answered_aside(&self) {
        self.outstanding.set(self.outstanding.get().saturating_sub(1));
    }

    /// A request of the class has had its reply.
    #[inline]
    pub(in crate::session) fn timed(&self, ticket: &Ticket, class: Class, heard: &Heard<'_>) {
        // Who joined may have come after the request was written.
        let written = if heard.written > 0 { heard.written.max(ticket.asked) } else { 0 };
        self.tally.answered(class, ticket.by, ticket.asked, written, heard.read);
    }

    /// A request of the class has failed.
    #[cold]
    pub(in crate::session) fn timed_out(&self, ticket: &Ticket, class: Class, failure: &Failure) {
        let Some(cause) = cause(failure) else { return };
        let written = waited_for(failure, ticket.asked);
        self.tally.answered(class, ticket.by, ticket.asked, written, self.tally.now());
        self.tally.error(cause);
    }

    /// Tells of a failed request, if it is one to be told of.
    fn tell_failed(&self, ticket: &Ticket, failure: &Failure, request: &[u8]) {
        let read = self.tally.now();
        if self.is_told(ticket, read) && cause(failure).is_some() {
            self.tell_heard(ticket, &Heard { written: waited_for(failure, ticket.asked), read, request });
        }
    }

    /// The upstream has answered, or not, what is waited for longest.
    fn nodded(&self, settle: impl FnOnce(Nod, &mut Vec<u8>) -> Settled) {
        let Some(nod) = self.nods.borrow_mut().pop_front() else { return };
        if self.cut.get() || self.ending.get() {
            return;
        }
        let mut out = Vec::new();
        let settled = settle(nod, &mut out);
        self.deliver(|to| to.extend_from_slice(&out));
        if settled.last {
            self.end();
        }
    }
}

impl Caller for Client {
    type Ticket = Ticket;
    type Mark = Mark;
    type Watch = LaneWatch;

    #[inline]
    fn answered(&self, ticket: Ticket, frame: &[u8], heard: &Heard<'_>) {
        if ticket.after == After::Transaction {
            return self.part_answered(ticket, frame, heard);
        }
        self.timed(&ticket, ticket.class, heard);
        if !heard.request.is_empty() {
            self.tell_heard(&ticket, heard);
        }
        self.done(ticket, frame.len());
        if ticket.after == After::Nod {
            return self.nodded(|nod, out| {
                let settled = nod.finish(self, frame, out);
                if out.starts_with(b"-") {
                    self.tally.error(Cause::of_reply(out));
                }
                settled
            });
        }
        if self.cut.get() || self.ending.get() {
            return;
        }
        if frame.first() == Some(&b'-') {
            self.tally.error(Cause::of_reply(frame));
        }
        if ticket.after == After::Unknown {
            let sent = self.next_unknown();
            self.hold(sent);
        } else if ticket.after != After::Nothing {
            let changed = self.changed(ticket.after, frame);
            return self.deliver(|out| match ticket.conversion {
                None => out.extend_from_slice(&changed),
                Some(how) => convert(how, &changed, out),
            });
        }
        match ticket.conversion {
            None => self.deliver(|out| out.extend_from_slice(frame)),
            Some(how) => self.deliver(|out| convert(how, frame, out)),
        }
    }

    fn failed(&self, ticket: Ticket, failure: &Failure, request: &[u8]) {
        if matches!(failure, Failure::Revoked(_)) {
            self.cut();
        }
        if ticket.after == After::Transaction {
            self.tell_failed(&ticket, failure, request);
            return self.parts_failed(ticket, failure);
        }
        self.tell_failed(&ticket, failure, request);
        self.timed_out(&ticket, ticket.class, failure);
        self.done(ticket, 0);
        if ticket.after == After::Unknown {
            self.next_unknown();
        }
        if ticket.after == After::Nod {
            return self.nodded(|nod, out| match failure {
                // Whatever it is, it is no error.
                Failure::TooLarge => nod.granted(self, out),
                other => {
                    crate::session::local::failure(other, out);
                    Settled::default()
                }
            });
        }
        if self.cut.get() || self.ending.get() {
            return;
        }
        match failure {
            Failure::TooLarge => {
                let (request, Ticket { class, asked, .. }) = (Bytes::copy_from_slice(request), ticket);
                self.out.borrow_mut().later.push_back(Later::Again(Again { request, class, asked }));
                self.again.set(true);
            }
            other => self.deliver(|out| crate::session::local::failure(other, out)),
        }
    }

    #[inline]
    fn wants_request(&self, ticket: &Ticket, read: u64) -> bool {
        self.is_told(ticket, read)
    }

    fn takes(&self, len: usize) -> bool {
        let out = self.out.borrow();
        let owed = self.owed(&out) + len;
        if owed > self.reserved.get() + STEP {
            self.reserve(owed);
        }
        owed <= self.reserved.get() + STEP
    }

    #[inline]
    fn flush(self: &Rc<Self>) {
        self.touched.set(false);
        self.untold.borrow_mut().drain(..).for_each(|signal| signal.tell(self));
        self.speak_last();
        self.flush_now();
        self.tally.settle();
        let ready = match self.waiting.get() {
            // Nothing but what must be asked again.
            Waiting::Nothing => self.again.get() && self.outstanding.get() == 0 && !self.waits_for_lanes(),
            Waiting::Room => self.has_room() || self.outstanding.get() == 0,
            Waiting::Drained => self.outstanding.get() == 0,
        };
        if ready {
            self.wake();
        }
        if self.output_limit.get().hard > 0 {
            self.check_limit(Instant::now());
        }
    }

    #[inline]
    fn touched(&self) -> bool {
        !self.touched.replace(true)
    }
}

//! Requests on the session's lane, and reads that need not go there.

use std::rc::Rc;

use super::client::{After, Ticket};
use super::local;
use super::near::Mark;
use super::nod::Asked;
use super::path::Path;
use super::verdict::Verdict;
use crate::command::{Command, Family};
use crate::policy::Permit;
use crate::resp::Proto;
use crate::resp::convert::Conversion;
use crate::resp::request::Args;
use crate::telemetry::meters::By;

impl Path {
    /// Answers a read that may be kept from memory, or sends it to the lane, so that its reply can be.
    #[inline]
    pub(super) fn read(&mut self, command: &'static Command, args: &Args<'_>, permit: Permit) -> Verdict {
        let conversion = match (self.proto, command.conversion(args)) {
            (Proto::Resp3, _) => None,
            (Proto::Resp2, None) => return self.pin(),
            (Proto::Resp2, how) => how,
        };
        let in_turn = self.client.outstanding() > 0 || self.client.has_later();
        let tries = self.tries();
        if tries && let Some(verdict) = self.remembered(permit, command, args, conversion) {
            return verdict;
        }
        if self.worker.shared.is_large(args) {
            return self.pin();
        }
        if let Some(wait) = self.before_post() {
            return wait;
        }
        let ticket = self.ticket(args.bytes(), conversion, After::Nothing);
        match self.fill(command, args, tries, in_turn) {
            Some(fill) => {
                let lane = Rc::clone(self.lane());
                self.send_fill(&lane, &fill, ticket, args.bytes());
            }
            None => {
                let (client, arrived) = (Rc::clone(&self.client), self.arrived);
                self.lane().send((&client, ticket), Mark::Read, args.bytes(), true, 1, arrived);
            }
        }
        Verdict::Done
    }

    /// Sends a stateless request to the lane.
    #[inline]
    pub(super) fn on_lane(&mut self, command: &'static Command, args: &Args<'_>, after: After) -> Verdict {
        let conversion = match self.proto {
            Proto::Resp3 => None,
            Proto::Resp2 => match command.conversion(args) {
                Some(how) => Some(how),
                None => return self.pin(),
            },
        };
        if self.worker.shared.is_large(args) || local::changes_terms(command, args, &self.worker.shared) {
            return self.pin();
        }
        if let Some(wait) = self.before_post() {
            return wait;
        }
        if command.family == Family::Server {
            self.note_admin(command, args);
        }
        let (mark, unknown) = self.mark(command, args);
        let after = if unknown && after == After::Nothing { After::Unknown } else { after };
        self.post(args.bytes(), conversion, after, mark, command.repeatable(), 1);
        if after == After::Unknown {
            self.fence_behind();
        }
        Verdict::Done
    }

    /// Has the upstream asked for its nod.
    pub(super) fn ask(&mut self, asked: Asked) -> Verdict {
        if let Some(wait) = self.before_post() {
            return wait;
        }
        self.post(&asked.request, None, After::Nod, Mark::None, true, 1);
        self.client.await_nod(asked.nod);
        Verdict::Done
    }

    /// What a request has to wait for before it may be queued on the lane, if anything.
    #[inline]
    pub(super) fn before_post(&mut self) -> Option<Verdict> {
        if !self.client.has_room() {
            return Some(Verdict::Room);
        }
        if self.lane().is_aside() {
            if self.client.outstanding() > 0 {
                return Some(Verdict::Drained);
            }
            self.renew_terms();
            self.leave_lane();
        }
        None
    }

    /// The client is owed one more reply.
    #[inline]
    pub(super) fn ticket(&self, request: &[u8], conversion: Option<Conversion>, after: After) -> Ticket {
        let weight = u32::try_from(request.len()).unwrap_or(u32::MAX);
        self.client.sent(weight);
        let (class, asked, sampled) = (self.class, self.asked, self.worker.traces.samples());
        Ticket { conversion, after, weight, class, by: By::Upstream, asked, sampled }
    }

    /// Queues a request on the lane. [`Self::before_post`] has said that it may be.
    #[inline]
    pub(super) fn post(
        &mut self,
        request: &[u8],
        conversion: Option<Conversion>,
        after: After,
        mark: Mark,
        repeatable: bool,
        replies: usize,
    ) {
        let ticket = self.ticket(request, conversion, after);
        let (client, arrived) = (Rc::clone(&self.client), self.arrived);
        self.lane().send((&client, ticket), mark, request, repeatable, replies, arrived);
    }
}

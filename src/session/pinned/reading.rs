//! What is read from the client while its session has a connection of its own.

use std::task::{Context, Poll, ready};

use super::relay::{HIGH_WATER, Relay, Stop};
use crate::session::intake::Front;

impl Relay<'_> {
    pub(super) fn read_client(&mut self, cx: &mut Context<'_>) -> Result<bool, Stop> {
        // Where replies are not matched nothing else tells that a client whose command blocks has left.
        if (self.leaving && !self.held.opaque) || self.closing || self.to_upstream.len() >= HIGH_WATER {
            return Ok(false);
        }
        // What has been read and cannot go yet is enough, unless nothing but more reading would tell
        // that a blocked client has left.
        let listens = (self.blocked() || self.held.opaque) && self.session.intake.kept() < HIGH_WATER;
        let waits = self.holds_a_request();
        if waits && !listens {
            return Ok(false);
        }
        match self.poll_client(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(true) => {
                if !waits {
                    self.timed.asked = self.session.path.worker.tally.now();
                }
                Ok(true)
            }
            Poll::Ready(false) => {
                self.closing = true;
                // Nobody is there to hear what a blocked command or a subscription brings.
                let vain = self.blocked() || self.held.listens() || self.streaming.is_some();
                if vain { Err(Stop::Client) } else { Ok(true) }
            }
        }
    }

    /// One read from the client; `false` at the end of the stream.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let limits = self.session.path.limits();
        let intake = &mut self.session.intake;
        match &mut self.streaming {
            Some(rest) if intake.kept() == 0 => {
                let before = self.to_upstream.len();
                let passed = ready!(intake.poll_pass(cx, rest, &limits, &mut self.to_upstream));
                self.session.path.passed(self.to_upstream.len() - before);
                match passed {
                    Ok(None) => return Poll::Ready(false),
                    Ok(Some(true)) => self.streaming = None,
                    Ok(Some(false)) => {}
                    Err(error) => self.refuse(error),
                }
                Poll::Ready(true)
            }
            _ => intake.poll_more(cx),
        }
    }

    /// Whether a whole request has been read that cannot go yet.
    fn holds_a_request(&mut self) -> bool {
        let limits = self.session.path.limits();
        self.streaming.is_none() && matches!(self.session.intake.front(&limits), Ok(Front::Whole))
    }
}

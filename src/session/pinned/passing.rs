//! Both directions between a session's own connection and the upstream.

use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, BytesMut};

use super::relay::{HIGH_WATER, Relay, Stop};
use super::replies::Reading;

/// Room for a read from the upstream.
const READ: usize = 64 * 1024;

impl Relay<'_> {
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Stop> {
        let Some(lease) = &mut self.lease else { return Ok(false) };
        let mut moved = false;
        while !self.to_upstream.is_empty() {
            match lease.poll_write(cx, &self.to_upstream) {
                Poll::Pending => break,
                Poll::Ready(Ok(n)) => self.to_upstream.advance(n),
                Poll::Ready(Err(error)) => return Err(Stop::Upstream(error.to_string())),
            }
            moved = true;
        }
        if let Poll::Ready(Err(error)) = lease.poll_flush(cx) {
            return Err(Stop::Upstream(error.to_string()));
        }
        if self.to_upstream.is_empty() && self.timed.waits_to_be_written() {
            self.timed.wrote(self.session.path.worker.tally.now());
        }
        if self.to_upstream.is_empty() && self.to_upstream.capacity() > HIGH_WATER {
            self.to_upstream = BytesMut::new();
        }
        Ok(moved)
    }

    pub(super) fn read_upstream(&mut self, cx: &mut Context<'_>) -> Result<bool, Stop> {
        if let Some(signal) = &self.signal {
            if signal.poll(cx).is_pending() {
                return Ok(false);
            }
            self.signal = None;
            return self.pass_replies().map(|()| true);
        }
        // Who has a limit, as a subscriber has, is not waited for: it is cut there, as Redis would.
        let cut_instead = self.held.listens() && self.client.has_output_limit();
        if !self.client.is_reading() && !cut_instead {
            self.timed.stalls(|| self.session.path.worker.tally.now());
            return Ok(false);
        }
        self.timed.goes_on(|| self.session.path.worker.tally.now());
        let Some(lease) = &mut self.lease else { return Ok(false) };
        self.from_upstream.clear();
        self.from_upstream.reserve(READ);
        match lease.poll_read(cx, &mut self.from_upstream) {
            Poll::Pending => {
                // A session that waits, maybe for hours, holds no buffer.
                self.from_upstream = BytesMut::new();
                Ok(false)
            }
            Poll::Ready(Ok(0)) => Err(Stop::Upstream("closed by the upstream".into())),
            Poll::Ready(Err(error)) => Err(Stop::Upstream(error.to_string())),
            Poll::Ready(Ok(_)) => {
                self.timed.read = self.session.path.worker.tally.now();
                self.underway.heard();
                self.signal = self.hold();
                if self.signal.is_some() { Ok(true) } else { self.pass_replies().map(|()| true) }
            }
        }
    }

    fn pass_replies(&mut self) -> Result<(), Stop> {
        self.turn = None;
        let bytes = std::mem::take(&mut self.from_upstream);
        let mut at = 0;
        while at < bytes.len() && !self.deaf {
            let reading = Reading {
                proto: self.session.path.proto,
                listens: self.held.listens(),
                front: self.expect.front(),
            };
            let fed = self.replies.feed(&bytes[at..], reading, &self.client);
            let (n, frame) = fed.map_err(Stop::Upstream)?;
            at += n;
            if let Some(frame) = frame {
                self.ended(frame);
            }
        }
        self.from_upstream = bytes;
        self.client.set_in_reply(self.replies.is_passing());
        self.client.check_limit(Instant::now());
        Ok(())
    }
}

//! Requests that are passed on in pieces.

use super::{Limits, ProtocolError, RequestScanner};

/// What is left of a request that is passed on in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// Offset of the first byte not yet scanned when the remainder was taken.
    pub from: usize,
    pub(super) missing: i64,
    /// Bytes left of the current argument, its line end included.
    pub(super) bulk: Option<usize>,
}

impl Remainder {
    /// How much of `buf`, the bytes that follow, may be passed on now; `true` with it once the
    /// request is whole. Header lines are only passed on whole.
    pub fn advance(&mut self, buf: &[u8], limits: &Limits) -> Result<(usize, bool), ProtocolError> {
        let mut at = 0;
        while self.missing > 0 {
            if let Some(left) = self.bulk {
                let take = left.min(buf.len() - at);
                at += take;
                if take < left {
                    self.bulk = Some(left - take);
                    return Ok((at, false));
                }
                (self.bulk, self.missing) = (None, self.missing - 1);
                continue;
            }
            let mut scanner = RequestScanner { at, ..RequestScanner::default() };
            match scanner.bulk_header(buf, limits)? {
                Err(_) => return Ok((at, false)),
                Ok(len) => (self.bulk, at) = (Some(len + 2), scanner.at),
            }
        }
        Ok((at, true))
    }
}

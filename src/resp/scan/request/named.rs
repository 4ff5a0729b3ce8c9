//! Requests that call commands by other names than Redis does: they become requests under the commands' own
//! names here, and nobody behind the scanner sees another.

use std::sync::Arc;

use bytes::BytesMut;

use super::RequestScanner;
use crate::resp::rename::Names;

impl RequestScanner {
    /// One for requests that call commands by other names: their arguments begin with the commands' own.
    pub fn with_names(names: Option<Arc<Names>>) -> Self {
        Self { names, ..Self::default() }
    }

    /// From now on they have these names. A request that begins with its command's own by now keeps it.
    pub fn set_names(&mut self, names: Option<Arc<Names>>) {
        self.names = names;
    }

    /// What commands are called here.
    pub fn names(&self) -> Option<&Arc<Names>> {
        self.names.as_ref()
    }

    /// Has a request of which only the beginning is in `buf`, which is to be scanned again, begin with the
    /// command's own name there. `false`: it does, or nobody knows yet.
    pub fn rename_partial(&mut self, buf: &mut BytesMut) -> bool {
        let (Some(names), Some(name), false) = (&self.names, self.spans.first().copied(), self.named) else {
            return false;
        };
        self.named = true;
        let Some(other) = names.translate(&buf[name.start..name.end]) else { return false };
        let line = buf.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1);
        let mut renamed = BytesMut::with_capacity(buf.len() + other.len() + 16);
        renamed.extend_from_slice(&buf[..line]);
        renamed.extend_from_slice(format!("${}\r\n", other.len()).as_bytes());
        renamed.extend_from_slice(&other);
        renamed.extend_from_slice(&buf[name.end..]);
        *buf = renamed;
        self.reset();
        self.named = true;
        true
    }

    /// How many arguments a request that has begun says it has, and how long the one that is arriving is.
    pub fn announced(&self) -> (usize, usize) {
        let missing = usize::try_from(self.missing).unwrap_or(0);
        (self.spans.len().saturating_add(missing), self.bulk.unwrap_or(0))
    }

    /// Writes the request out under the command's own name.
    pub(super) fn rename(&mut self, buf: &[u8]) {
        self.named = true;
        let args = self.args(buf);
        let Some(name) = self.names.as_ref().and_then(|names| names.translate(args.get(0))) else { return };
        let rest = args.iter().skip(1).map(<[u8]>::to_vec);
        let words: Vec<Vec<u8>> = std::iter::once(name.into_owned()).chain(rest).collect();
        self.respell(&words);
    }
}

//! The least of a session that still differs.

use crate::make::{Sending, Session};

/// Drops what need not be said, as long as `differs` says that the session still does.
pub(crate) fn shrink(session: &Session, mut differs: impl FnMut(&Session) -> bool) -> Session {
    let mut least = session.clone();
    let mut size = least.says.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < least.says.len() {
            let mut fewer = least.clone();
            fewer.says.drain(at..(at + size).min(least.says.len()));
            if differs(&fewer) {
                least = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    for sending in [Sending::Stepwise, Sending::Whole] {
        let simpler = Session { sending, ..least.clone() };
        if least.connections == 1 && sending != least.sending && differs(&simpler) {
            return simpler;
        }
    }
    least
}

//! Requests that go to the upstream in other words: those it only has to nod to, and those that name
//! a client by our id, which the upstream knows by another.

use super::relay::Relay;
use crate::command::Command;
use crate::resp::request::{Args, encode};
use crate::session::local::integer;
use crate::session::nod;
use crate::session::state::{Expect, Turn};

/// An id that no client of the upstream ever has.
const NOBODY: &[u8] = b"9223372036854775807";

impl Relay<'_> {
    /// What goes to the upstream in place of the request at the front, if it is not the request itself.
    pub(super) fn reworded(&mut self, command: &'static Command, turn: &mut Turn) -> Option<Vec<u8>> {
        if matches!(turn, Turn::Opaque) {
            return None;
        }
        let args = self.session.intake.args();
        match command.name {
            "CLIENT|UNBLOCK" => return self.with_their_id(&args, 2),
            "CLIENT|TRACKING" => {
                let at = (3..args.len()).find(|i| args.is(*i, "REDIRECT"))? + 1;
                return self.with_their_id(&args, at);
            }
            _ => {}
        }
        let asked = nod::prepare(command, &args, self.client.id)?;
        match turn {
            Turn::Expect(expect @ Expect::Reply) if self.held.queued().is_none() => {
                *expect = Expect::Nod(Box::new(asked.nod));
            }
            Turn::Expect(_) => self.held.tells_last(Expect::Nod(Box::new(asked.nod))),
            // Nobody hears whether the upstream nods.
            _ if asked.nod.is_refusal() => {}
            _ => _ = asked.nod.granted(&self.client, &mut Vec::new()),
        }
        Some(asked.request)
    }

    /// The request with the upstream's id of a client in place of ours.
    fn with_their_id(&self, args: &Args<'_>, at: usize) -> Option<Vec<u8>> {
        let ours = (at < args.len()).then(|| integer(args.get(at))).flatten().filter(|id| *id > 0)?;
        let card = u64::try_from(ours).ok().and_then(|id| self.session.path.worker.roster.card(id));
        let theirs = card.map_or(0, |card| card.upstream_id());
        let theirs = if theirs > 0 { theirs.to_string().into_bytes() } else { NOBODY.to_vec() };
        let words: Vec<&[u8]> =
            (0..args.len()).map(|i| if i == at { &theirs[..] } else { args.get(i) }).collect();
        Some(encode(&words))
    }

    /// Our id of the client that holds the upstream's connection `theirs`.
    pub(super) fn ours_of(&self, theirs: i64) -> Option<u64> {
        let cards = self.session.path.worker.roster.cards();
        cards.iter().find(|card| card.upstream_id() == theirs).map(|card| card.id)
    }
}

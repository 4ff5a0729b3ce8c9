//! Requests that go to the upstream in other words: those it only has to nod to, and those that name
//! a client by our id, which the upstream knows by another.

use std::time::Duration;

use tokio::time::sleep;

use super::relay::Relay;
use crate::command::Command;
use crate::resp::request::encode;
use crate::session::local::integer;
use crate::session::nod::{self, NOBODY};
use crate::session::state::{Expect, Turn, redirect_at};
use crate::session::users;

/// How often a client that is to take invalidations is looked for before it is given up.
const LOOKS: u32 = 200;
/// The time between.
const LOOK: Duration = Duration::from_millis(5);

impl Relay<'_> {
    /// Whether the request at the front sends invalidations to a client that has no connection of its
    /// own yet. It is asked to take one; that is looked for again soon.
    pub(super) fn waits_for_target(&mut self, command: &Command) -> bool {
        if command.name != "CLIENT|TRACKING" {
            return false;
        }
        let roster = &self.session.path.worker.roster;
        let args = self.session.intake.args();
        let id =
            redirect_at(&args).and_then(|at| integer(args.get(at))).and_then(|id| u64::try_from(id).ok());
        let card = id.filter(|id| *id != self.client.id).and_then(|id| roster.card(id));
        let Some(card) = card.filter(|card| card.upstream_id() == 0 && self.looks < LOOKS) else {
            self.looks = 0;
            return false;
        };
        if self.looks == 0 {
            roster.pin(&card);
        }
        self.looks += 1;
        self.look_again = Some(Box::pin(sleep(LOOK)));
        true
    }

    /// What goes to the upstream in place of the request at the front, if it is not the request itself.
    pub(super) fn reworded(&mut self, command: &'static Command, turn: &mut Turn) -> Option<Vec<u8>> {
        if matches!(turn, Turn::Opaque) {
            return None;
        }
        match command.name {
            "CLIENT|UNBLOCK" => return self.with_their_id(2).map(|(request, _)| request),
            "CLIENT|TRACKING" => {
                let (request, ids) = self.with_their_id(redirect_at(&self.session.intake.args())?)?;
                self.redirected = ids;
                return Some(request);
            }
            "HELLO" if self.session.path.has_own_users() => {
                if let Turn::Expect(Expect::Hello(hello)) = turn {
                    hello.credential = None;
                }
                return Some(users::without_auth(&self.session.intake.args()));
            }
            _ => {}
        }
        let args = self.session.intake.args();
        let mut asked = nod::prepare(command, &args, self.client.id)?;
        asked.nod.watched = Some(self.held.watched);
        match turn {
            Turn::Expect(expect @ Expect::Reply) if self.held.queued().is_none() => {
                *expect = Expect::Nod(Box::new(asked.nod));
            }
            Turn::Expect(_) => self.held.tells_last(Expect::Nod(Box::new(asked.nod))),
            // Nobody hears whether the upstream nods.
            _ if asked.nod.is_refusal() => {}
            _ => self.closing |= asked.nod.granted(&self.client, &mut Vec::new()).last,
        }
        Some(asked.request)
    }

    /// The request with the upstream's id of a client in place of ours, and both ids.
    fn with_their_id(&self, at: usize) -> Option<(Vec<u8>, (i64, i64))> {
        let args = self.session.intake.args();
        let ours = (at < args.len()).then(|| integer(args.get(at))).flatten().filter(|id| *id > 0)?;
        let card = u64::try_from(ours).ok().and_then(|id| self.session.path.worker.roster.card(id));
        let theirs = card.map_or(0, |card| card.upstream_id());
        let named = if theirs > 0 { theirs.to_string().into_bytes() } else { NOBODY.to_vec() };
        let words: Vec<&[u8]> =
            (0..args.len()).map(|i| if i == at { &named[..] } else { args.get(i) }).collect();
        Some((encode(&words), (theirs, ours)))
    }

    /// Our id of the client that holds the upstream's connection `theirs`.
    pub(super) fn ours_of(&self, theirs: i64) -> Option<i64> {
        // It may be gone by now.
        if self.redirected.0 == theirs {
            return Some(self.redirected.1);
        }
        let cards = self.session.path.worker.roster.cards();
        cards.iter().find(|card| card.upstream_id() == theirs).and_then(|card| i64::try_from(card.id).ok())
    }
}

//! Who is connected, for the dashboard: what clients are doing, and which of them hold most.

use std::sync::Arc;
use std::time::Instant;

use crate::session::{Card, Flag};
use crate::telemetry::desk::{Holder, InState, shown};

/// A client that was heard of within so many seconds is active.
const ACTIVE: u64 = 5;
/// What a client may be doing, the first that is true of it.
const STATES: [&str; 6] = ["monitoring", "subscribed", "blocked", "in a transaction", "active", "idle"];

/// How many clients do what, and the `most` that hold most: unread replies, then connections of their own,
/// then those that ask most.
pub(super) fn of(cards: &[Arc<Card>], most: usize, now: Instant) -> (Vec<InState>, Vec<Holder>) {
    let states = STATES.iter().map(|state| InState {
        state,
        count: cards.iter().filter(|card| doing(card, now) == *state).count(),
    });
    let mut order: Vec<&Arc<Card>> = cards.iter().collect();
    let weight = |card: &Card| (card.unread(), card.upstream_id() != 0, card.requests());
    let kept = order.len().min(most);
    if kept < order.len() && kept > 0 {
        order.select_nth_unstable_by(kept - 1, |a, b| weight(b).cmp(&weight(a)));
    }
    order.truncate(kept);
    order.sort_by_cached_key(|card| std::cmp::Reverse(weight(card)));
    (
        states.filter(|state| state.count > 0).collect(),
        order.into_iter().map(|card| holder(card, now)).collect(),
    )
}

fn doing(card: &Card, now: Instant) -> &'static str {
    let flags = [Flag::Monitor, Flag::Pubsub, Flag::Blocked, Flag::Multi];
    let flag = flags.iter().position(|flag| card.has(*flag));
    STATES[flag.unwrap_or_else(|| if card.idle(now) < ACTIVE { 4 } else { 5 })]
}

fn holder(card: &Card, now: Instant) -> Holder {
    let names = card.names().clone();
    Holder {
        id: card.id,
        address: card.address(),
        name: shown(&names.name),
        user: names.user,
        db: card.db(),
        state: doing(card, now),
        command: card.command().map_or_else(String::new, |command| command.name.to_lowercase()),
        age: card.age(now),
        idle: card.idle(now),
        requests: card.requests(),
        unread: card.unread(),
        holds_connection: card.upstream_id() != 0,
    }
}

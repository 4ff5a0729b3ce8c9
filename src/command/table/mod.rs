//! The rows, a file per family.
//!
//! Facts (arity, key positions, flags) are the servers' own, from `COMMAND` of Redis 7.0, Redis 8.2
//! and Valkey 9.1; `tests/table.rs` compares them again with whatever server it finds. Where versions
//! differ the row is the looser one: the upstream refuses what it does not know. Route, effect and
//! conversion are judgements, and where one goes against a flag of the server a test names it.

mod bitmaps;
mod cluster;
mod connection;
mod generic;
mod geo;
mod hashes;
mod hll;
mod lists;
mod nearside;
mod pubsub;
mod row;
mod scripts;
mod server;
mod sets;
mod streams;
mod strings;
mod transactions;
mod vectors;
mod zsets;

use super::Command;

/// The families' rows. Each is sorted by name.
const GROUPS: [&[Command]; 18] = [
    bitmaps::ROWS,
    cluster::ROWS,
    connection::ROWS,
    generic::ROWS,
    geo::ROWS,
    hashes::ROWS,
    hll::ROWS,
    lists::ROWS,
    nearside::ROWS,
    pubsub::ROWS,
    scripts::ROWS,
    server::ROWS,
    sets::ROWS,
    streams::ROWS,
    strings::ROWS,
    transactions::ROWS,
    vectors::ROWS,
    zsets::ROWS,
];

/// How many rows there are.
pub const COUNT: usize = {
    let mut count = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

/// Every row, family by family.
pub(super) static ROWS: [Command; COUNT] = {
    let mut rows = [GROUPS[0][0]; COUNT];
    let (mut to, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut from = 0;
        while from < GROUPS[group].len() {
            rows[to] = GROUPS[group][from];
            to += 1;
            from += 1;
        }
        group += 1;
    }
    rows
};

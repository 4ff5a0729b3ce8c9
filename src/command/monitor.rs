//! What `MONITOR` shows of a command, and what it must not show. Facts are the servers' own:
//! `tests/table.rs` compares them with the flags of Redis 7.0, Redis 8.2 and Valkey 9.1.

use super::{Command, Effect, Family, Route};
use crate::resp::request::Args;

/// Never shown: flagged `admin` by the servers, "too dangerous to be shown". Sorted.
/// (`skip_monitor` hides nothing more: the scripts' commands that have it show themselves.)
const HIDDEN: [&str; 73] = [
    "ACL|DELUSER",
    "ACL|DRYRUN",
    "ACL|GETUSER",
    "ACL|LIST",
    "ACL|LOAD",
    "ACL|LOG",
    "ACL|SAVE",
    "ACL|SETUSER",
    "ACL|USERS",
    "BGREWRITEAOF",
    "BGSAVE",
    "CLIENT|KILL",
    "CLIENT|LIST",
    "CLIENT|NO-EVICT",
    "CLIENT|PAUSE",
    "CLIENT|UNBLOCK",
    "CLIENT|UNPAUSE",
    "CLUSTER|ADDSLOTS",
    "CLUSTER|ADDSLOTSRANGE",
    "CLUSTER|BUMPEPOCH",
    "CLUSTER|CANCELSLOTMIGRATIONS",
    "CLUSTER|COUNT-FAILURE-REPORTS",
    "CLUSTER|DELSLOTS",
    "CLUSTER|DELSLOTSRANGE",
    "CLUSTER|FAILOVER",
    "CLUSTER|FLUSHSLOT",
    "CLUSTER|FLUSHSLOTS",
    "CLUSTER|FORGET",
    "CLUSTER|GETSLOTMIGRATIONS",
    "CLUSTER|MEET",
    "CLUSTER|MIGRATESLOTS",
    "CLUSTER|REPLICAS",
    "CLUSTER|REPLICATE",
    "CLUSTER|RESET",
    "CLUSTER|SAVECONFIG",
    "CLUSTER|SET-CONFIG-EPOCH",
    "CLUSTER|SETSLOT",
    "CLUSTER|SLAVES",
    "CLUSTER|SYNCSLOTS",
    "COMMANDLOG|GET",
    "COMMANDLOG|LEN",
    "COMMANDLOG|RESET",
    "CONFIG|GET",
    "CONFIG|RESETSTAT",
    "CONFIG|REWRITE",
    "CONFIG|SET",
    "DEBUG",
    "FAILOVER",
    "LATENCY|DOCTOR",
    "LATENCY|GRAPH",
    "LATENCY|HISTOGRAM",
    "LATENCY|HISTORY",
    "LATENCY|LATEST",
    "LATENCY|RESET",
    "MODULE|LIST",
    "MODULE|LOAD",
    "MODULE|LOADEX",
    "MODULE|UNLOAD",
    "MONITOR",
    "NEARSIDE|MONITOR",
    "NEARSIDE|PROBE",
    "PFDEBUG",
    "PFSELFTEST",
    "PSYNC",
    "REPLCONF",
    "REPLICAOF",
    "SAVE",
    "SHUTDOWN",
    "SLAVEOF",
    "SLOWLOG|GET",
    "SLOWLOG|LEN",
    "SLOWLOG|RESET",
    "SYNC",
];

/// Flagged `readonly`, `write` or `may_replicate` although nothing else in their rows says so. Sorted.
const FLAGGED: [&str; 11] = [
    "CLUSTERSCAN",
    "CLUSTER|FLUSHSLOT",
    "FUNCTION|DELETE",
    "FUNCTION|FLUSH",
    "FUNCTION|LOAD",
    "FUNCTION|RESTORE",
    "LOLWUT",
    "PFCOUNT",
    "PUBLISH",
    "SPUBLISH",
    "TOUCH",
];

/// Flagged as none of these although they have an effect on the data set. Sorted.
const UNFLAGGED: [&str; 5] = ["DEBUG", "EXEC", "FAILOVER", "REPLICAOF", "SLAVEOF"];

impl Command {
    /// Whether `MONITOR` never shows this command.
    pub fn is_hidden(&self) -> bool {
        HIDDEN.binary_search(&self.name).is_ok()
    }

    /// Whether `args` is a request that Redis would run or queue, and would show to who monitors it.
    pub fn is_shown(&self, args: &Args<'_>) -> bool {
        let unknown_subcommand = self.has_subcommands() && args.len() > 1;
        let refused = self.route == Route::Refused || !self.arity_ok(args.len()) || unknown_subcommand;
        !refused && !self.is_hidden()
    }

    /// Whether the servers keep it from a client that monitors them ("Replica can't interact with the
    /// keyspace"): it reads or writes data, or may be replicated.
    pub fn uses_keyspace(&self) -> bool {
        match self.effect {
            _ if FLAGGED.binary_search(&self.name).is_ok() => true,
            Effect::None | Effect::Elsewhere => false,
            Effect::Unknown if self.route == Route::Container => false,
            _ => self.family != Family::Cluster && UNFLAGGED.binary_search(&self.name).is_err(),
        }
    }

    /// Which arguments of `args` are secrets, in rising order: all that `AUTH` is given, what follows
    /// `AUTH` in `HELLO`, and what follows `AUTH` and `AUTH2` in `MIGRATE`. Rather one too many than
    /// one too few: a request that is refused for a mistake may hold a password all the same.
    pub fn secrets(&self, args: &Args<'_>) -> Vec<usize> {
        match self.name {
            "AUTH" => (1..args.len()).collect(),
            "HELLO" => hello_secrets(args),
            "MIGRATE" => migrate_secrets(args),
            _ => Vec::new(),
        }
    }
}

/// `HELLO version [AUTH user password] [SETNAME name]`.
fn hello_secrets(args: &Args<'_>) -> Vec<usize> {
    let (mut found, mut at) = (Vec::new(), 2);
    while at < args.len() {
        if args.is(at, "AUTH") {
            found.extend((at + 1..=at + 2).filter(|i| *i < args.len()));
            at += 2;
        } else if args.is(at, "SETNAME") {
            at += 1;
        }
        at += 1;
    }
    found
}

/// `MIGRATE host port key db timeout [COPY] [REPLACE] [AUTH password] [AUTH2 user password] [KEYS ...]`.
fn migrate_secrets(args: &Args<'_>) -> Vec<usize> {
    let (mut found, mut at) = (Vec::new(), 6);
    while at < args.len() && !args.is(at, "KEYS") {
        let follow = match () {
            () if args.is(at, "AUTH") => 1,
            () if args.is(at, "AUTH2") => 2,
            () => 0,
        };
        found.extend((at + 1..=at + follow).filter(|i| *i < args.len()));
        at += follow + 1;
    }
    found
}

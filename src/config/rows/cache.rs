//! The rows of `[cache]`.

use crate::config::cache::{AGES, CHECKS, STALENESS, STAMPS, WINDOWS};
use crate::config::field::Field;
use crate::config::setting::{Setting, fixed, live};
use crate::config::words::OneOf;

pub(in crate::config) const CACHE: &[Setting] = &[
    fixed(
        "cache.mode",
        Field::Word(&OneOf(|c| &mut c.cache.mode)),
        "auto: the upstream tells of every change (client-side caching, RESP3), and where it cannot nothing \
            is cached; ttl: nobody tells, and an answer may be as old as cache.ttl_max_age; off: no near cache. \
            features.cache=false is off as well.",
    )
    .flag("--cache"),
    fixed(
        "cache.memory",
        Field::Size(|c| &mut c.cache.memory, 1 << 20),
        "What all entries together may take, keys and bookkeeping included.",
    )
    .flag("--cache-memory")
    .unset(
        "an eighth of the memory this process may use (its cgroup's limit, else the machine's), from \
            16MiB to 1GiB",
        "\"256MiB\"",
    ),
    fixed(
        "cache.policy",
        Field::CachePolicy(|c| &mut c.cache.policy),
        "Which entry goes when there is no room: allkeys-lru, the one not read for longest; allkeys-lfu, \
            the one read least often.",
    ),
    live(
        "cache.max_value",
        Field::Size(|c| &mut c.cache.max_value, 1),
        "Largest reply that is kept. One above limits.large never is.",
    ),
    live(
        "cache.max_age",
        Field::Span(|c| &mut c.cache.max_age, AGES),
        "How long an entry may live; it never outlives its key's own expiry. It bounds too what a server \
            does not tell of, such as SWAPDB by others.",
    ),
    live(
        "cache.max_staleness",
        Field::Span(|c| &mut c.cache.max_staleness, STALENESS),
        "The promise: a read that starts so long after anybody's write never gets the older value, whatever \
            breaks; what cache.max_age and serve_stale bound is excepted. Writes through Nearside are seen \
            at once. A fifth of it is the pause between heartbeats to the upstream, one HELLO each per \
            shared connection.",
    ),
    fixed(
        "cache.admit_after",
        Field::Number(|c| &mut c.cache.admit_after, 0, 15),
        "Reads of one key within cache.admit_window at which it is kept; the ones before cost the upstream \
            nothing extra. 0 keeps every key that is read.",
    ),
    fixed(
        "cache.admit_window",
        Field::Span(|c| &mut c.cache.admit_window, WINDOWS),
        "How long a read counts for cache.admit_after.",
    ),
    live(
        "cache.include",
        Field::Patterns(|c| &mut c.cache.include),
        "Keys that are kept, as glob patterns; none means every key. The first that fits a key holds. \
            Behind a pattern may stand max_age=30s, instead of cache.max_age, and serve_stale=5m (at most \
            1h): when the upstream is lost, what is kept is still answered for so long. Without it \
            nothing is.",
    ),
    live(
        "cache.exclude",
        Field::Globs(|c| &mut c.cache.exclude),
        "Keys that are never kept, as glob patterns; they beat cache.include.",
    ),
    live(
        "cache.verify",
        Field::Share(|c| &mut c.cache.verify),
        "Share of hits that are also asked of the upstream and compared, as a check of Nearside itself; 1 \
            is all.",
    ),
    live(
        "cache.acl_check",
        Field::Span(|c| &mut c.cache.acl_check, CHECKS),
        "How often the upstream's users are compared with what they were, so that a right taken away there \
            is taken away here. Where the upstream does not let us look, entries of users other than \
            default live no longer than this.",
    ),
    fixed(
        "cache.scripts_declare_keys",
        Field::Bool(|c| &mut c.cache.scripts_declare_keys),
        "true: scripts and functions write only the keys they are given, so that after one nothing has to \
            be waited for. If that is not so, reads may get older values.",
    ),
    live(
        "cache.ttl_max_age",
        Field::Span(|c| &mut c.cache.ttl_max_age, AGES),
        "How long an entry may live with cache.mode = \"ttl\", whatever else would let it live longer.",
    ),
    fixed(
        "cache.stamps",
        Field::Power(|c| &mut c.cache.stamps, STAMPS),
        "Slots of the table that tells whether an entry still holds, 8 bytes each. Keys that share a slot \
            are invalidated together: more slots, fewer needless misses.",
    )
    .unset("one per 64 bytes of cache.memory, from 16384 to 1048576", "1048576"),
];

//! Which replies may be kept, and what must be known to keep them.
//!
//! A fixed list and not what the server's `COMMAND` says, which lets wrong ones through: state that is
//! changed without an invalidation (consumer groups), side effects (`TOUCH`), replies that depend on the
//! time (`TTL`). Only commands whose keys are announced when they change, and whose reply depends on
//! nothing else, are here.

/// Whether the reply to a command may be kept, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// Never.
    No,
    /// It depends on the key at 1 alone.
    Key,
    /// It depends on fields of the hash at 1, which may have a TTL of their own: those from 2 on.
    Fields,
    /// It depends on all fields of the hash at 1 and names them: every so many elements.
    Names(u8),
    /// It depends on all fields of the hash at 1 and does not name them.
    Whole,
    /// `MGET`: one `GET` per key.
    Values,
    /// `EXISTS`: how many of its keys are there, each counted as often as it is named.
    Count,
}

impl Cached {
    /// What is known of the command of that name (upper case).
    pub(super) const fn of(name: &str) -> Self {
        match name.as_bytes() {
            b"GET"
            | b"STRLEN"
            | b"GETRANGE"
            | b"SUBSTR"
            | b"GETBIT"
            | b"BITCOUNT"
            | b"BITPOS"
            | b"BITFIELD_RO"
            | b"TYPE"
            | b"EXPIRETIME"
            | b"PEXPIRETIME"
            | b"LRANGE"
            | b"LLEN"
            | b"LINDEX"
            | b"LPOS"
            | b"SCARD"
            | b"SISMEMBER"
            | b"SMISMEMBER"
            | b"SMEMBERS"
            | b"ZSCORE"
            | b"ZMSCORE"
            | b"ZCARD"
            | b"ZCOUNT"
            | b"ZLEXCOUNT"
            | b"ZRANK"
            | b"ZREVRANK"
            | b"ZRANGE"
            | b"ZREVRANGE"
            | b"ZRANGEBYSCORE"
            | b"ZREVRANGEBYSCORE"
            | b"ZRANGEBYLEX"
            | b"ZREVRANGEBYLEX"
            | b"GEOPOS"
            | b"GEODIST"
            | b"GEOHASH"
            | b"GEOSEARCH"
            | b"GEORADIUS_RO"
            | b"GEORADIUSBYMEMBER_RO"
            | b"XLEN"
            | b"XRANGE"
            | b"XREVRANGE" => Self::Key,
            b"HGET" | b"HMGET" | b"HEXISTS" | b"HSTRLEN" => Self::Fields,
            b"HGETALL" => Self::Names(2),
            b"HKEYS" => Self::Names(1),
            b"HVALS" | b"HLEN" => Self::Whole,
            b"MGET" => Self::Values,
            b"EXISTS" => Self::Count,
            _ => Self::No,
        }
    }
}

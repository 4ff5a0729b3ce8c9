//! What a command does to each key it names, as the servers' key specifications say.

use super::{Command, column::Column};
use crate::resp::request::Args;

/// Which rights to a key a use of it needs. Neither: any right to the key will do (`EXISTS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Its value is returned, copied or compared (Redis: `access`).
    pub read: bool,
    /// It is changed or removed (Redis: `update`, `insert`, `delete`).
    pub write: bool,
}

impl Need {
    /// Whether these rights are all that `need` asks for.
    #[inline]
    pub fn covers(self, need: Self) -> bool {
        (self.read || !need.read) && (self.write || !need.write)
    }
}

/// What tells nothing of the value but that it is there, its type or its size.
const NEITHER: Need = Need { read: false, write: false };
const READ: Need = Need { read: true, write: false };
/// Writing without telling what was there.
const WRITE: Need = Need { read: false, write: true };
const BOTH: Need = Need { read: true, write: true };

/// What a command does to the first key it names, and what to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To all the same.
    Each(Need),
    /// To the first this, to the others that.
    First(Need, Need),
    /// `SET`: reads too when it is asked for the old value.
    Set,
    /// `BITFIELD`: does not write when all it does is get.
    Bitfield,
}

use Access::*;

/// Commands by what they do; those that name no keys are not here. As `COMMAND` of Redis 8.2, else of
/// Valkey 9.1, says, which agree with Redis 7.0; `tests/table.rs` compares with all three.
static ACCESS: Column<Access> = Column::of(Each(BOTH), GROUPS);

const GROUPS: &[(Access, &str)] = &[
    (Bitfield, "BITFIELD"),
    (Set, "SET"),
    (
        Each(BOTH),
        "BLMPOP BLPOP BRPOP BZMPOP BZPOPMAX BZPOPMIN DECR DECRBY EVAL EVALSHA FCALL GETDEL GETEX \
         GETSET HGETDEL HGETEX HINCRBY HINCRBYFLOAT INCR INCRBY INCRBYFLOAT LMPOP LPOP MIGRATE MOVE \
         RPOP SETBIT SPOP VADD VCARD VDIM VEMB VGETATTR VINFO VISMEMBER VLINKS VRANDMEMBER VRANGE \
         VREM VSETATTR VSIM ZINCRBY ZMPOP ZPOPMAX ZPOPMIN",
    ),
    (
        Each(NEITHER),
        "EXISTS HEXISTS HLEN HSTRLEN LLEN MEMORY|USAGE OBJECT|ENCODING OBJECT|FREQ OBJECT|IDLETIME \
         OBJECT|REFCOUNT SCARD SISMEMBER STRLEN TOUCH TYPE WATCH XLEN ZCARD",
    ),
    (
        Each(READ),
        "BITCOUNT BITFIELD_RO BITPOS DIGEST DUMP EVALSHA_RO EVAL_RO EXPIRETIME FCALL_RO GEODIST \
         GEOHASH GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXPIRETIME \
         HGET HGETALL HKEYS HMGET HPEXPIRETIME HPTTL HRANDFIELD HSCAN HTTL HVALS LCS LINDEX LPOS \
         LRANGE MGET PEXPIRETIME PFCOUNT PFDEBUG PTTL SDIFF SINTER SINTERCARD SMEMBERS SMISMEMBER \
         SORT_RO SRANDMEMBER SSCAN SUBSTR SUNION TTL XINFO|CONSUMERS XINFO|GROUPS XINFO|STREAM \
         XPENDING XRANGE XREAD XREADGROUP XREVRANGE ZCOUNT ZDIFF ZINTER ZINTERCARD ZLEXCOUNT \
         ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX \
         ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION",
    ),
    (
        Each(WRITE),
        "APPEND DEL DELEX DELIFEQ EXPIRE EXPIREAT GEOADD HDEL HEXPIRE HEXPIREAT HMSET HPERSIST \
         HPEXPIRE HPEXPIREAT HSET HSETEX HSETNX LINSERT LPUSH LPUSHX LREM LSET LTRIM MSET MSETEX \
         MSETNX PERSIST PEXPIRE PEXPIREAT PFADD PSETEX RESTORE RESTORE-ASKING RPUSH RPUSHX SADD \
         SETEX SETNX SETRANGE SREM UNLINK XACK XACKDEL XADD XAUTOCLAIM XCLAIM XDEL XDELEX \
         XGROUP|CREATE XGROUP|CREATECONSUMER XGROUP|DELCONSUMER XGROUP|DESTROY XGROUP|SETID XSETID \
         XTRIM ZADD ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE",
    ),
    (First(BOTH, READ), "PFMERGE"),
    (First(BOTH, WRITE), "BLMOVE BRPOPLPUSH LMOVE RENAME RENAMENX RPOPLPUSH SMOVE"),
    (First(READ, WRITE), "COPY GEORADIUS GEORADIUSBYMEMBER SORT"),
    (
        First(WRITE, READ),
        "BITOP GEOSEARCHSTORE SDIFFSTORE SINTERSTORE SUNIONSTORE ZDIFFSTORE ZINTERSTORE ZRANGESTORE \
         ZUNIONSTORE",
    ),
];

impl Access {
    /// Whether arguments that name no key decide what is done to those that do.
    pub fn depends(self) -> bool {
        matches!(self, Set | Bitfield)
    }

    /// Needed for the first key that `args` names, and for the others.
    pub fn needs(self, args: &Args<'_>) -> (Need, Need) {
        let each = match self {
            Each(need) => need,
            First(first, others) => return (first, others),
            Set if (3..args.len()).any(|i| args.is(i, "GET")) => BOTH,
            Set => WRITE,
            Bitfield if only_gets(args) => READ,
            Bitfield => BOTH,
        };
        (each, each)
    }
}

/// Whether a `BITFIELD` has no subcommand that writes; one that cannot be read may be such.
fn only_gets(args: &Args<'_>) -> bool {
    let mut at = 2;
    while at < args.len() {
        let follow = match () {
            () if args.is(at, "GET") => 2,
            () if args.is(at, "OVERFLOW") => 1,
            () => return false,
        };
        at += 1 + follow;
    }
    at == args.len().max(2)
}

impl Command {
    /// What it does to the keys it names.
    #[inline]
    pub fn access(&'static self) -> Access {
        ACCESS.get(self)
    }
}

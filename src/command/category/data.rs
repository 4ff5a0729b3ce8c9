//! Which commands are in which categories: what `COMMAND INFO` of Redis 8.2, else of Valkey 9.1, says;
//! `tests/table.rs` compares. Servers differ on one: `WAIT` is not `blocking` in Redis 7.0. Newer than
//! any of them and after their documentation: `CLUSTER|MIGRATION`, `DELEX`, `DIGEST`. Vector sets are in
//! no category, so they are not here.

use super::{Categories, Category::*};

const fn of(categories: &[super::Category]) -> Categories {
    Categories::of(categories)
}

/// Sets of categories, and the commands that are in all of them and no other.
pub(super) const GROUPS: &[(Categories, &str)] = &[
    (of(&[Keyspace, Read, Fast]), "DBSIZE EXISTS EXPIRETIME PEXPIRETIME PTTL TOUCH TTL TYPE"),
    (
        of(&[Keyspace, Read, Slow]),
        "CLUSTERSCAN DUMP OBJECT|ENCODING OBJECT|FREQ OBJECT|IDLETIME OBJECT|REFCOUNT RANDOMKEY \
         SCAN",
    ),
    (of(&[Keyspace, Read, Slow, Dangerous]), "KEYS"),
    (of(&[Keyspace, Write, Admin, Slow, Dangerous]), "CLUSTER|FLUSHSLOT"),
    (of(&[Keyspace, Write, Fast]), "EXPIRE EXPIREAT MOVE PERSIST PEXPIRE PEXPIREAT RENAMENX UNLINK"),
    (of(&[Keyspace, Write, Fast, Dangerous]), "SWAPDB"),
    (of(&[Keyspace, Write, Slow]), "COPY DEL RENAME"),
    (of(&[Keyspace, Write, Slow, Dangerous]), "FLUSHALL FLUSHDB MIGRATE RESTORE RESTORE-ASKING"),
    (of(&[Keyspace, Slow]), "OBJECT|HELP"),
    (of(&[Read, Set, SortedSet, List, Slow, Dangerous]), "SORT_RO"),
    (of(&[Read, Set, Fast]), "SCARD SISMEMBER SMISMEMBER"),
    (of(&[Read, Set, Slow]), "SDIFF SINTER SINTERCARD SMEMBERS SRANDMEMBER SSCAN SUNION"),
    (of(&[Read, SortedSet, Fast]), "ZCARD ZCOUNT ZLEXCOUNT ZMSCORE ZRANK ZREVRANK ZSCORE"),
    (
        of(&[Read, SortedSet, Slow]),
        "ZDIFF ZINTER ZINTERCARD ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZREVRANGE \
         ZREVRANGEBYLEX ZREVRANGEBYSCORE ZSCAN ZUNION",
    ),
    (of(&[Read, List, Fast]), "LLEN"),
    (of(&[Read, List, Slow]), "LINDEX LPOS LRANGE"),
    (of(&[Read, Hash, Fast]), "HEXISTS HEXPIRETIME HGET HLEN HMGET HPEXPIRETIME HPTTL HSTRLEN HTTL"),
    (of(&[Read, Hash, Slow]), "HGETALL HKEYS HRANDFIELD HSCAN HVALS"),
    (of(&[Read, String, Fast]), "DIGEST GET MGET STRLEN"),
    (of(&[Read, String, Slow]), "GETRANGE LCS SUBSTR"),
    (of(&[Read, Bitmap, Fast]), "BITFIELD_RO GETBIT"),
    (of(&[Read, Bitmap, Slow]), "BITCOUNT BITPOS"),
    (of(&[Read, HyperLogLog, Slow]), "PFCOUNT"),
    (of(&[Read, Geo, Slow]), "GEODIST GEOHASH GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH"),
    (of(&[Read, Stream, Fast]), "XLEN"),
    (of(&[Read, Stream, Slow]), "XINFO|CONSUMERS XINFO|GROUPS XINFO|STREAM XPENDING XRANGE XREVRANGE"),
    (of(&[Read, Stream, Slow, Blocking]), "XREAD"),
    (of(&[Read, Fast]), "LOLWUT"),
    (of(&[Read, Slow]), "MEMORY|USAGE"),
    (of(&[Write, Set, SortedSet, List, Slow, Dangerous]), "SORT"),
    (of(&[Write, Set, Fast]), "SADD SMOVE SPOP SREM"),
    (of(&[Write, Set, Slow]), "SDIFFSTORE SINTERSTORE SUNIONSTORE"),
    (of(&[Write, SortedSet, Fast]), "ZADD ZINCRBY ZPOPMAX ZPOPMIN ZREM"),
    (of(&[Write, SortedSet, Fast, Blocking]), "BZPOPMAX BZPOPMIN"),
    (
        of(&[Write, SortedSet, Slow]),
        "ZDIFFSTORE ZINTERSTORE ZMPOP ZRANGESTORE ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE \
         ZUNIONSTORE",
    ),
    (of(&[Write, SortedSet, Slow, Blocking]), "BZMPOP"),
    (of(&[Write, List, Fast]), "LPOP LPUSH LPUSHX RPOP RPUSH RPUSHX"),
    (of(&[Write, List, Slow]), "LINSERT LMOVE LMPOP LREM LSET LTRIM RPOPLPUSH"),
    (of(&[Write, List, Slow, Blocking]), "BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH"),
    (
        of(&[Write, Hash, Fast]),
        "HDEL HEXPIRE HEXPIREAT HGETDEL HGETEX HINCRBY HINCRBYFLOAT HMSET HPERSIST HPEXPIRE \
         HPEXPIREAT HSET HSETEX HSETNX",
    ),
    (
        of(&[Write, String, Fast]),
        "APPEND DECR DECRBY DELEX DELIFEQ GETDEL GETEX GETSET INCR INCRBY INCRBYFLOAT SETNX",
    ),
    (of(&[Write, String, Slow]), "MSET MSETEX MSETNX PSETEX SET SETEX SETRANGE"),
    (of(&[Write, Bitmap, Slow]), "BITFIELD BITOP SETBIT"),
    (of(&[Write, HyperLogLog, Admin, Slow, Dangerous]), "PFDEBUG"),
    (of(&[Write, HyperLogLog, Fast]), "PFADD"),
    (of(&[Write, HyperLogLog, Slow]), "PFMERGE"),
    (of(&[Write, Geo, Slow]), "GEOADD GEORADIUS GEORADIUSBYMEMBER GEOSEARCHSTORE"),
    (of(&[Write, Stream, Fast]), "XACK XACKDEL XADD XAUTOCLAIM XCLAIM XDEL XDELEX XSETID"),
    (
        of(&[Write, Stream, Slow]),
        "XGROUP|CREATE XGROUP|CREATECONSUMER XGROUP|DELCONSUMER XGROUP|DESTROY XGROUP|SETID XTRIM",
    ),
    (of(&[Write, Stream, Slow, Blocking]), "XREADGROUP"),
    (of(&[Write, Slow, Scripting]), "FUNCTION|DELETE FUNCTION|FLUSH FUNCTION|LOAD FUNCTION|RESTORE"),
    (of(&[HyperLogLog, Admin, Slow, Dangerous]), "PFSELFTEST"),
    (of(&[Stream, Slow]), "XGROUP|HELP XINFO|HELP"),
    (of(&[Pubsub, Fast]), "PUBLISH SPUBLISH"),
    (
        of(&[Pubsub, Slow]),
        "PSUBSCRIBE PUBSUB|CHANNELS PUBSUB|NUMPAT PUBSUB|NUMSUB PUBSUB|SHARDCHANNELS \
         PUBSUB|SHARDNUMSUB PUNSUBSCRIBE SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE UNSUBSCRIBE",
    ),
    (of(&[Admin, Fast, Dangerous]), "LASTSAVE ROLE"),
    (
        of(&[Admin, Slow, Dangerous]),
        "ACL|DELUSER ACL|DRYRUN ACL|GETUSER ACL|LIST ACL|LOAD ACL|LOG ACL|SAVE ACL|SETUSER \
         ACL|USERS BGREWRITEAOF BGSAVE CLUSTER|ADDSLOTS CLUSTER|ADDSLOTSRANGE CLUSTER|BUMPEPOCH \
         CLUSTER|CANCELSLOTMIGRATIONS CLUSTER|COUNT-FAILURE-REPORTS CLUSTER|DELSLOTS \
         CLUSTER|DELSLOTSRANGE CLUSTER|FAILOVER CLUSTER|FLUSHSLOTS CLUSTER|FORGET \
         CLUSTER|GETSLOTMIGRATIONS CLUSTER|MEET CLUSTER|MIGRATESLOTS CLUSTER|MIGRATION \
         CLUSTER|REPLICAS CLUSTER|REPLICATE CLUSTER|RESET CLUSTER|SAVECONFIG \
         CLUSTER|SET-CONFIG-EPOCH CLUSTER|SETSLOT CLUSTER|SLAVES CLUSTER|SYNCSLOTS COMMANDLOG|GET \
         COMMANDLOG|LEN COMMANDLOG|RESET CONFIG|GET CONFIG|RESETSTAT CONFIG|REWRITE CONFIG|SET \
         DEBUG FAILOVER LATENCY|DOCTOR LATENCY|GRAPH LATENCY|HISTOGRAM LATENCY|HISTORY \
         LATENCY|LATEST LATENCY|RESET MODULE|LIST MODULE|LOAD MODULE|LOADEX MODULE|UNLOAD MONITOR \
         NEARSIDE|CACHE NEARSIDE|CLIENTS NEARSIDE|CONFIG NEARSIDE|DRAIN NEARSIDE|EXPLAIN \
         NEARSIDE|HOTKEYS NEARSIDE|MONITOR NEARSIDE|RELOAD PSYNC REPLCONF REPLICAOF SAVE SHUTDOWN SLAVEOF SLOWLOG|GET SLOWLOG|LEN SLOWLOG|RESET SYNC",
    ),
    (
        of(&[Admin, Slow, Dangerous, Connection]),
        "CLIENT|KILL CLIENT|LIST CLIENT|NO-EVICT CLIENT|PAUSE CLIENT|UNBLOCK CLIENT|UNPAUSE",
    ),
    (of(&[Fast]), "TIME"),
    (of(&[Fast, Connection]), "ASKING AUTH ECHO HELLO PING QUIT READONLY READWRITE RESET SELECT"),
    (of(&[Fast, Transaction]), "DISCARD MULTI UNWATCH WATCH"),
    (
        of(&[Slow]),
        "ACL ACL|CAT ACL|GENPASS ACL|HELP ACL|WHOAMI CLIENT CLUSTER CLUSTER|COUNTKEYSINSLOT \
         CLUSTER|GETKEYSINSLOT CLUSTER|HELP CLUSTER|INFO CLUSTER|KEYSLOT CLUSTER|LINKS CLUSTER|MYID \
         CLUSTER|MYSHARDID CLUSTER|NODES CLUSTER|SHARDS CLUSTER|SLOT-STATS CLUSTER|SLOTS COMMANDLOG \
         COMMANDLOG|HELP CONFIG CONFIG|HELP FUNCTION LATENCY LATENCY|HELP MEMORY MEMORY|DOCTOR \
         MEMORY|HELP MEMORY|MALLOC-STATS MEMORY|PURGE MEMORY|STATS MODULE MODULE|HELP NEARSIDE \
         NEARSIDE|HELP OBJECT PUBSUB PUBSUB|HELP SCRIPT SLOWLOG SLOWLOG|HELP XGROUP XINFO",
    ),
    (of(&[Slow, Blocking, Connection]), "WAIT WAITAOF"),
    (of(&[Slow, Dangerous]), "INFO NEARSIDE|INFO"),
    (
        of(&[Slow, Connection]),
        "CLIENT|CACHING CLIENT|CAPA CLIENT|GETNAME CLIENT|GETREDIR CLIENT|HELP CLIENT|ID \
         CLIENT|IMPORT-SOURCE CLIENT|INFO CLIENT|NO-TOUCH CLIENT|REPLY CLIENT|SETINFO \
         CLIENT|SETNAME CLIENT|TRACKING CLIENT|TRACKINGINFO COMMAND COMMAND|COUNT COMMAND|DOCS \
         COMMAND|GETKEYS COMMAND|GETKEYSANDFLAGS COMMAND|HELP COMMAND|INFO COMMAND|LIST \
         NEARSIDE|PROBE",
    ),
    (of(&[Slow, Transaction]), "EXEC"),
    (
        of(&[Slow, Scripting]),
        "EVAL EVALSHA EVALSHA_RO EVAL_RO FCALL FCALL_RO FUNCTION|DUMP FUNCTION|HELP FUNCTION|KILL \
         FUNCTION|LIST FUNCTION|STATS SCRIPT|DEBUG SCRIPT|EXISTS SCRIPT|FLUSH SCRIPT|HELP \
         SCRIPT|KILL SCRIPT|LOAD SCRIPT|SHOW",
    ),
];

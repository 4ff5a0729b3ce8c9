//! Every read that may be kept, with samples of its arguments.

use nearside::command::{Cached, all};

/// `@` is the key.
pub(crate) const READS: &[&str] = &[
    "GET @",
    "STRLEN @",
    "GETRANGE @ 0 2",
    "GETRANGE @ -2 -1",
    "SUBSTR @ 0 1",
    "GETBIT @ 3",
    "BITCOUNT @",
    "BITCOUNT @ 0 0",
    "BITPOS @ 1",
    "BITFIELD_RO @ GET u8 0 GET i4 4",
    "EXISTS @",
    "TYPE @",
    "EXPIRETIME @",
    "PEXPIRETIME @",
    "MGET @",
    "HGET @ f",
    "HMGET @ f nofield",
    "HGETALL @",
    "HKEYS @",
    "HVALS @",
    "HLEN @",
    "HEXISTS @ f",
    "HSTRLEN @ f",
    "LRANGE @ 0 -1",
    "LRANGE @ 5 9",
    "LLEN @",
    "LINDEX @ 0",
    "LINDEX @ 99",
    "LPOS @ a",
    "LPOS @ a COUNT 0",
    "LPOS @ nothing COUNT 0",
    "SCARD @",
    "SISMEMBER @ a",
    "SMISMEMBER @ a nobody",
    "SMEMBERS @",
    "ZSCORE @ a",
    "ZSCORE @ nobody",
    "ZMSCORE @ a nobody",
    "ZCARD @",
    "ZCOUNT @ -inf +inf",
    "ZLEXCOUNT @ - +",
    "ZRANK @ a",
    "ZRANK @ nobody",
    "ZREVRANK @ a",
    "ZRANGE @ 0 -1",
    "ZRANGE @ 0 -1 WITHSCORES",
    "ZRANGE @ -inf +inf BYSCORE LIMIT 0 1 WITHSCORES",
    "ZRANGE @ + - BYLEX REV",
    "ZREVRANGE @ 0 -1",
    "ZREVRANGE @ 0 -1 WITHSCORES",
    "ZRANGEBYSCORE @ -inf +inf",
    "ZRANGEBYSCORE @ -inf +inf WITHSCORES LIMIT 0 5",
    "ZREVRANGEBYSCORE @ +inf -inf WITHSCORES",
    "ZRANGEBYLEX @ - +",
    "ZREVRANGEBYLEX @ + -",
    "GEOPOS @ a nobody",
    "GEODIST @ a b",
    "GEODIST @ a nobody",
    "GEOHASH @ a nobody",
    "GEOSEARCH @ FROMLONLAT 13 38 BYRADIUS 2000 km ASC",
    "GEOSEARCH @ FROMLONLAT 13 38 BYRADIUS 2000 km ASC COUNT 1 WITHCOORD WITHDIST WITHHASH",
    "GEORADIUS_RO @ 13 38 2000 km ASC WITHDIST",
    "GEORADIUSBYMEMBER_RO @ a 2000 km ASC",
    "XLEN @",
    "XRANGE @ - +",
    "XRANGE @ - + COUNT 1",
    "XREVRANGE @ + -",
];

/// The reads of `key`.
pub(crate) fn of(key: &str) -> Vec<String> {
    READS.iter().map(|read| read.replace('@', key)).collect()
}

#[test]
fn there_is_a_sample_of_every_read_that_may_be_kept() {
    let name = |read: &&str| read.split(' ').next().unwrap().to_owned();
    let sampled: Vec<_> = READS.iter().map(name).collect();
    let kept: Vec<_> = all().filter(|row| row.cached != Cached::No).map(|row| row.name).collect();
    let missing: Vec<_> = kept.iter().filter(|row| !sampled.iter().any(|name| name == *row)).collect();
    assert!(missing.is_empty(), "no sample of {missing:?}");
    let unknown: Vec<_> = sampled.iter().filter(|name| !kept.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "never kept: {unknown:?}");
}

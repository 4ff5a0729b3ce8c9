//! What is found missing when the TTL is asked for must have been missing when it was read: a key that
//! expires in between is announced by nobody.

use super::*;

#[test]
fn what_a_missing_key_gets_is_kept_for_a_missing_key() {
    let missing: [(&str, &[u8]); 16] = [
        ("GET k", b"_\r\n"),
        ("STRLEN k", b":0\r\n"),
        ("EXISTS k", b":0\r\n"),
        ("TYPE k", b"+none\r\n"),
        ("PEXPIRETIME k", b":-2\r\n"),
        ("GETRANGE k 0 -1", b"$0\r\n\r\n"),
        ("LRANGE k 0 -1", b"*0\r\n"),
        ("LPOS k a", b"_\r\n"),
        ("LPOS k a COUNT 0", b"*0\r\n"),
        ("SMEMBERS k", b"~0\r\n"),
        ("SMISMEMBER k a b", b"*2\r\n:0\r\n:0\r\n"),
        ("ZRANK k a", b"_\r\n"),
        ("ZMSCORE k a b", b"*2\r\n_\r\n_\r\n"),
        ("ZRANGE k 0 -1 WITHSCORES", b"*0\r\n"),
        ("GEOPOS k a", b"*1\r\n_\r\n"),
        ("BITFIELD_RO k GET u8 0", b"*1\r\n:0\r\n"),
    ];
    for (read, reply) in missing {
        assert!(kept(read, reply, -2), "{read}");
    }
}

#[test]
fn an_empty_string_a_first_place_and_a_rank_of_0_are_not_what_a_missing_key_gets() {
    let there: [(&str, &[u8]); 16] = [
        ("LRANGE k 0 -1", b"*1\r\n$0\r\n\r\n"),
        ("LINDEX k 0", b"$0\r\n\r\n"),
        ("LPOS k a", b":0\r\n"),
        ("LPOS k a COUNT 0", b"*1\r\n:0\r\n"),
        ("ZRANK k a", b":0\r\n"),
        ("ZRANK k a WITHSCORE", b"*2\r\n:0\r\n,1\r\n"),
        ("ZREVRANK k a", b":0\r\n"),
        ("BITPOS k 1", b":0\r\n"),
        ("BITPOS k 0", b":-1\r\n"),
        ("SMEMBERS k", b"~1\r\n$0\r\n\r\n"),
        ("TYPE k", b"+string\r\n"),
        ("EXISTS k", b":1\r\n"),
        ("PEXPIRETIME k", b":-1\r\n"),
        ("SMISMEMBER k a b", b"*2\r\n:0\r\n:1\r\n"),
        ("ZSCORE k a", b",0\r\n"),
        ("XRANGE k - +", b"*1\r\n*2\r\n$3\r\n0-1\r\n*0\r\n"),
    ];
    for (read, reply) in there {
        assert!(!kept(read, reply, -2), "{read}");
        assert!(kept(read, reply, 10), "{read}");
    }
}

//! Kinds of commands, as few as tell an operator something.

/// What a command is counted as. The list is fixed, so that it can label a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// Looks at keys whatever is in them (`EXISTS`, `TTL`, `SCAN`).
    KeyRead,
    /// Changes keys whatever is in them (`DEL`, `EXPIRE`).
    KeyWrite,
    /// `GET`, `MGET`, ...
    StringRead,
    /// `SET`, `INCR`, ...
    StringWrite,
    /// `HGET`, ...
    HashRead,
    /// `HSET`, ...
    HashWrite,
    /// `LRANGE`, ...
    ListRead,
    /// `LPUSH`, `LPOP`, ...
    ListWrite,
    /// `SMEMBERS`, ...
    SetRead,
    /// `SADD`, ...
    SetWrite,
    /// `ZRANGE`, ...
    ZsetRead,
    /// `ZADD`, ...
    ZsetWrite,
    /// `XRANGE`, `XREAD` without `BLOCK`, ...
    StreamRead,
    /// `XADD`, ...
    StreamWrite,
    /// Reads bitmaps, geo sets, HyperLogLogs, vector sets.
    OtherRead,
    /// Writes them.
    OtherWrite,
    /// `PUBLISH` and questions about channels.
    Pubsub,
    /// `MULTI`, `EXEC`, `WATCH`, ...
    Transaction,
    /// Scripts and functions.
    Script,
    /// `PING`, `AUTH`, `CLIENT`, ...
    Connection,
    /// `INFO`, `CONFIG`, `FLUSHALL`, `CLUSTER`, ...
    Server,
    /// `NEARSIDE`.
    Nearside,
    /// Waits for somebody else's doing (`BLPOP`, `XREAD BLOCK`, `WAIT`): counted, never timed.
    Blocking,
    /// Begins or ends listening (`SUBSCRIBE`, `MONITOR`): counted, never timed.
    Subscribe,
    /// Nothing this proxy knows the name of.
    #[default]
    Unknown,
}

impl Class {
    /// How many there are.
    pub const COUNT: usize = Self::Unknown as usize + 1;

    /// All, each where [`Self::index`] says.
    pub const ALL: [Self; Self::COUNT] = [
        Self::KeyRead,
        Self::KeyWrite,
        Self::StringRead,
        Self::StringWrite,
        Self::HashRead,
        Self::HashWrite,
        Self::ListRead,
        Self::ListWrite,
        Self::SetRead,
        Self::SetWrite,
        Self::ZsetRead,
        Self::ZsetWrite,
        Self::StreamRead,
        Self::StreamWrite,
        Self::OtherRead,
        Self::OtherWrite,
        Self::Pubsub,
        Self::Transaction,
        Self::Script,
        Self::Connection,
        Self::Server,
        Self::Nearside,
        Self::Blocking,
        Self::Subscribe,
        Self::Unknown,
    ];

    /// What it is called in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyRead => "key_read",
            Self::KeyWrite => "key_write",
            Self::StringRead => "string_read",
            Self::StringWrite => "string_write",
            Self::HashRead => "hash_read",
            Self::HashWrite => "hash_write",
            Self::ListRead => "list_read",
            Self::ListWrite => "list_write",
            Self::SetRead => "set_read",
            Self::SetWrite => "set_write",
            Self::ZsetRead => "zset_read",
            Self::ZsetWrite => "zset_write",
            Self::StreamRead => "stream_read",
            Self::StreamWrite => "stream_write",
            Self::OtherRead => "other_read",
            Self::OtherWrite => "other_write",
            Self::Pubsub => "pubsub",
            Self::Transaction => "transaction",
            Self::Script => "script",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Nearside => "nearside",
            Self::Blocking => "blocking",
            Self::Subscribe => "subscribe",
            Self::Unknown => "unknown",
        }
    }

    /// Where it stands in [`Self::ALL`], and in every list of a snapshot by class.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether how long it takes is anybody's doing but the client's own and other clients'.
    #[inline]
    pub const fn is_timed(self) -> bool {
        !matches!(self, Self::Blocking | Self::Subscribe)
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn each_stands_where_its_index_says_and_has_a_name_of_its_own() {
        for (at, class) in Class::ALL.iter().enumerate() {
            assert_eq!(class.index(), at);
            assert_eq!(Class::ALL.iter().filter(|other| other.name() == class.name()).count(), 1);
        }
    }
}

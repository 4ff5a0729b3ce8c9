//! Why a client was answered with an error: a bounded list, so that it can label a metric.

macro_rules! causes {
    (
        upstream { $($(#[doc = $updoc:literal])+ $code:ident = $word:literal,)+ }
        ours { $($(#[doc = $doc:literal])+ $cause:ident = $name:literal,)+ }
    ) => {
        /// Why a client was answered with an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Cause {
            $($(#[doc = $updoc])+ $code,)+
            /// The upstream's, with a code that is not in this list.
            Other,
            $($(#[doc = $doc])+ $cause,)+
        }

        impl Cause {
            /// All, each where [`Self::index`] says.
            pub const ALL: &'static [Self] = &[$(Self::$code,)+ Self::Other, $(Self::$cause,)+];

            /// What it is called in metrics: the upstream's code in upper case, `other`, or our own word for it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)+
                    Self::Other => "other",
                    $(Self::$cause => $name,)+
                }
            }

            /// The cause that an error reply (with or without its `-`) states by its first word.
            #[cold]
            pub fn of_reply(reply: &[u8]) -> Self {
                let reply = reply.strip_prefix(b"-").unwrap_or(reply);
                let end = reply.iter().position(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
                match &reply[..end.unwrap_or(reply.len())] {
                    $(word if word == $word.as_bytes() => Self::$code,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

causes! {
    upstream {
        /// What has no code of its own.
        Err = "ERR",
        /// The key holds another kind of value.
        WrongType = "WRONGTYPE",
        /// The script is not known.
        NoScript = "NOSCRIPT",
        /// `maxmemory` is reached and nothing may be evicted.
        Oom = "OOM",
        /// It wants a password first.
        NoAuth = "NOAUTH",
        /// A name or a password is wrong.
        WrongPass = "WRONGPASS",
        /// The user may not, there or by an ACL here.
        NoPerm = "NOPERM",
        /// It is loading its data set.
        Loading = "LOADING",
        /// It is busy with a script.
        Busy = "BUSY",
        /// It is a replica.
        ReadOnly = "READONLY",
        /// The slot is another node's.
        Moved = "MOVED",
        /// The slot is on its way to another node.
        Ask = "ASK",
        /// The slot is moving, and not all keys are there.
        TryAgain = "TRYAGAIN",
        /// The keys are in different slots.
        CrossSlot = "CROSSSLOT",
        /// The cluster cannot serve.
        ClusterDown = "CLUSTERDOWN",
        /// A replica has lost its master.
        MasterDown = "MASTERDOWN",
        /// It cannot write its data set to disk.
        Misconf = "MISCONF",
        /// Too few replicas are in sync.
        NoReplicas = "NOREPLICAS",
        /// The transaction was not run.
        ExecAbort = "EXECABORT",
        /// The key is there already (`RESTORE`).
        BusyKey = "BUSYKEY",
        /// The consumer group is there already.
        BusyGroup = "BUSYGROUP",
        /// There is no such consumer group.
        NoGroup = "NOGROUP",
    }
    ours {
        /// A rule or a user's rights here forbid it.
        Denied = "denied",
        /// It exceeds a rate.
        RateLimited = "rate_limited",
        /// The upstream did not answer in time.
        Timeout = "timeout",
        /// The upstream cannot be reached.
        UpstreamDown = "upstream_down",
        /// The connection was lost before the reply.
        UpstreamLost = "upstream_lost",
        /// No upstream connection became free in time.
        UpstreamBusy = "upstream_busy",
        /// The reply is longer than allowed, or than there is memory for.
        TooLarge = "too_large",
        /// What the client sent is no request.
        Protocol = "protocol",
    }
}

impl Cause {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Where it stands in [`Self::ALL`], and in a snapshot's list by cause.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it is Nearside's own, not the upstream's words.
    pub const fn is_ours(self) -> bool {
        self as usize > Self::Other as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Cause;

    #[test]
    fn a_reply_states_its_cause_by_its_first_word() {
        for (reply, cause) in [
            ("-ERR unknown command 'x'\r\n", Cause::Err),
            ("-WRONGTYPE Operation\r\n", Cause::WrongType),
            ("CLUSTERDOWN", Cause::ClusterDown),
            ("-EXECABORT\r\n", Cause::ExecAbort),
            ("-MOVED 1 127.0.0.1:1\r\n", Cause::Moved),
            ("-denied by nobody\r\n", Cause::Other),
            ("-UPSTREAMDOWN x\r\n", Cause::Other),
            ("-", Cause::Other),
        ] {
            assert_eq!(Cause::of_reply(reply.as_bytes()), cause, "{reply}");
        }
    }

    #[test]
    fn each_stands_where_its_index_says_and_has_a_name_of_its_own() {
        for (at, cause) in Cause::ALL.iter().enumerate() {
            assert_eq!(cause.index(), at);
            assert_eq!(Cause::ALL.iter().filter(|other| other.name() == cause.name()).count(), 1);
        }
        assert!(Cause::Denied.is_ours() && !Cause::Other.is_ours());
    }
}

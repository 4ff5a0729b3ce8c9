//! Publish and subscribe.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Pubsub,
    [
        row("PSUBSCRIBE", -2, channels(1, -1), Pin(Pin::Subscribe(Channels::Pattern)), None, Unproven),
        row("PUBLISH", 3, channels(1, 1), Lane, Elsewhere, GENERIC),
        row("PUBSUB", -2, NO_KEYS, Container, Unknown, Unproven),
        row("PUBSUB|CHANNELS", -2, NO_KEYS, Lane, None, GENERIC),
        row("PUBSUB|HELP", 2, NO_KEYS, Lane, None, GENERIC),
        row("PUBSUB|NUMPAT", 2, NO_KEYS, Lane, None, GENERIC),
        row("PUBSUB|NUMSUB", -2, NO_KEYS, Lane, None, GENERIC),
        row("PUBSUB|SHARDCHANNELS", -2, NO_KEYS, Lane, None, GENERIC),
        row("PUBSUB|SHARDNUMSUB", -2, NO_KEYS, Lane, None, GENERIC),
        row("PUNSUBSCRIBE", -1, channels(1, -1), Pin(Pin::Unsubscribe(Channels::Pattern)), None, Unproven),
        row("SPUBLISH", 3, channels(1, 1), Lane, Elsewhere, GENERIC),
        row("SSUBSCRIBE", -2, channels(1, -1), Pin(Pin::Subscribe(Channels::Shard)), None, Unproven),
        row("SUBSCRIBE", -2, channels(1, -1), Pin(Pin::Subscribe(Channels::Exact)), None, Unproven),
        row("SUNSUBSCRIBE", -1, channels(1, -1), Pin(Pin::Unsubscribe(Channels::Shard)), None, Unproven),
        row("UNSUBSCRIBE", -1, channels(1, -1), Pin(Pin::Unsubscribe(Channels::Exact)), None, Unproven),
    ],
);

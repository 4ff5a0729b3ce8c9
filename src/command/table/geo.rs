//! Positions in sorted sets.

use super::row::*;

pub(super) const ROWS: &[Command] = &of(
    Family::Geo,
    [
        row("GEOADD", -5, KEY, Lane, Write, GENERIC),
        row("GEODIST", -4, KEY, Lane, Read, GENERIC),
        row("GEOHASH", -2, KEY, Lane, Read, GENERIC),
        row("GEOPOS", -2, KEY, Lane, Read, NULL_ARRAYS),
        row("GEORADIUS", -6, Keys::GeoStore, Lane, Write, GENERIC),
        row("GEORADIUSBYMEMBER", -5, Keys::GeoStore, Lane, Write, GENERIC),
        row("GEORADIUSBYMEMBER_RO", -5, KEY, Lane, Read, GENERIC),
        row("GEORADIUS_RO", -6, KEY, Lane, Read, GENERIC),
        row("GEOSEARCH", -7, KEY, Lane, Read, GENERIC),
        row("GEOSEARCHSTORE", -8, TWO_KEYS, Lane, Write, GENERIC),
    ],
);

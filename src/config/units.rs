//! Numbers with units, and truth values: reading and writing their text.

use std::time::Duration;

/// Longer waits are refused, so that adding one to a clock cannot overflow.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Reads `true false 1 0 yes no on off`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Reads bytes: bare, with Redis's words (`k` = 1000, `kb` = 1024, ...), or `KiB MiB GiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" | "kib" => 1 << 10,
        "m" => 1_000_000,
        "mb" | "mib" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Reads a duration: `250ms`, `5s`, `1.5m`, `2h`, `1d`; without a unit only where `bare` allows
/// seconds. 0 needs no unit. At most ten years.
pub(super) fn duration(text: &str, bare: bool) -> Option<Duration> {
    let (number, unit) = split(text);
    let nanos_per_unit: u128 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "" if bare || number.bytes().all(|b| b == b'0') => 1_000_000_000,
        _ => return None,
    };
    let nanos = decimal_times(number, nanos_per_unit)?;
    let found = Duration::from_nanos(u64::try_from(nanos).ok()?);
    (found <= LONGEST).then_some(found)
}

/// `number` (digits, perhaps a fraction) times `factor`, without floating point.
fn decimal_times(number: &str, factor: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |s: &str| !s.is_empty() && s.len() <= 15 && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<u128>().ok()? * factor / scale;
    (whole.parse::<u128>().ok()? * factor).checked_add(part)
}

/// The number in front and the unit behind it, each trimmed.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// Bytes in the largest unit that loses nothing: `64MiB`, `1000`.
pub(super) fn show_size(bytes: u64) -> String {
    show_in(bytes, &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")])
}

/// Bytes as `redis.conf` writes them: `32mb`.
pub(super) fn show_redis_size(bytes: u64) -> String {
    show_in(bytes, &[(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")])
}

fn show_in(bytes: u64, units: &[(u64, &str)]) -> String {
    let unit = units.iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size));
    unit.map_or_else(|| bytes.to_string(), |(size, name)| format!("{}{name}", bytes / size))
}

/// A duration in the largest unit that loses nothing: `5s`, `250ms`.
pub(super) fn show_duration(d: Duration) -> String {
    const UNITS: [(u128, &str); 4] =
        [(3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
    let micros = d.as_micros();
    let unit = UNITS.iter().find(|(size, _)| micros > 0 && micros.is_multiple_of(*size));
    match unit {
        Some((size, name)) => format!("{}{name}", micros / size),
        None if micros == 0 => "0s".into(),
        None => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_use_redis_own_words() {
        let cases = [
            ("0", Some(0)),
            ("1000", Some(1000)),
            ("1k", Some(1000)),
            ("1kb", Some(1024)),
            ("64MiB", Some(64 << 20)),
            ("256mb", Some(256 << 20)),
            ("256 MB", Some(256 << 20)),
            ("2g", Some(2_000_000_000)),
            ("1GB", Some(1 << 30)),
            ("1.5mb", None),
            ("-1", None),
            ("", None),
            ("mb", None),
            ("5 parsecs", None),
            ("99999999999999999999", None),
            ("18446744073709551615gb", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit_unless_redis_has_seconds() {
        let ms = Duration::from_millis;
        assert_eq!(duration("250ms", false), Some(ms(250)));
        assert_eq!(duration("5s", false), Some(ms(5_000)));
        assert_eq!(duration("1m", false), Some(ms(60_000)));
        assert_eq!(duration("1.5s", false), Some(ms(1_500)));
        assert_eq!(duration("5", true), Some(ms(5_000)));
        assert_eq!(duration("0.25", true), Some(ms(250)));
        assert_eq!(duration("0", false), Some(ms(0)));
        for bad in ["5", "", "s", "-5s", "5 weeks", "1e3s", "9999999999d", ".s", "1.2.3s"] {
            assert_eq!(duration(bad, false), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for bytes in [0, 1, 1000, 1024, 1 << 20, 3 << 30, u64::MAX] {
            assert_eq!(size(&show_size(bytes)), Some(bytes));
            assert_eq!(size(&show_redis_size(bytes)), Some(bytes));
        }
        for micros in [0, 1, 1_500, 20_000, 5_000_000, 60_000_000, 7_200_000_000] {
            let d = Duration::from_micros(micros);
            assert_eq!(duration(&show_duration(d), false), Some(d));
        }
    }

    #[test]
    fn truth_in_every_spelling() {
        for (text, expected) in [("true", true), ("1", true), ("YES", true), ("on", true)] {
            assert_eq!(boolean(text), Some(expected));
        }
        for text in ["false", "0", "No", "off"] {
            assert_eq!(boolean(text), Some(false));
        }
        assert_eq!(boolean("maybe"), None);
    }
}

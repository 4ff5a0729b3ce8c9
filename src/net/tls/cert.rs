//! What a certificate says of itself that rustls does not tell.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::time::Time;

const DAY: i64 = 24 * 3600;

/// When a certificate is good, both ends included: seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From.
    pub from: i64,
    /// To.
    pub to: i64,
}

impl Validity {
    /// That of `certificate`; `None` if it is none.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = Certificate::from_der(certificate).ok()?;
        let validity = parsed.tbs_certificate().validity();
        let seconds = |time: Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        Some(Self { from: seconds(validity.not_before), to: seconds(validity.not_after) })
    }

    /// Whole days until it ends; negative when it has ended.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        (self.to - seconds(now)).div_euclid(DAY)
    }

    /// What is wrong with it at `now`, if anything is.
    pub fn complaint(&self, now: SystemTime) -> Option<String> {
        let now = seconds(now);
        if now > self.to {
            return Some(format!("has expired, {}", ago(now - self.to)));
        }
        (now < self.from).then(|| format!("is not valid yet, for another {}", long(self.from - now)))
    }
}

/// The public key in `certificate`, with its algorithm (DER); `None` if it is none. Unlike rustls this reads
/// certificates of version 1 too: openssl makes one where nobody asks for extensions.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    Certificate::from_der(certificate).ok()?.tbs_certificate().subject_public_key_info().to_der().ok()
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    i64::try_from(since).unwrap_or(i64::MAX)
}

/// A length of time, as people say it.
pub(super) fn long(seconds: i64) -> String {
    let (count, unit) = match seconds {
        s if s >= 2 * DAY => (s / DAY, "days"),
        s if s >= 2 * 3600 => (s / 3600, "hours"),
        s if s >= 120 => (s / 60, "minutes"),
        s => (s, "seconds"),
    };
    format!("{count} {unit}")
}

pub(super) fn ago(seconds: i64) -> String {
    format!("{} ago", long(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_to_the_end() {
        let validity = Validity { from: 10 * DAY, to: 20 * DAY };
        let at = |day: i64, second: i64| UNIX_EPOCH + Duration::from_secs((day * DAY + second) as u64);
        assert_eq!(validity.days_left(at(15, 0)), 5);
        assert_eq!(validity.days_left(at(15, 1)), 4);
        assert_eq!(validity.days_left(at(20, 1)), -1);
        assert_eq!(validity.complaint(at(15, 0)), None);
        assert_eq!(validity.complaint(at(23, 0)).as_deref(), Some("has expired, 3 days ago"));
        assert!(validity.complaint(at(9, 0)).is_some_and(|text| text.contains("24 hours")));
    }
}

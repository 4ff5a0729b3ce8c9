//! Passwords, kept as their SHA-256 only.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The hash of one password; never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password([u8; 32]);

impl Password {
    /// Of a password in clear.
    pub fn of(clear: &[u8]) -> Self {
        Self(Sha256::digest(clear).into())
    }

    /// From 64 lower-case hexadecimal digits, the only form Redis takes.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, two) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(two[0]) << 4 | value(two[1]);
        }
        Some(Self(hash))
    }

    /// As 64 hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether it is one of `known`. Takes the same time whichever it is, and if it is none.
    pub(super) fn is_among(&self, known: &[Self]) -> bool {
        let none = Choice::from(0);
        known.iter().fold(none, |found, one| found | self.0.ct_eq(&one.0)).into()
    }
}

fn value(digit: u8) -> u8 {
    if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_one_redis_keeps() {
        let hash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4";
        assert_eq!(Password::of(b"pw").hex(), hash);
        assert_eq!(Password::from_hex(hash), Some(Password::of(b"pw")));
        assert_eq!(Password::from_hex(&hash.to_ascii_uppercase()), None);
        assert_eq!(Password::from_hex(&hash[1..]), None);
    }

    #[test]
    fn all_that_are_known_count() {
        let known = [Password::of(b"a"), Password::of(b"b")];
        assert!(Password::of(b"a").is_among(&known) && Password::of(b"b").is_among(&known));
        assert!(!Password::of(b"c").is_among(&known) && !Password::of(b"a").is_among(&[]));
    }

    #[test]
    fn a_hash_is_not_shown() {
        assert_eq!(format!("{:?}", Password::of(b"pw")), "Password(..)");
    }
}

//! Where those who operate a proxy ask it, as ready values.

use super::listen::is_local;
use super::{Listen, Secret};
use std::path::PathBuf;

/// Where those who operate a proxy ask it over HTTP, and who may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens; empty: nowhere. Default empty, and `127.0.0.1:9180` for what [`super::load`] makes.
    pub listen: Vec<Listen>,
    /// Nobody has asked for `listen`: it is only the default, and another program that has the port is no
    /// reason not to start.
    pub optional: bool,
    /// What has to be shown, where anything has.
    pub token: Option<Secret>,
    /// A file whose text it is.
    pub token_file: Option<PathBuf>,
    /// Whether other machines may ask without a token. Default `false`.
    pub open: bool,
    /// Whether it speaks TLS, with the certificate of [`super::Tls`]. Default `false`.
    pub tls: bool,
}

impl Admin {
    /// The address used where none is set.
    pub(super) fn default_listen() -> Vec<Listen> {
        vec![Listen::Tcp("127.0.0.1".into(), 9180)]
    }

    /// Whether who asks has to show a token.
    pub fn wants_token(&self) -> bool {
        self.token.is_some() || self.token_file.is_some()
    }

    /// An address from which other machines could ask without showing anything, though nobody has said that
    /// they may.
    pub fn exposed(&self) -> Option<&Listen> {
        if self.open || self.wants_token() {
            return None;
        }
        self.listen.iter().find(|listen| !is_local(listen))
    }
}

/// What a token must be: what fits into a header without quotes.
pub(super) fn token(text: &str) -> Result<Option<Secret>, String> {
    match text.trim() {
        "" => Ok(None),
        text if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(Secret::new(text))),
        _ => Err("has a blank or a letter that no header may have (not shown)".into()),
    }
}

impl Secret {
    /// What `text`, that of a file, says: its blanks at both ends are not part of it.
    ///
    /// # Errors
    /// There is nothing in it, or something that no header may have.
    pub fn token(text: &str) -> Result<Self, String> {
        token(text)?.ok_or_else(|| "is empty".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str) -> Admin {
        Admin { listen: vec![Listen::Tcp(host.into(), 1)], ..Admin::default() }
    }

    #[test]
    fn only_this_machine_may_ask_without_a_token() {
        for (host, exposed) in [("127.0.0.1", false), ("::1", false), ("localhost", false), ("0.0.0.0", true)]
        {
            assert_eq!(tcp(host).exposed().is_some(), exposed, "{host}");
        }
        let with = |admin: Admin| admin.exposed().is_some();
        assert!(!with(Admin { open: true, ..tcp("10.0.0.1") }));
        assert!(!with(Admin { token: Some(Secret::new("t")), ..tcp("10.0.0.1") }));
        assert!(!with(Admin { token_file: Some("/t".into()), ..tcp("10.0.0.1") }));
        assert!(!with(Admin { listen: vec![Listen::Unix("/a".into())], ..Admin::default() }));
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(token("  "), Ok(None));
        assert_eq!(Secret::token("abc\n"), Ok(Secret::new("abc")));
        assert!(Secret::token("a b").is_err() && Secret::token("ä").is_err() && Secret::token("\n").is_err());
    }
}

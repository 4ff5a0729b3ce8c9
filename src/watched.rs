//! The configuration file, looked at for changes.
//!
//! A look is of contents, as with certificates, so that it does not matter how they were replaced: renamed over,
//! written over, or by another target of a symlink (`..data`, as Kubernetes does it).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use nearside::Reloader;

/// What is known of the file.
#[derive(Debug, Default)]
struct Seen {
    /// What it held when it was last read for its settings, and at the last look.
    used: u64,
    last: u64,
    /// That it cannot be read has been said.
    unreadable: bool,
}

impl Seen {
    /// Whether its settings are to be read, now that it holds this: others than those that were read last, and
    /// the same as at the look before, so that nobody is in the middle of writing them. A file that is wrong is
    /// not tried again before it has changed.
    fn is_due(&mut self, now: u64) -> bool {
        let settled = std::mem::replace(&mut self.last, now) == now;
        settled && std::mem::replace(&mut self.used, now) != now
    }
}

/// Looks at `file` as often as the settings of the moment say, and reloads when it has changed, until the
/// program ends.
pub(crate) fn start(file: PathBuf, reloader: Reloader) {
    let first = mark(&file).unwrap_or_default();
    let mut seen = Seen { used: first, last: first, unreadable: false };
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(reloader.config().reload.every);
            match mark(&file) {
                Ok(now) => {
                    seen.unreadable = false;
                    if seen.is_due(now) {
                        tracing::info!(file = %file.display(), "the file has changed: reading the settings again");
                        drop(reloader.reload());
                    }
                }
                Err(error) if !seen.unreadable => {
                    seen.unreadable = true;
                    tracing::warn!(file = %file.display(), %error, "the file cannot be read: settings stay as they are");
                }
                Err(_) => {}
            }
        }
    });
}

/// What tells the file's contents from others.
fn mark(file: &Path) -> std::io::Result<u64> {
    let text = std::fs::read(file)?;
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn a_change_is_read_once_when_it_has_settled() {
        let mut seen = Seen { used: 1, last: 1, unreadable: false };
        let looks = [1, 2, 3, 3, 3, 4, 1, 1, 4, 1, 1].map(|now| seen.is_due(now));
        assert_eq!(
            looks,
            [false, false, false, true, false, false, false, true, false, false, false],
            "one that went and came back is no change"
        );
    }
}

//! Which binary to run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::Error;

/// What is looked for, best first.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// The named server, or the first one known in `path` (the value of `PATH`).
pub(super) fn server(named: Option<&Path>, path: Option<&OsStr>) -> Result<PathBuf, Error> {
    let Some(named) = named else {
        return NAMES.iter().find_map(|name| look_up(Path::new(name), path)).ok_or(Error::NoServer);
    };
    let bare = named.components().count() == 1 && !named.is_absolute();
    let found = if bare { look_up(named, path) } else { None };
    // Absolute, because the child is started in its data directory.
    found
        .or_else(|| std::path::absolute(named).ok().filter(|file| executable(file)))
        .ok_or_else(|| Error::NotExecutable(named.to_owned()))
}

fn look_up(name: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    // An empty element would mean the current directory: nobody wants a server from there.
    std::env::split_paths(path?)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| executable(file))
}

fn executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_looked_up_and_a_path_is_not() {
        let path = OsStr::new("/nowhere:/bin:/usr/bin");
        assert!(server(Some(Path::new("sh")), Some(path)).is_ok_and(|found| found.ends_with("bin/sh")));
        assert_eq!(server(Some(Path::new("/bin/sh")), None).ok(), Some(PathBuf::from("/bin/sh")));
        assert!(matches!(server(Some(Path::new("/bin")), Some(path)), Err(Error::NotExecutable(_))));
        assert!(matches!(server(Some(Path::new("no-such")), Some(path)), Err(Error::NotExecutable(_))));
    }

    #[test]
    fn nothing_in_path_says_what_to_do() {
        for path in [None, Some(OsStr::new("")), Some(OsStr::new("/nowhere"))] {
            let said = server(None, path).expect_err("there is none").to_string();
            for word in ["apt-get install redis-server", "--upstream", "REDIS_URI", "embedded.server"] {
                assert!(said.contains(word), "{said}");
            }
        }
    }
}

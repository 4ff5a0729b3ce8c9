//! Where the child's socket is: in the data directory, or, where that path is too long for a socket's
//! address, in a private directory elsewhere that a link in the data directory leads to.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use super::conf;
use super::error::Error;

/// The shortest `sun_path` among the systems we run on has 104 bytes with its closing zero.
const ADDRESS_MAX: usize = 103;

/// A socket's place, made ready and empty.
#[derive(Debug)]
pub(super) struct Place {
    socket: PathBuf,
    in_data_dir: PathBuf,
}

impl Place {
    /// Clears away what an earlier run left and chooses a path. Only for the holder of the directory,
    /// while no child runs.
    pub(super) fn make(dir: &Path) -> Result<Self, Error> {
        let in_data_dir = dir.join(conf::SOCKET);
        clear(&in_data_dir).map_err(Error::io("remove the old socket", &in_data_dir))?;
        if in_data_dir.as_os_str().as_bytes().len() <= ADDRESS_MAX {
            return Ok(Self { socket: in_data_dir.clone(), in_data_dir });
        }
        let socket = elsewhere(dir)?.join("s");
        let place = Self { socket, in_data_dir };
        // So that the next start finds it, should we be killed.
        symlink(&place.socket, &place.in_data_dir).map_err(Error::io("link to the socket from", dir))?;
        Ok(place)
    }

    /// The socket's path, short enough to connect to.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Removes it; for when the child is gone. Not on drop: a child that outlives us must be found.
    pub(super) fn remove(&self) {
        if let Err(error) = clear(&self.in_data_dir) {
            tracing::debug!(%error, "the embedded server's socket stays behind");
        }
    }
}

/// Where a server started earlier on `dir` listens, if it lives.
pub(super) fn left_behind(dir: &Path) -> PathBuf {
    let in_data_dir = dir.join(conf::SOCKET);
    fs::read_link(&in_data_dir).unwrap_or(in_data_dir)
}

fn clear(in_data_dir: &Path) -> io::Result<()> {
    if let Ok(socket) = fs::read_link(in_data_dir) {
        let _ = fs::remove_file(&socket);
        // Removes nothing but an empty directory.
        let _ = socket.parent().map(fs::remove_dir);
    }
    match fs::remove_file(in_data_dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new directory of our own: in the user's runtime directory where there is one, else in `/tmp`.
/// `mkdir` fails on a name that exists, so nobody can have prepared it for us.
fn elsewhere(dir: &Path) -> Result<PathBuf, Error> {
    let uid = fs::metadata(dir).map_err(Error::io("look at", dir))?.uid();
    let bases = [PathBuf::from(format!("/run/user/{uid}")), PathBuf::from("/tmp")];
    let mut last = (io::Error::from(io::ErrorKind::NotFound), PathBuf::new());
    for base in bases {
        for turn in 0..16_u8 {
            let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            let own = base.join(format!("nearside-{}-{:x}{turn:x}", std::process::id(), since.as_nanos()));
            match DirBuilder::new().mode(0o700).create(&own) {
                Ok(()) => return Ok(own),
                Err(error) => last = (error, own),
            }
            if last.0.kind() != io::ErrorKind::AlreadyExists {
                break;
            }
        }
    }
    Err(Error::io("make a directory for the socket", &last.1)(last.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_data_dir_gets_a_short_private_socket_and_leaves_nothing() {
        let top = std::env::temp_dir().join(format!("nearside-place-{}", std::process::id()));
        let dir = top.join("d".repeat(120));
        fs::create_dir_all(&dir).expect("a directory");
        let place = Place::make(&dir).expect("a place");
        let socket = place.socket().to_owned();
        assert!(socket.as_os_str().len() <= ADDRESS_MAX, "{}", socket.display());
        assert_eq!(left_behind(&dir), socket);
        let own = socket.parent().expect("a parent").to_owned();
        assert_eq!(fs::metadata(&own).expect("it is there").mode() & 0o777, 0o700);

        // As after a kill: the next one finds and clears it.
        fs::write(&socket, "").expect("a stale socket");
        let next = Place::make(&dir).expect("a place");
        assert!(!own.exists() && next.socket() != socket);
        let own = next.socket().parent().expect("a parent").to_owned();
        next.remove();
        assert!(!own.exists() && fs::symlink_metadata(dir.join(conf::SOCKET)).is_err());
        fs::remove_dir_all(top).expect("removed");
    }
}

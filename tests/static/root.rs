//! A directory to be the root, and programs that run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::Dir;

/// Names the root of the image.
const IMAGE: &str = "NEARSIDE_IMAGE_ROOT";
/// What ldd calls libraries of the loader's own.
const NO_FILE: [&str; 2] = ["linux-vdso", "linux-gate"];

pub(crate) struct Root {
    dir: Dir,
    how: &'static [&'static str],
}

/// The image's root, if that is what is to be tried.
pub(crate) fn image() -> Option<PathBuf> {
    std::env::var_os(IMAGE).map(PathBuf::from)
}

impl Root {
    /// One with the program as `/nearside`, and the certificates of the image if there is an image; `None`
    /// where no other root may be had: neither as root nor in a user namespace.
    pub(crate) fn new() -> Option<Self> {
        const WAYS: [&[&str]; 2] = [&["unshare", "--user", "--map-root-user", "chroot"], &["chroot"]];
        let dir = Dir::new();
        match image() {
            Some(image) => copy(&image, dir.path()),
            None => with_libraries(Path::new(env!("CARGO_BIN_EXE_nearside")), dir.path()),
        }
        let works = |how: &&&[&str]| {
            command(how, dir.path()).arg("--version").output().is_ok_and(|o| o.status.success())
        };
        let how = *WAYS.iter().find(works)?;
        Some(Self { dir, how })
    }

    /// `/nearside` there, with no environment.
    pub(crate) fn nearside(&self) -> Command {
        let mut command = command(self.how, self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Writes a file there.
    pub(crate) fn write(&self, path: &str, text: &[u8]) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("made");
        fs::write(path, text).expect("written");
    }

    pub(crate) fn remove(&self, path: &str) {
        let _ = fs::remove_file(self.dir.join(path));
    }
}

fn command(how: &[&str], root: &Path) -> Command {
    let mut command = Command::new(how[0]);
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    command.args(&how[1..]).arg(root).arg("/nearside");
    command
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-R").arg(from.join(".")).arg(to).status().expect("cp runs");
    assert!(copied.success(), "{IMAGE} is no directory: {}", from.display());
}

/// The program, and the libraries it names at the same paths.
fn with_libraries(program: &Path, root: &Path) {
    fs::copy(program, root.join("nearside")).expect("copied");
    let listed = Command::new("ldd").arg(program).output().expect("ldd runs");
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        // `libc.so.6 => /lib/libc.so.6 (0x...)` or `/lib64/ld-linux-x86-64.so.2 (0x...)`
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(path) = words.iter().find(|word| word.starts_with('/')) else {
            assert!(NO_FILE.iter().any(|name| line.contains(name)), "not found: {line}");
            continue;
        };
        let to = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().expect("it is in a directory")).expect("made");
        fs::copy(path, to).expect("copied");
    }
}

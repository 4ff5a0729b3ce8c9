//! What the child printed and logged: its reasons, for our errors and our log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::conf;

/// A log above this is set aside at the next start of the child; one such is kept.
const LOG_MAX: u64 = 1 << 20;
/// As much of the end of a file is looked at, and as many of its lines are told.
const TAIL_BYTES: u64 = 4 << 10;
const TAIL_LINES: usize = 6;

/// The output of one run.
#[derive(Debug)]
pub(super) struct Said {
    out: PathBuf,
    log: PathBuf,
    log_from: u64,
}

impl Said {
    /// Begins a run: returns where its standard output and error go. That is a file and not a pipe, so
    /// that a child that outlives us has somewhere to write.
    pub(super) fn begin(dir: &Path) -> io::Result<(Self, File)> {
        let (out, log) = (dir.join(conf::OUT), dir.join(conf::LOG));
        let mut log_from = fs::metadata(&log).map_or(0, |meta| meta.len());
        if log_from > LOG_MAX {
            fs::rename(&log, log.with_extension("log.1"))?;
            log_from = 0;
        }
        // Removed first: an earlier child's last descendants may still hold the old one.
        let _ = fs::remove_file(&out);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&out)?;
        Ok((Self { out, log, log_from }, file))
    }

    /// The last lines of this run, in one line.
    pub(super) fn last(&self) -> String {
        last([(&self.log, self.log_from), (&self.out, 0)])
    }
}

/// The last lines of whichever run is the last in `dir`, in one line.
pub(super) fn recent(dir: &Path) -> String {
    last([(&dir.join(conf::LOG), 0)])
}

fn last<'a>(files: impl IntoIterator<Item = (&'a PathBuf, u64)>) -> String {
    let mut lines = Vec::new();
    for (file, from) in files {
        let tail = tail(file, from).unwrap_or_default();
        let told = tail.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        lines.extend(told);
    }
    let skip = lines.len().saturating_sub(TAIL_LINES);
    if lines.is_empty() { String::from("it said nothing") } else { lines[skip..].join(" | ") }
}

fn tail(path: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL_BYTES))))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

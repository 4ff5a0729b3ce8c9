//! How long a write by somebody else stays unseen: one client writes directly, another reads without
//! pause through the proxy.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::tally::Tally;
use crate::wire::{encode, reply_end};

const KEY: &[u8] = b"delay:key";

#[derive(Args)]
pub(crate) struct Options {
    /// Where the reader goes
    #[arg(long)]
    port: u16,
    /// Where the writer goes
    #[arg(long)]
    direct: u16,
    #[arg(long, default_value_t = 1000)]
    writes: u64,
    /// Milliseconds between writes, and up to as many again
    #[arg(long, default_value_t = 2)]
    pause: u64,
}

/// A request of one of the two and what it was told: for the writer, the value it wrote.
struct Asked {
    sent: Instant,
    answered: Instant,
    value: u64,
}

struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: vec![0; 4096] })
    }

    fn ask(&mut self, words: &[&[u8]]) -> io::Result<(Asked, &[u8])> {
        let mut request = Vec::new();
        encode(words, &mut request);
        let sent = Instant::now();
        self.stream.write_all(&request)?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.input[filled..])?;
            filled += read;
            if read == 0 || self.input[0] == b'-' {
                return Err(io::Error::other(String::from_utf8_lossy(&self.input[..filled])));
            }
            if let Some(end) = reply_end(&self.input[..filled])? {
                return Ok((Asked { sent, answered: Instant::now(), value: 0 }, &self.input[..end]));
            }
        }
    }

    fn get(&mut self) -> io::Result<Asked> {
        let (asked, reply) = self.ask(&[b"GET", KEY])?;
        let text = std::str::from_utf8(reply).unwrap_or_default();
        let value = text.lines().nth(1).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        Ok(Asked { value, ..asked })
    }

    fn set(&mut self, value: u64) -> io::Result<Asked> {
        let (asked, _) = self.ask(&[b"SET", KEY, value.to_string().as_bytes()])?;
        Ok(Asked { value, ..asked })
    }
}

/// Prints one line of JSON. `seen`: from sending the write until a read has returned it. `stale`: from
/// the write's acknowledgement until the last read started that returned an older value, 0 for none.
/// `read`: how long a read takes, which is how finely the others are known.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (mut reader, mut writer) = (Client::open(options.port)?, Client::open(options.direct)?);
    writer.set(0)?;
    let done = AtomicBool::new(false);
    let (reads, writes) = thread::scope(|scope| {
        let reads = scope.spawn(|| -> io::Result<Vec<Asked>> {
            let mut reads = Vec::new();
            while !done.load(Ordering::Relaxed) {
                reads.push(reader.get()?);
            }
            Ok(reads)
        });
        let writes = write(&mut writer, options);
        done.store(true, Ordering::Relaxed);
        (reads.join(), writes)
    });
    let reads = reads.map_err(|_| "the reader panicked")??;
    let line = judge(&reads, &writes?);
    io::stdout().write_all(line.as_bytes())?;
    Ok(())
}

fn write(writer: &mut Client, options: &Options) -> io::Result<Vec<Asked>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut writes = Vec::new();
    let pause = options.pause * 1000;
    for value in 1..=options.writes {
        thread::sleep(Duration::from_micros(pause + random.u64(0..=pause)));
        writes.push(writer.set(value)?);
    }
    thread::sleep(Duration::from_millis(50));
    Ok(writes)
}

fn judge(reads: &[Asked], writes: &[Asked]) -> String {
    let mut tally = Tally::default();
    for read in reads {
        tally.took("read", read.answered - read.sent);
    }
    for write in writes {
        // Values only grow, unless a read went back, which is counted below.
        let new = reads.partition_point(|read| read.value < write.value);
        match reads.get(new) {
            Some(first) => tally.took("seen", first.answered.saturating_duration_since(write.sent)),
            None => tally.add("never_seen", 1),
        }
        let last_old = new.checked_sub(1).map(|old| reads[old].sent);
        let stale = last_old.map_or(Duration::ZERO, |old| old.saturating_duration_since(write.answered));
        tally.took("stale", stale);
        tally.add("stale_writes", u64::from(stale > Duration::ZERO));
    }
    tally.add("reads", reads.len() as u64);
    tally.add("writes", writes.len() as u64);
    tally.add("went_back", reads.windows(2).filter(|pair| pair[1].value < pair[0].value).count() as u64);
    let seconds = match (reads.first(), reads.last()) {
        (Some(first), Some(last)) => (last.answered - first.sent).as_secs_f64(),
        _ => 0.0,
    };
    tally.json(seconds)
}

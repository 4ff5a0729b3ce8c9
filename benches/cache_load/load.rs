//! Replaying a trace on many connections: as fast as answers come, or by the clock.

use std::cell::RefCell;
use std::error::Error;
use std::future::Future;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::mix::{Companions, Mix};
use crate::tally::Tally;
use crate::trace::{self, Op, Shape};
use crate::wire::{Connection, encode_op};

/// Reads of a sweep in one exchange.
const SWEEP: u32 = 64;
const WARM_PIPELINE: usize = 16;

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    port: u16,
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Requests of a connection that are sent together
    #[arg(long, default_value_t = 1)]
    pipeline: usize,
    /// Workers of the proxy, which take the connections in turn
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Measured requests
    #[arg(long)]
    requests: usize,
    /// Requests of the trace before them, at pipeline 16
    #[arg(long, default_value_t = 0)]
    warm: usize,
    /// How often each worker is first asked for every key
    #[arg(long, default_value_t = 0)]
    sweep: u32,
    /// Requests a second by the clock, on all connections together; without, as fast as answers come
    #[arg(long)]
    rate: Option<f64>,
    /// One EVALSHA, one LPUSH for a waiting BRPOP and one PUBLISH per 100 requests of a connection
    #[arg(long)]
    mix: bool,
    #[command(flatten)]
    shape: Shape,
}

/// See the head of `main`.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?.block_on(replay(options))
}

async fn replay(options: &Options) -> Result<(), Box<dyn Error>> {
    let trace: Rc<[Op]> = options.shape.trace(options.warm + options.requests).into();
    let mut connections = Vec::new();
    for _ in 0..options.connections {
        connections.push(Connection::open(options.port).await?);
    }
    for connection in connections.iter_mut().take(options.workers) {
        sweep(connection, options).await?;
    }
    let discarded = Rc::new(RefCell::new(Tally::default()));
    let warm = Pace { pipeline: WARM_PIPELINE, rate: None };
    let connections = phase(connections, &trace, 0..options.warm, &warm, None, &discarded).await?;

    let tally = Rc::new(RefCell::new(Tally::default()));
    let companions =
        if options.mix { Some(Companions::start(options.port, Rc::clone(&tally)).await?) } else { None };
    say("ready\n")?;
    io::stdin().read_line(&mut String::new())?;
    let start = Instant::now();
    let pace = Pace { pipeline: options.pipeline, rate: options.rate };
    let mix = companions.as_ref().map(|c| c.mix());
    let measured = options.warm..trace.len();
    let connections = phase(connections, &trace, measured, &pace, mix, &tally).await?;
    let seconds = start.elapsed().as_secs_f64();

    let of_workers = (connections.len(), options.workers);
    let of_keys = (options.shape.keys, options.sweep > 0);
    let perfect = trace::perfect_hits(&trace, options.warm, of_workers, of_keys);
    let mut tally = tally.take();
    tally.add("perfect_hits", perfect as u64);
    say(&tally.json(seconds))?;
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

/// Asks for every key in order.
async fn sweep(connection: &mut Connection, options: &Options) -> io::Result<()> {
    for _ in 0..options.sweep {
        for first in (0..options.shape.keys).step_by(SWEEP as usize) {
            let keys = first..options.shape.keys.min(first + SWEEP);
            let count = keys.len();
            keys.for_each(|key| encode_op(Op::Read(key), &mut connection.out));
            connection.exchange(count, |_| {}).await?;
        }
    }
    Ok(())
}

/// How requests follow one another.
struct Pace {
    pipeline: usize,
    rate: Option<f64>,
}

/// All connections work off a part of the trace, each its share; answers when the last is done.
async fn phase(
    connections: Vec<Connection>,
    trace: &Rc<[Op]>,
    part: std::ops::Range<usize>,
    pace: &Pace,
    mix: Option<Mix>,
    tally: &Rc<RefCell<Tally>>,
) -> io::Result<Vec<Connection>> {
    let count = connections.len();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for (index, connection) in connections.into_iter().enumerate() {
        let (trace, part, tally) = (Rc::clone(trace), part.clone(), Rc::clone(tally));
        let (pipeline, rate, mix) = (pace.pipeline, pace.rate, mix.clone());
        tasks.push(spawn(async move {
            let ops = trace::share(&trace[part], index, count);
            match rate {
                None => flat_out(connection, ops, pipeline, &tally).await,
                Some(rate) => {
                    let every = Duration::from_secs_f64(count as f64 / rate);
                    let first = start + every.mul_f64(index as f64 / count as f64);
                    by_the_clock(connection, ops, (first, every), (index, mix), &tally).await
                }
            }
        }));
    }
    let mut back = Vec::new();
    for task in tasks {
        back.push(task.await.map_err(io::Error::other)??);
    }
    Ok(back)
}

fn spawn<T: 'static>(task: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    tokio::task::spawn_local(task)
}

/// Each answer is followed by the next requests.
async fn flat_out(
    mut connection: Connection,
    mut ops: impl Iterator<Item = Op>,
    pipeline: usize,
    tally: &RefCell<Tally>,
) -> io::Result<Connection> {
    let mut sent = Counts::default();
    loop {
        let before = sent.all();
        ops.by_ref().take(pipeline).for_each(|op| sent.encode(op, &mut connection.out));
        let count = sent.all() - before;
        if count == 0 {
            break;
        }
        let asked = Instant::now();
        connection.exchange(count as usize, |reply| sent.nil += u64::from(reply == b"$-1\r\n")).await?;
        tally.borrow_mut().took("request", asked.elapsed());
    }
    sent.add_to(&mut tally.borrow_mut());
    Ok(connection)
}

/// Requests go out when they are due. One that was due while its connection still waited for an answer
/// is timed from then on, so that a server that stands still is seen; one whose connection was idle is
/// timed from when it was sent, because timers are late by up to a millisecond.
async fn by_the_clock(
    mut connection: Connection,
    ops: impl Iterator<Item = Op>,
    (first, every): (Instant, Duration),
    (index, mix): (usize, Option<Mix>),
    tally: &RefCell<Tally>,
) -> io::Result<Connection> {
    let mut sent = Counts::default();
    for (n, op) in ops.enumerate() {
        let mut asked = first + every.mul_f64(n as f64);
        if Instant::now() < asked {
            sleep_until(asked).await;
            asked = Instant::now();
        }
        sent.encode(op, &mut connection.out);
        connection.exchange(1, |reply| sent.nil += u64::from(reply == b"$-1\r\n")).await?;
        tally.borrow_mut().took("request", asked.elapsed());
        if let Some(mix) = &mix {
            mix.after(index, n, &mut connection, tally).await?;
        }
    }
    sent.add_to(&mut tally.borrow_mut());
    Ok(connection)
}

/// What a connection has sent.
#[derive(Default)]
struct Counts {
    reads: u64,
    writes: u64,
    cold: u64,
    nil: u64,
}

impl Counts {
    fn all(&self) -> u64 {
        self.reads + self.writes + self.cold
    }

    fn encode(&mut self, op: Op, out: &mut Vec<u8>) {
        match op {
            Op::Read(_) => self.reads += 1,
            Op::Write(_) => self.writes += 1,
            Op::Cold(_) => self.cold += 1,
        }
        encode_op(op, out);
    }

    fn add_to(&self, tally: &mut Tally) {
        let all = [("reads", self.reads), ("writes", self.writes), ("cold", self.cold), ("nil", self.nil)];
        all.into_iter().for_each(|(name, count)| tally.add(name, count));
    }
}

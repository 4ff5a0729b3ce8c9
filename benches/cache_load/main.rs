//! The load of `make bench-cache`: what redis-benchmark cannot do. It replays a trace that follows from
//! its seed (Zipf, writes among reads, cold keys, other commands in between), says which share of the
//! reads a perfect cache would have answered on that very trace, and measures how long a write by
//! somebody else stays unseen. One thread, so that it takes little of the machine it measures.
//!
//! `cache_load run` warms up, prints `ready`, waits for a line, runs, and prints one line of JSON:
//! whoever started it takes the figures of the other processes around the run. See benches/README.md.

mod delay;
mod load;
mod mix;
mod tally;
mod trace;
mod wire;

use std::error::Error;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The load of `make bench-cache`")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Replay a trace, with the hit ratio of a perfect cache
    Run(load::Options),
    /// How long writes by somebody else stay unseen
    Delay(delay::Options),
}

fn main() -> Result<(), Box<dyn Error>> {
    match Cli::parse().what {
        What::Run(options) => load::run(&options),
        What::Delay(options) => delay::run(&options),
    }
}

//! Commands between the reads that may make other sessions act: a script, a list that somebody waits at,
//! a published message. A cache has to be careful with them, and this is what the care costs.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::tally::Tally;
use crate::wire::{Connection, elements};

/// Lists, each with one client that waits at it.
const LISTS: usize = 4;
const CHANNEL: &[u8] = b"mix:channel";
const SCRIPT: &[u8] = b"return redis.call('INCR', KEYS[1])";
/// After which of every hundred requests each of them comes.
const EVALSHA_AT: usize = 25;
const LPUSH_AT: usize = 50;
const PUBLISH_AT: usize = 75;

/// Sends them.
#[derive(Clone)]
pub(crate) struct Mix {
    script: Rc<[u8]>,
    since: Instant,
}

/// The clients that wait at the lists, and the subscriber. Dropped, they end.
pub(crate) struct Companions {
    tasks: Vec<JoinHandle<io::Result<()>>>,
    mix: Mix,
}

impl Companions {
    pub(crate) async fn start(port: u16, tally: Rc<RefCell<Tally>>) -> io::Result<Self> {
        let since = Instant::now();
        let reply = Connection::open(port).await?.ask(&[b"SCRIPT", b"LOAD", SCRIPT]).await?;
        let script = elements(&reply).first().map_or_else(Rc::default, |sha| Rc::from(*sha));
        let mut tasks = Vec::new();
        for index in 0..LISTS {
            let (connection, tally) = (Connection::open(port).await?, Rc::clone(&tally));
            tasks.push(tokio::task::spawn_local(wait_at(connection, index, since, tally)));
        }
        let mut subscriber = Connection::open(port).await?;
        subscriber.ask(&[b"SUBSCRIBE", CHANNEL]).await?;
        tasks.push(tokio::task::spawn_local(listen(subscriber, since, tally)));
        Ok(Self { tasks, mix: Mix { script, since } })
    }

    pub(crate) fn mix(&self) -> Mix {
        self.mix.clone()
    }
}

impl Drop for Companions {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn list(index: usize) -> Vec<u8> {
    format!("mix:list:{}", index % LISTS).into_bytes()
}

/// Pops again and again. Timed from the push on, whose time is the element.
async fn wait_at(
    mut connection: Connection,
    index: usize,
    since: Instant,
    tally: Rc<RefCell<Tally>>,
) -> io::Result<()> {
    loop {
        let reply = connection.ask(&[b"BRPOP", &list(index), b"0"]).await?;
        record("BRPOP", elements(&reply).last(), since, &tally);
    }
}

/// Reads messages. Timed from the PUBLISH on.
async fn listen(mut connection: Connection, since: Instant, tally: Rc<RefCell<Tally>>) -> io::Result<()> {
    loop {
        let message = connection.message().await?;
        record("message", elements(&message).last(), since, &tally);
    }
}

fn record(name: &'static str, sent: Option<&&[u8]>, since: Instant, tally: &RefCell<Tally>) {
    let sent = sent.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    if let Some(nanoseconds) = sent {
        let took = since.elapsed().saturating_sub(std::time::Duration::from_nanos(nanoseconds));
        tally.borrow_mut().took(name, took);
    }
}

impl Mix {
    /// What comes after the `n`-th request of a connection, if anything.
    pub(crate) async fn after(
        &self,
        index: usize,
        n: usize,
        connection: &mut Connection,
        tally: &RefCell<Tally>,
    ) -> io::Result<()> {
        let now = || self.since.elapsed().as_nanos().to_string().into_bytes();
        let asked = Instant::now();
        // Not all connections at once.
        let name = match (n + index) % 100 {
            EVALSHA_AT => {
                connection.ask(&[b"EVALSHA", &self.script, b"1", b"mix:counter"]).await?;
                "EVALSHA"
            }
            LPUSH_AT => {
                connection.ask(&[b"LPUSH", &list(index), &now()]).await?;
                "LPUSH"
            }
            PUBLISH_AT => {
                connection.ask(&[b"PUBLISH", CHANNEL, &now()]).await?;
                "PUBLISH"
            }
            _ => return Ok(()),
        };
        tally.borrow_mut().took(name, asked.elapsed());
        Ok(())
    }
}

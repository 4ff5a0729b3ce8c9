//! One process takes over from another: the listening sockets change hands, and no client notices but by
//! being asked to connect again.
//!
//! The running process listens at `takeover`. Lines go to and fro, descriptors beside them:
//!
//! ```text
//!   next                               running
//!   nearside takeover 1 VERSION  ──▶            (it is one of our user's: SO_PEERCRED)
//!                                ◀──   wait     if its own predecessor is still there
//!                                ◀──   socket NUMBER own|lent ADDRESS   + descriptor, for each
//!                                ◀──   all
//!   serving NUMBER NUMBER ...    ──▶            it could serve now, with these sockets
//!                                ◀──   go       it accepts no more, and drains
//!                                      (the end of the stream: it has no session left)
//! ```
//!
//! `no REASON` ends the conversation at any place. Whoever loses the other before `go` goes on as if nothing
//! had been: the running one serves, the next one does not start.
//!
//! Two near caches know nothing of each other's acknowledged writes, and clients hop from one process to the
//! other. So both are suspended while both may have sessions: the running one from before it gives a socket
//! away, to its end; the next one from before it has one, until the stream ends. There are never three: who
//! still has a predecessor lets the next one wait.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Error;
use crate::cache::{Near, Suspension};
use crate::config::{Config, Endpoint};
use crate::net::{Channel, Inherited, Offer, Post};
use crate::upstream::Shared;

/// What the next one says first; the number is the version of this conversation.
const HELLO: &str = "nearside takeover 1";
/// How long one line of the other process may take.
const LINE: Duration = Duration::from_secs(5);
/// How long the next process may take until it could serve.
const START: Duration = Duration::from_secs(60);

/// Why a hand-over does not come about.
type Refusal = String;

/// Takes the place of the predecessor, if there is one, now that the workers run. Answers where the next
/// process can ask for our sockets, if the configuration wants that. `alone` says when the predecessor has
/// ended.
pub(super) async fn succeed(
    config: &Config,
    upstream: &Shared,
    predecessor: Option<Predecessor>,
    offers: &[Offer],
    alone: &watch::Sender<bool>,
) -> Result<Option<Post>, Error> {
    let Some(path) = &config.takeover else { return Ok(None) };
    let mut post = Post::prepare(path).map_err(|error| failed(path, &error))?;
    if let Some(mut predecessor) = predecessor {
        if config.enabled {
            upstream.visit().await.map_err(|failure| failed(path, &failure))?;
        }
        predecessor.relieve(path, offers).await?;
        tokio::spawn(predecessor.until_gone(alone.clone()));
    }
    match post.publish() {
        Ok(()) => Ok(Some(post)),
        // Who was there before has gone: better without than not at all.
        Err(error) if !*alone.borrow() => {
            tracing::error!(%error, "nobody will be able to take over from this process");
            Ok(None)
        }
        Err(error) => Err(failed(path, &error)),
    }
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::Takeover { path: path.to_owned(), why: why.to_string() }
}

/// The process that served before, seen by the one that takes over.
pub(super) struct Predecessor {
    channel: Channel,
    suspension: Suspension,
}

/// Asks the running process, if there is one, for its sockets. From here on there are no hits.
pub(super) async fn meet(
    config: &Config,
    near: &Arc<Near>,
    inherited: &mut Inherited,
) -> Result<Option<Predecessor>, Error> {
    let Some(path) = &config.takeover else { return Ok(None) };
    if config.enabled && config.upstream.endpoint == Endpoint::Embedded {
        return Err(Error::TakeoverEmbedded);
    }
    let failed = |why: &dyn std::fmt::Display| failed(path, why);
    let Some(mut channel) = Channel::connect(path).await.map_err(|e| failed(&e))? else { return Ok(None) };
    if !channel.is_ours() {
        return Err(failed(&"the process that listens there is not of our own user"));
    }
    let suspension = near.suspend();
    let hello = format!("{HELLO} {}", env!("CARGO_PKG_VERSION"));
    channel.say(&hello, None).await.map_err(|e| failed(&e))?;
    receive(&mut channel, inherited).await.map_err(|why| failed(&why))?;
    Ok(Some(Predecessor { channel, suspension }))
}

/// Takes the sockets.
async fn receive(channel: &mut Channel, inherited: &mut Inherited) -> Result<(), Refusal> {
    let mut patience = LINE;
    loop {
        let line = hear(channel, patience).await?;
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("all"), None, ..) => return Ok(()),
            (Some("wait"), None, ..) => {
                tracing::info!("the running proxy still waits for the end of the one before it");
                patience = Duration::MAX;
            }
            (Some("socket"), Some(number), Some(whose @ ("own" | "lent")), Some(address)) => {
                let number = number.parse().map_err(|_| format!("it said {line:?}"))?;
                let socket = channel.take_socket().ok_or("a socket did not come with its name")?;
                inherited.receive(address.to_owned(), socket, number, whose == "own");
                patience = LINE;
            }
            _ => return Err(format!("it said {line:?}")),
        }
    }
}

/// The next line, which is no refusal.
async fn hear(channel: &mut Channel, patience: Duration) -> Result<String, Refusal> {
    let line = timeout(patience, channel.hear()).await.map_err(|_| "it does not answer")?;
    let line = line.map_err(|e| e.to_string())?.ok_or("it has ended the conversation")?;
    match line.strip_prefix("no ") {
        Some(why) => Err(why.to_owned()),
        None => Ok(line),
    }
}

impl Predecessor {
    /// Tells it that this process could serve with what it `offers`, and returns once it accepts no more.
    async fn relieve(&mut self, path: &Path, offers: &[Offer]) -> Result<(), Error> {
        let numbers = offers.iter().filter_map(Offer::number_before);
        let words: String = numbers.map(|number| format!(" {number}")).collect();
        let said = self.channel.say(&format!("serving{words}"), None).await.map_err(|e| e.to_string());
        let answer = match said {
            Ok(()) => hear(&mut self.channel, LINE).await,
            Err(why) => Err(why),
        };
        match answer.as_deref() {
            Ok("go") => {
                offers.iter().for_each(Offer::adopt);
                Ok(())
            }
            Ok(other) => Err(failed(path, &format!("it said {other:?}"))),
            Err(why) => Err(failed(path, why)),
        }
    }

    /// Hits begin, and `alone` says so, when it has no session left.
    async fn until_gone(self, alone: watch::Sender<bool>) {
        let Self { mut channel, suspension } = self;
        channel.until_closed().await;
        drop(suspension);
        tracing::info!("the process that served before has ended: the takeover is complete");
        let _ = alone.send(true);
    }
}

/// The process that takes over, seen by the one that served. To be kept until no session is left: when it is
/// dropped, the other one serves hits.
pub(super) struct Successor {
    _channel: Channel,
    _suspension: Suspension,
    /// The listeners that it goes on with, by their places.
    pub(super) takes: Vec<usize>,
}

/// What is to be handed over, and whether it may be by now.
pub(super) struct Estate<'a> {
    pub(super) near: &'a Arc<Near>,
    pub(super) offers: &'a [Offer],
    /// Nobody else serves whom we have taken over from.
    pub(super) alone: watch::Receiver<bool>,
}

impl Estate<'_> {
    /// Waits until a process has taken over. Never ends without a `post`.
    pub(super) async fn successor(&self, post: Option<&Post>) -> Successor {
        let Some(post) = post else { return std::future::pending().await };
        loop {
            let mut channel = post.next().await;
            match self.hand_over(&mut channel).await {
                Ok((suspension, takes)) => {
                    return Successor { _channel: channel, _suspension: suspension, takes };
                }
                Err(why) => {
                    tracing::warn!(why, "nobody has taken over: serving on");
                    let _ = timeout(LINE, channel.say(&format!("no {why}"), None)).await;
                }
            }
        }
    }

    async fn hand_over(&self, channel: &mut Channel) -> Result<(Suspension, Vec<usize>), Refusal> {
        let hello = hear(channel, LINE).await?;
        let version = hello.strip_prefix(HELLO).and_then(|rest| rest.strip_prefix(' '));
        let Some(version) = version else {
            return Err(match hello.starts_with("nearside takeover ") {
                true => {
                    format!("the running proxy ({}) hands over in another way", env!("CARGO_PKG_VERSION"))
                }
                false => "that was no request to take over".into(),
            });
        };
        tracing::info!(version, "a process wants to take over");
        let mut alone = self.alone.clone();
        if !*alone.borrow() {
            say(channel.say("wait", None)).await?;
            let _ = alone.wait_for(|alone| *alone).await;
        }
        // Before anybody can be accepted elsewhere.
        let suspension = self.near.suspend();
        for (number, offer) in self.offers.iter().enumerate() {
            let whose = if offer.is_lent() { "lent" } else { "own" };
            let line = format!("socket {number} {whose} {}", offer.address());
            say(channel.say(&line, Some(offer.socket()))).await?;
        }
        say(channel.say("all", None)).await?;
        let serving = hear(channel, START).await?;
        let numbers = serving.strip_prefix("serving").ok_or_else(|| format!("it said {serving:?}"))?;
        let takes: Result<Vec<usize>, _> = numbers.split_whitespace().map(str::parse).collect();
        let takes = takes.ok().filter(|takes| takes.iter().all(|number| *number < self.offers.len()));
        let takes = takes.ok_or_else(|| format!("it said {serving:?}"))?;
        say(channel.say("go", None)).await?;
        takes.iter().filter_map(|number| self.offers.get(*number)).for_each(Offer::give_away);
        Ok((suspension, takes))
    }
}

async fn say(said: impl Future<Output = io::Result<()>>) -> Result<(), Refusal> {
    timeout(LINE, said).await.map_err(|_| "it does not listen")?.map_err(|error| error.to_string())
}

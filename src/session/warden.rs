//! Clients that are in the way of others: looked for a few times a second, and closed.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::client::Client;
use crate::config::Config;
use crate::telemetry::Stats;
use crate::upstream::{Shared, Told};

/// How long a request that has begun may take, unless so much more of it has come meanwhile
/// (`Client::silence`) or `timeout` is shorter. Redis waits for ever; a thousand clients that send a
/// byte now and then would hold what others need.
const BEGUN: Duration = Duration::from_secs(60);

/// One worker's.
#[derive(Debug)]
pub struct Warden {
    index: usize,
    shared: Arc<Shared>,
    stats: Arc<Stats>,
}

impl Warden {
    /// The one of worker `index`.
    pub fn new(index: usize, shared: &Arc<Shared>, stats: &Arc<Stats>) -> Self {
        Self { index, shared: Arc::clone(shared), stats: Arc::clone(stats) }
    }

    /// Closes those of `clients` that, by `config`, have left too much unread, have been silent too long, have not
    /// gone on with a request they have begun, or have not said in time who they are; and those that hold
    /// most, if all buffers together hold too much.
    pub fn look(&self, config: &Config, clients: &HashMap<u64, Rc<Client>>) {
        let now = Instant::now();
        let (mut told, mut starved) = (Told::default(), false);
        for client in clients.values().filter(|client| !client.is_cut()) {
            if !client.is_flushed() {
                client.check_limit(now);
            }
            self.hear(config, client, now);
            let held = client.held();
            told.loose += client.loose();
            told.worst = told.worst.max(held);
            if client.is_starved() {
                client.try_again();
                starved |= client.is_starved() && held < self.shared.memory().worst();
            }
        }
        if starved {
            self.shared.memory().want();
        }
        let (over, down_to) = self.shared.memory().tell(self.index, told);
        if over > 0 {
            self.shed(clients, over, down_to);
        }
    }

    fn hear(&self, config: &Config, client: &Client, now: Instant) {
        let silence = client.silence(now);
        let longer = |since: Option<Instant>, than: Option<Duration>| {
            since.zip(than).is_some_and(|(since, than)| now.duration_since(since) >= than)
        };
        let (id, peer) = (client.id, client.peer);
        if longer(silence.stranger, config.admission.auth_timeout) {
            self.stats.auth_timeouts.fetch_add(1, Relaxed);
            tracing::info!(client = id, %peer, "closed: not authenticated in time (admission.auth_timeout)");
        } else if longer(silence.begun, Some(config.timeout.map_or(BEGUN, |timeout| timeout.min(BEGUN)))) {
            self.stats.stalled.fetch_add(1, Relaxed);
            tracing::info!(client = id, %peer, "closed: it began a request and did not go on with it");
        } else if longer(Some(silence.idle), config.timeout) {
            tracing::debug!(client = id, "closed: idle");
        } else {
            return;
        }
        client.cut();
    }

    /// Closes who holds most, until `over` bytes are free, but nobody who holds less than `down_to`.
    fn shed(&self, clients: &HashMap<u64, Rc<Client>>, over: usize, down_to: usize) {
        let bad = |client: &&Rc<Client>| !client.is_cut() && client.held() >= down_to;
        let mut worst: Vec<_> = clients.values().filter(bad).collect();
        worst.sort_unstable_by_key(|client| std::cmp::Reverse(client.held()));
        let mut freed = 0;
        for client in worst {
            if freed >= over {
                return;
            }
            let held = client.held();
            freed += held;
            self.stats.shed.fetch_add(1, Relaxed);
            tracing::warn!(
                client = client.id,
                peer = %client.peer,
                held,
                "closed: limits.memory is used up, and it held most of it"
            );
            client.kill();
        }
    }
}

//! Who may read what can change at the upstream without anybody being told: it is asked now and then.

use std::rc::Rc;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::clock;
use crate::session::Worker;
use crate::upstream::Failure;

/// What lists every user and their rights.
const ACL_LIST: &[u8] = b"*2\r\n$3\r\nACL\r\n$4\r\nLIST\r\n";

/// Compares the upstream's users with what they were, for all workers, while anything is kept. A change
/// voids everything. Ends if they may not be listed.
pub(super) async fn watch(worker: Rc<Worker>) {
    let near = Rc::clone(&worker.keeper.worker);
    let near = &near.near;
    let mut known: Option<Bytes> = None;
    let mut last: Option<Instant> = None;
    loop {
        // However often it is from now on.
        while let Some(at) = last.map(|last| last + near.acl_check()).filter(|at| *at > Instant::now()) {
            tokio::select! {
                () = sleep_until(at) => {}
                () = worker.keeper.renewed.notified() => {}
            }
        }
        last = Some(Instant::now());
        if !near.has_live(clock::now()) {
            // What is fetched from now on is fetched with the rights of now.
            known = None;
            near.rights_are_watched(false);
            continue;
        }
        match worker.pool.ask(ACL_LIST).await {
            Ok(list) => {
                if known.as_ref().is_some_and(|known| *known != list) {
                    tracing::info!("the upstream's users have changed: everything kept is void");
                    near.word.bump();
                }
                // What was fetched before the first look may have been fetched with other rights: it ages.
                near.rights_are_watched(known.is_some());
                known = Some(list);
            }
            // Each refusal leaves an entry in the upstream's ACL LOG: once is enough.
            Err(Failure::Refused(text)) => {
                tracing::info!(%text, "the upstream's users cannot be compared: what other users than ours fetch is kept for cache.acl_check");
                return near.rights_are_watched(false);
            }
            Err(failure) => {
                tracing::debug!(%failure, "the upstream's users cannot be listed");
                known = None;
                near.rights_are_watched(false);
            }
        }
    }
}

//! Taking turns on a worker's thread.

use std::pin::pin;
use std::task::Context;

/// Has the task polled again once everybody else has had a turn, those included whom only a look at
/// the sockets would wake. A task that merely wakes itself is polled dozens of times before the runtime
/// looks at the sockets again, and whoever moves megabytes would keep small requests waiting as long.
pub fn give_way(cx: &mut Context<'_>) {
    let _ = pin!(tokio::task::yield_now()).poll(cx);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::io::Write;
    use std::rc::Rc;
    use std::task::Poll;

    use bytes::BytesMut;

    use super::*;
    use crate::net::Stream;

    #[test]
    fn a_task_that_never_rests_hears_of_a_socket_in_its_next_turn() {
        let options = tokio::runtime::LocalOptions::default();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
        runtime.block_on(async {
            let (mut theirs, ours) = std::os::unix::net::UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let stream = Stream::Unix(tokio::net::UnixStream::from_std(ours).unwrap());
            let (mut read, _write) = stream.split();
            let heard = Rc::new(Cell::new(false));
            let tells = Rc::clone(&heard);
            tokio::task::spawn_local(async move {
                let mut buf = BytesMut::with_capacity(16);
                let n = poll_fn(|cx| read.poll_into(cx, &mut buf)).await.unwrap();
                tells.set(n > 0);
            });
            tokio::task::yield_now().await;
            theirs.write_all(b"x").unwrap();
            let mut turns = 0;
            poll_fn(|cx| {
                if heard.get() {
                    return Poll::Ready(());
                }
                turns += 1;
                give_way(cx);
                Poll::Pending
            })
            .await;
            assert!(turns <= 3, "{turns} turns");
        });
    }
}

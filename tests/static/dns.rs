//! A name server that knows one name.

use std::net::UdpSocket;

/// Where it is: on an address of the loopback nobody else uses.
pub(crate) const ADDRESS: &str = "127.0.11.53";
/// What it knows, as `127.0.0.1`.
pub(crate) const NAME: &str = "redis.cluster.test";

/// Starts one; `None` where port 53 is not to be had. It ends with the test program.
pub(crate) fn serve() -> Option<()> {
    let socket = UdpSocket::bind((ADDRESS, 53)).ok()?;
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((n, from)) = socket.recv_from(&mut query) {
            if let Some(answer) = answer(&query[..n]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    Some(())
}

/// The header, one question, and the address where one is asked for and known.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    while let n @ 1.. = usize::from(*query.get(at)?) {
        labels.push(String::from_utf8_lossy(query.get(at + 1..at + 1 + n)?).into_owned());
        at += 1 + n;
    }
    let question = query.get(12..at + 5)?;
    let is_known = labels.join(".").eq_ignore_ascii_case(NAME);
    let has_address = is_known && question.ends_with(&[0, 1, 0, 1]); // A, IN
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, if is_known { 0x80 } else { 0x83 }, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    answer.extend(question);
    if has_address {
        // The name asked for, A, IN, 5 s, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

//! A conversation held step by step, on one connection or several.

use std::collections::HashMap;
use std::io::Write;
use std::time::Instant;

use crate::common::{PAUSE, Talk, frames};
use crate::side::{PATIENCE, Side, count, ended};
use crate::step::{Brings, Kept, Step};

/// Where a conversation is at.
pub(crate) struct Stage<'a> {
    side: &'a Side<'a>,
    resp: usize,
    talks: HashMap<String, Talk>,
    /// To the server itself, once something had to be asked there.
    aside: Option<Talk>,
    kept: Kept,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(side: &'a Side<'a>, resp: usize) -> Self {
        Self { side, resp, talks: HashMap::new(), aside: None, kept: Kept::new() }
    }

    /// What is answered to each step; nothing more after one that is not answered.
    pub(crate) fn hold(mut self, steps: &[Step]) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        for step in steps {
            match self.step(step) {
                Ok(answer) => answers.push(answer),
                Err(answer) => {
                    answers.push(answer);
                    break;
                }
            }
        }
        answers
    }

    fn step(&mut self, step: &Step) -> Result<Vec<u8>, Vec<u8>> {
        let bytes = step.bytes(&self.kept);
        if let Brings::Seen(text) = &step.brings {
            return self.until(text, &bytes);
        }
        if step.brings == Brings::Hangup {
            self.talks.remove(&step.who);
            return Ok(Vec::new());
        }
        let side = self.side;
        let talk = self.talks.entry(step.who.clone()).or_insert_with(|| side.connect());
        // One end may have closed where the other has not: that will show.
        let _ = talk.stream.write_all(&bytes);
        if step.brings == Brings::Close {
            let answer = ended(talk);
            self.talks.remove(&step.who);
            return Ok(answer);
        }
        let mut answer = Vec::new();
        for _ in 0..count(step, self.resp) {
            match talk.try_reply() {
                Ok(reply) => answer.extend(reply),
                Err(error) => {
                    answer.extend(format!("(no reply: {error})").bytes());
                    return Err(answer);
                }
            }
        }
        if let Some(name) = &step.keeps {
            self.kept.insert(name.clone(), content(frames(&answer).last().unwrap_or(&&b""[..])));
        }
        Ok(answer)
    }

    fn until(&mut self, text: &str, bytes: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
        let side = self.side;
        let talk = self.aside.get_or_insert_with(|| side.connect_aside());
        let deadline = Instant::now() + PATIENCE;
        loop {
            talk.send(bytes);
            let reply = talk.try_reply().map_err(|error| format!("(no reply: {error})").into_bytes())?;
            let reply = String::from_utf8_lossy(&reply).into_owned();
            if reply.contains(text) {
                return Ok(b"(seen)".to_vec());
            }
            if Instant::now() > deadline {
                return Err(format!("(never {text:?}, in the end {reply:?})").into_bytes());
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// What is in a number, a text or a bulk.
fn content(reply: &[u8]) -> Vec<u8> {
    let body = match reply {
        [b'$' | b'=', rest @ ..] => {
            rest.iter().position(|&byte| byte == b'\n').map_or(rest, |at| &rest[at + 1..])
        }
        [_, rest @ ..] => rest,
        [] => reply,
    };
    body.strip_suffix(b"\r\n").unwrap_or(body).to_vec()
}

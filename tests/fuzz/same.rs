//! Comparing what both ends brought.

use crate::blur::{Rule, rule};
use crate::common::frames;
use crate::frame::Frame;
use crate::hold::{Brought, Held};
use crate::make::Session;
use crate::rig::SHARED;

/// The first difference.
pub(crate) fn difference(session: &Session, held: &Held) -> Option<String> {
    let rules: Vec<&Rule> = session.says.iter().filter_map(|say| rule(&say.like())).collect();
    let [direct, through] = &held.brought;
    for (who, (direct, through)) in direct.iter().zip(through).enumerate() {
        let (one, other) = if session.setting == SHARED {
            (apart(&direct.bytes), apart(&through.bytes))
        } else {
            (all(&direct.bytes), all(&through.bytes))
        };
        for at in 0..one.len().max(other.len()) {
            let (one, other) = (one.get(at).copied(), other.get(at).copied());
            if !same(one, other, &rules) {
                let shown = |bytes: Option<&[u8]>| match bytes {
                    Some(bytes) => bytes[..bytes.len().min(500)].escape_ascii().to_string(),
                    None => "(nothing)".into(),
                };
                return Some(format!(
                    "connection {who}, frame {at}\n    direct:  {}\n    through: {}{}",
                    shown(one),
                    shown(other),
                    ends(direct, through)
                ));
            }
        }
        if direct.closed && !through.closed {
            return Some(format!("connection {who}{}", ends(direct, through)));
        }
    }
    let kept = held.brought[0].iter().all(|brought| brought.closed);
    (kept && held.digests[0] != held.digests[1]).then(|| "the servers do not hold the same".into())
}

fn ends(direct: &Brought, through: &Brought) -> String {
    if direct.closed == through.closed {
        return String::new();
    }
    format!("\n    closed directly: {}, through: {}", direct.closed, through.closed)
}

/// In order; but one message that several patterns match comes in the order of a hash table with a seed.
fn all(bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = frames(bytes);
    let mut from = 0;
    while from < frames.len() {
        let message = by_pattern(frames[from]);
        let count = match &message {
            Some(_) => frames[from..].iter().take_while(|frame| by_pattern(frame) == message).count(),
            None => 1,
        };
        frames[from..from + count].sort_unstable();
        from += count;
    }
    frames
}

/// What is published, if the frame brings it because of a pattern.
fn by_pattern(frame: &[u8]) -> Option<Vec<Vec<u8>>> {
    if !frame.get(4..).is_some_and(|rest| rest.starts_with(b"$8\r\npmessage")) {
        return None;
    }
    let read = Frame::read_all(frame);
    let Some(Frame::Many { items, .. }) = read.first() else { return None };
    Some(items[2..].iter().filter_map(|item| item.text().map(<[u8]>::to_vec)).collect())
}

/// Replies, then messages by channel: over a shared connection their order among each other is the only one.
fn apart(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut messages, mut replies): (Vec<&[u8]>, Vec<&[u8]>) =
        frames(bytes).into_iter().partition(|frame| channel(frame).is_some());
    messages.sort_by_key(|frame| channel(frame));
    replies.append(&mut messages);
    replies
}

/// The channel of a message: its kind, its pattern if any, and its channel's name.
fn channel(frame: &[u8]) -> Option<Vec<Vec<u8>>> {
    let read = Frame::read_all(frame);
    let Some(Frame::Many { kind: b'*' | b'>', items }) = read.first() else { return None };
    let kind = items.first()?.text()?;
    if ![&b"message"[..], b"smessage", b"pmessage"].contains(&kind) {
        return None;
    }
    Some(items[..items.len() - 1].iter().filter_map(|item| item.text().map(<[u8]>::to_vec)).collect())
}

fn same(one: Option<&[u8]>, other: Option<&[u8]>, rules: &[&Rule]) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            one == other || {
                let (one, other) = (Frame::read_all(one), Frame::read_all(other));
                one.len() == other.len()
                    && one.iter().zip(&other).all(|(one, other)| alike(one, other, rules))
            }
        }
        (one, other) => one == other,
    }
}

/// A command of the table that this server does not know, said by a RESP2 client whose subscriptions share
/// a connection: it is told which commands are allowed, as it would be by a server that knows it.
fn unknown_there(one: &Frame, other: &Frame) -> bool {
    let starts = |frame: &Frame, text: &[u8]| frame.text().is_some_and(|all| all.starts_with(text));
    starts(one, b"ERR unknown ")
        && (starts(other, b"ERR Can't execute ") || starts(other, b"ERR wrong number "))
}

/// What confirms the end of a subscription, without its name: those that end together do so in the order of
/// a hash table with a seed.
fn ends_one(frame: &Frame) -> Option<(&[u8], &[u8])> {
    let Frame::Many { items, .. } = frame else { return None };
    let [kind, _, count] = &items[..] else { return None };
    let (kind, count) = (kind.text()?, count.text()?);
    [&b"unsubscribe"[..], b"punsubscribe", b"sunsubscribe"].contains(&kind).then_some((kind, count))
}

/// Whether it shows a client whose last command the server does not know, but the table may.
fn unknown_command(frame: &Frame) -> bool {
    let is_such = |word: &[u8]| word == b"cmd=NULL";
    frame.text().is_some_and(|text| text.split(|byte| *byte == b' ').any(is_such))
}

/// What is said of a client, without its last command.
fn without_command(frame: &Frame) -> Frame {
    let text = String::from_utf8_lossy(frame.text().unwrap_or_default()).into_owned();
    let words: Vec<&str> = text.split(' ').filter(|word| !word.starts_with("cmd=")).collect();
    Frame::Leaf { kind: frame.kind(), text: words.join(" ").into_bytes() }
}

/// Equal, or as far as one of the rules compares, or so in all elements.
fn alike(one: &Frame, other: &Frame, rules: &[&Rule]) -> bool {
    if one.show(&|_, _| None) == other.show(&|_, _| None) {
        return true;
    }
    if unknown_there(one, other) || (ends_one(one).is_some() && ends_one(one) == ends_one(other)) {
        return true;
    }
    if rules.iter().any(|rule| rule.blur.show(one) == rule.blur.show(other)) {
        return true;
    }
    if unknown_command(one) && !unknown_command(other) {
        return alike(&without_command(one), &without_command(other), rules);
    }
    match (one, other) {
        (Frame::Many { kind, items }, Frame::Many { kind: other_kind, items: others }) => {
            kind == other_kind
                && items.len() == others.len()
                && items.iter().zip(others).all(|(one, other)| alike(one, other, rules))
        }
        _ => false,
    }
}

//! Transactions that arrive whole, from `MULTI` to `EXEC` in one read: they hold nobody's connection.
//!
//! They go on the lane as one request with as many replies: nothing comes between its parts, it is
//! lost or kept as one, and is never sent twice.

use std::rc::Rc;

use super::Session;
use super::audit;
use super::client::{After, Client, Ticket};
use super::intake::Look;
use super::local;
use super::metered::class;
use super::near::Queued;
use super::path::Path;
use super::users;
use super::verdict::Verdict;
use crate::command::{Command, Pin, Route, lookup};
use crate::resp::Proto;
use crate::resp::convert::{Conversion, convert};
use crate::resp::request::Args;
use crate::resp::scan::reply::{Fed, ReplyScanner};
use crate::telemetry::meters::{Cause, Class};
use crate::upstream::{Failure, Heard};

/// Bytes a transaction may have on a lane, where others wait behind it.
const MOST_BYTES: usize = 64 * 1024;
/// And commands.
const MOST_COMMANDS: usize = 1024;

/// What a request is within a transaction.
enum Part {
    Opens,
    /// It is queued; how its reply is put for a RESP2 client.
    Runs(Conversion),
    Closes,
}

/// What has been seen of a transaction on its way to the lane.
#[derive(Default)]
struct Seen {
    /// How each of its commands' replies is put for a RESP2 client.
    commands: Vec<(Conversion, Class)>,
    /// What they do.
    does: Queued,
}

/// A transaction on the lane: how each of its commands' replies is put for a RESP2 client, and how many
/// replies have come: one to `MULTI`, one to each command, one to `EXEC`.
#[derive(Debug)]
pub(super) struct Transaction {
    commands: Vec<(Conversion, Class)>,
    seen: usize,
    /// Nobody knows what it does: its results wait until every lane has heard of it.
    unknown: bool,
}

impl Session {
    /// The request at the front is `MULTI`: sends what it opens to the lane, if it is all there and
    /// everything in it may go there.
    pub(super) fn transaction(&mut self) -> Verdict {
        let limits = self.path.limits();
        let path = &mut self.path;
        let (mut requests, mut seen, mut bytes) = (Vec::new(), Seen::default(), 0);
        let keeper = Rc::clone(&path.worker);
        // What has been translated is not what is kept.
        let mut translated = path.force.gate.renames().map(|_| Vec::new());
        let len = self.intake.look_ahead(&limits, |args| {
            let Some(command) = lookup(&args) else { return Look::Stop };
            bytes += args.bytes().len();
            if let Some(translated) = &mut translated {
                translated.extend_from_slice(args.bytes());
            }
            requests.push((command, args.bytes().len()));
            let part = path.part(command, &args);
            // What does not fit its rate is refused where that aborts the transaction.
            match part.filter(|_| path.pays(requests.len() - 1, Some(command), &args).is_ok()) {
                Some(Part::Opens) if requests.len() == 1 => Look::On,
                Some(Part::Runs(how)) if bytes <= MOST_BYTES && seen.commands.len() < MOST_COMMANDS => {
                    seen.commands.push((how, class(Some(command))));
                    seen.does.add(&keeper.keeper.worker, Some(command), &args);
                    Look::On
                }
                Some(Part::Closes) => Look::Found,
                _ => Look::Stop,
            }
        });
        let Some(len) = len.filter(|_| seen.does.global.is_none()) else { return path.pin() };
        if path.is_early().is_some() {
            return Verdict::Paced;
        }
        let request = translated.as_deref().unwrap_or_else(|| self.intake.ahead(len));
        let verdict = path.send_whole(request, seen);
        if verdict.consumed() {
            path.limited.settle(requests.len());
            requests.into_iter().for_each(|(command, bytes)| {
                path.client.count(Some(command), class(Some(command)), bytes);
            });
            self.intake.drop_front(len);
        }
        verdict
    }
}

impl Path {
    /// What `args` is within a transaction on the lane; `None`: it must not be there.
    fn part(&self, command: &'static Command, args: &Args<'_>) -> Option<Part> {
        let permitted = self.rights.check(Some(command), args).is_ok();
        let elsewhere =
            self.worker.shared.is_large(args) || local::changes_terms(command, args, &self.worker.shared);
        let elsewhere = elsewhere || audit::is_admin(command);
        let ours = self.has_own_users() && users::is_about_users(command);
        if !permitted || !command.arity_ok(args.len()) || elsewhere || ours {
            return None;
        }
        match command.route {
            Route::Pin(Pin::Multi) => Some(Part::Opens),
            Route::Pin(Pin::Exec) => Some(Part::Closes),
            Route::Lane | Route::Blocking(_) => match self.proto {
                Proto::Resp2 => command.conversion(args).map(Part::Runs),
                Proto::Resp3 => Some(Part::Runs(Conversion::Generic)),
            },
            _ => None,
        }
    }

    fn send_whole(&mut self, request: &[u8], Seen { commands, mut does }: Seen) -> Verdict {
        if let Some(wait) = self.before_post() {
            return wait;
        }
        let replies = commands.len() + 2;
        self.class = Class::Transaction;
        let mark = does.writes(&self.worker.keeper.worker);
        self.post(request, None, After::Transaction, mark, false, replies);
        self.client.await_transaction(Transaction { commands, seen: 0, unknown: does.unknown });
        if does.unknown {
            self.fence_behind();
        }
        Verdict::Done
    }
}

impl Client {
    /// A reply to part of a transaction has come.
    pub(super) fn part_answered(&self, ticket: Ticket, frame: &[u8], heard: &Heard<'_>) {
        let mut transactions = self.transactions.borrow_mut();
        let Some(transaction) = transactions.front_mut() else { return };
        self.timed(&ticket, transaction.class(), heard);
        if frame.starts_with(b"-") {
            self.tally.error(Cause::of_reply(frame));
        }
        transaction.seen += 1;
        let is_last = transaction.seen == transaction.commands.len() + 2;
        if is_last && transaction.unknown {
            let sent = self.next_unknown();
            self.hold(sent);
        }
        if !self.is_cut() && !self.is_ending() {
            let proto = self.card.proto();
            self.deliver(|out| transaction.put(proto, frame, out));
        }
        if is_last {
            if !heard.request.is_empty() {
                self.tell_heard(&ticket, heard);
            }
            transactions.pop_front();
            drop(transactions);
            self.done(ticket, frame.len());
        }
    }

    /// What has not been answered of a transaction will not be.
    pub(super) fn parts_failed(&self, ticket: Ticket, failure: &Failure) {
        let Some(mut transaction) = self.transactions.borrow_mut().pop_front() else { return };
        if transaction.unknown {
            self.next_unknown();
        }
        self.done(ticket, 0);
        let is_heard = !self.is_cut() && !self.is_ending();
        while transaction.seen < transaction.commands.len() + 2 {
            self.timed_out(&ticket, transaction.class(), failure);
            if is_heard {
                self.deliver(|out| local::failure(failure, out));
            }
            transaction.seen += 1;
        }
    }
}

impl Transaction {
    /// What the command is counted as that is answered next.
    fn class(&self) -> Class {
        let command = self.seen.checked_sub(1).and_then(|at| self.commands.get(at));
        command.map_or(Class::Transaction, |(_, class)| *class)
    }

    /// Appends the reply that has come last as the client reads it.
    fn put(&self, proto: Proto, frame: &[u8], out: &mut Vec<u8>) {
        let as_it_is = proto == Proto::Resp3 || matches!(frame.first(), Some(b'+' | b'-'));
        match self.seen {
            _ if as_it_is => out.extend_from_slice(frame),
            seen if seen == self.commands.len() + 2 => self.put_results(frame, out),
            // `MULTI` was refused: what should have been queued has been run.
            seen => {
                let how = seen.checked_sub(2).and_then(|at| self.commands.get(at));
                convert(how.map_or(Conversion::Generic, |(how, _)| *how), frame, out);
            }
        }
    }

    /// The results of all commands, each put as that command's are.
    fn put_results(&self, frame: &[u8], out: &mut Vec<u8>) {
        let head = frame.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let Some(mut at) = head.filter(|_| frame.starts_with(b"*")) else {
            // A watched key cannot be, but a server may say so of other things.
            return convert(Conversion::NullArray, frame, out);
        };
        out.extend_from_slice(&frame[..at]);
        let mut scanner = ReplyScanner::default();
        for (how, _) in &self.commands {
            let Ok(Fed::Whole(len)) = scanner.feed(&frame[at..]) else { break };
            convert(*how, &frame[at..at + len], out);
            at += len;
        }
        out.extend_from_slice(&frame[at..]);
    }
}

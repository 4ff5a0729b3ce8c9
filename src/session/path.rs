//! Which way a request goes: answered here, onto the lane, or to a connection of its own.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use super::client::{After, Client};
use super::limiting::Limited;
use super::metered;
use super::near::Seen;
use super::nod;
use super::subscribed::{Membership, correct};
use super::traced::Outcome;
use super::verdict::Verdict;
use super::{InForce, Worker, local, monitor, nearside, users};
use crate::cache::Time;
use crate::command::{Cached, Command, Family, Local, Pin, Route, lookup};
use crate::config;
use crate::policy::{Origin, Permit, Proof, Rights};
use crate::resp::Proto;
use crate::resp::reply;
use crate::resp::request::Args;
use crate::resp::scan::request::Limits;
use crate::telemetry::meters::{By, Cause, Class};
use crate::upstream::{Credential, Lane, ServerInfo, Wanted};

/// What a session is, as far as its commands depend on it.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) worker: Rc<Worker>,
    /// What is in force, as of its last look.
    pub(super) force: Arc<InForce>,
    pub(super) client: Rc<Client>,
    pub(super) proto: Proto,
    pub(super) db: u32,
    pub(super) credential: Rc<Credential>,
    /// Where it comes from.
    pub(super) origin: Origin,
    /// What it may do.
    pub(super) rights: Arc<Rights>,
    /// By what it is who it is.
    pub(super) proof: Proof,
    /// How much of it.
    pub(super) limited: Limited,
    /// Its subscriptions, if it shares a connection for them.
    pub(super) member: Option<Membership>,
    /// The right to subscribe on a connection of its own, for the stay there.
    pub(super) dedicated: Option<OwnedSemaphorePermit>,
    lane: Option<Rc<Lane<Client>>>,
    /// What the session has seen that its lane may not have.
    pub(super) seen: Seen,
    limits: Limits,
    /// The same for the cache; `None` until it is wanted.
    pub(super) now: Option<Time>,
    /// When the requests being routed arrived: one look at the clock serves a whole pipeline.
    pub(super) arrived: Instant,
    /// When they were read, as it is counted: what waits for its turn has been there since then.
    pub(super) asked: u64,
    /// What the request being routed is counted as.
    pub(super) class: Class,
    /// What became of it, if nobody else was asked.
    pub(super) outcome: Option<Outcome>,
}

impl Path {
    pub(super) fn new(worker: Rc<Worker>, force: Arc<InForce>, client: Rc<Client>, origin: Origin) -> Self {
        let rights = force.gate.newcomer(&origin, worker.shared.credential().user());
        rights.user().clone_into(&mut client.card.names().user);
        let arrived = Instant::now();
        client.must_authenticate(rights.must_authenticate(), arrived);
        Self {
            asked: worker.tally.at(arrived),
            class: Class::Unknown,
            outcome: None,
            limited: Limited::new(force.rates.as_ref(), rights.user(), &origin),
            proto: Proto::Resp2,
            db: force.config.upstream.database,
            rights,
            proof: Proof::Unasked,
            origin,
            credential: Rc::new(worker.shared.credential()),
            member: None,
            dedicated: None,
            lane: None,
            seen: Seen::Nothing,
            limits: limits(&force.config.limits),
            now: None,
            arrived,
            worker,
            force,
            client,
        }
    }

    /// What a request of this client may be at most.
    pub(super) fn limits(&self) -> Limits {
        let unauthenticated = self.must_authenticate();
        self.client.must_authenticate(unauthenticated, self.arrived);
        Limits { unauthenticated, ..self.limits }
    }

    /// Requests are held to what is in force.
    pub(super) fn set_limits(&mut self) {
        self.limits = limits(&self.force.config.limits);
    }

    /// Whether somebody wants a password that nobody has given yet: the gate or the upstream.
    pub(super) fn must_authenticate(&self) -> bool {
        self.rights.must_authenticate() || self.upstream_wants_password()
    }

    /// What the server has said of itself, if the session has a lane to it.
    pub(super) fn server(&self) -> Option<Rc<ServerInfo>> {
        self.lane.as_ref().and_then(|lane| lane.link_info())
    }

    fn upstream_wants_password(&self) -> bool {
        self.credential.password.is_none()
            && match self.server() {
                Some(info) => info.hello.is_empty(),
                None => self.worker.shared.wants_password(&self.credential),
            }
    }

    /// Whether the upstream is known to let this client in. Where nobody knows, it has to be asked.
    pub(super) fn is_let_in(&mut self) -> bool {
        !self.rights.must_authenticate()
            && (self.credential.password.is_some() || self.lane().watch().was_greeted())
    }

    /// From now on the client gets its replies in `proto`.
    pub(super) fn speak(&mut self, proto: Proto) {
        self.proto = proto;
        self.client.card.set_proto(proto);
        if let Some(member) = &self.member {
            member.speak(proto);
        }
    }

    /// From now on the client works on database `db`.
    pub(super) fn select(&mut self, db: u32) {
        self.db = db;
        self.client.card.set_db(db);
        self.leave_lane();
    }

    /// The next request goes on another lane, which may not have heard all that the session has seen.
    pub(super) fn leave_lane(&mut self) {
        (self.lane, self.seen) = (None, Seen::Elsewhere);
    }

    /// The state a connection of the session's own must be in.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted { proto: self.proto, db: self.db, credential: self.worker.shared.current(&self.credential) }
    }

    /// The session's lane.
    pub(super) fn lane(&mut self) -> &Rc<Lane<Client>> {
        self.lane.get_or_insert_with(|| self.worker.lanes.lane(self.db, &self.credential))
    }

    /// Deals with one request, or says what it waits for.
    #[inline]
    pub(super) fn route(&mut self, args: &Args<'_>) -> Verdict {
        let command = lookup(args);
        (self.class, self.outcome) = (metered::class(command), None);
        let verdict = match self.rights.check(command, args) {
            Err(denied) => self.refuse(&denied, command, args),
            Ok(permit) if self.limited.is_metered() => self.route_metered(command, args, permit),
            Ok(permit) if self.member.is_some() => self.route_member(command, args, permit),
            Ok(permit) => self.route_any(command, args, permit),
        };
        if verdict.consumed() {
            self.client.count(command, self.class, args.bytes().len());
            if let Some(outcome) = self.outcome
                && self.worker.traces.wants_all()
            {
                self.tell_here(command, args, outcome);
            }
        }
        verdict
    }

    #[inline]
    pub(super) fn route_any(
        &mut self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        permit: Permit,
    ) -> Verdict {
        match command {
            Some(command) if self.worker.monitors.any() => self.route_monitored(command, args, permit),
            Some(command) => self.route_known(command, args, permit),
            None if is_attack(args) => Verdict::Close,
            None => self.pin(),
        }
    }

    /// It is subscribed, and shares the connection for it.
    #[cold]
    pub(super) fn route_member(
        &mut self,
        command: Option<&'static Command>,
        args: &Args<'_>,
        permit: Permit,
    ) -> Verdict {
        let Some(verdict) = self.while_subscribed(command, args) else {
            return self.route_any(command, args, permit);
        };
        let runs = |c: &&Command| self.proto == Proto::Resp3 || c.while_subscribed();
        if verdict.consumed() && self.worker.monitors.any() && command.as_ref().is_some_and(runs) {
            self.worker.monitors.show(self, command, args, true);
        }
        verdict
    }

    /// Somebody monitors, this client itself perhaps.
    #[cold]
    fn route_monitored(&mut self, command: &'static Command, args: &Args<'_>, permit: Permit) -> Verdict {
        if self.worker.monitors.refuses(&self.client, command, args) {
            return self.here(|_, out| reply::error(monitor::KEYSPACE, out));
        }
        let verdict = self.route_known(command, args, permit);
        if verdict.consumed() {
            self.worker.monitors.show(self, Some(command), args, true);
        }
        verdict
    }

    #[inline]
    fn route_known(&mut self, command: &'static Command, args: &Args<'_>, permit: Permit) -> Verdict {
        match command.route {
            _ if command.family == Family::Server
                && self.has_own_users()
                && users::is_about_users(command) =>
            {
                match self.acl(command, args) {
                    Some(answer) => self.here(|_, out| out.extend_from_slice(&answer)),
                    None => self.on_lane(command, args, After::Nothing),
                }
            }
            Route::Lane if command.family == Family::Pubsub => {
                let after = correct::after(self.worker.feeds.shares(), command, args);
                self.on_lane(command, args, after)
            }
            Route::Lane if command.cached != Cached::No => self.read(command, args, permit),
            Route::Lane | Route::Container => self.on_lane(command, args, After::Nothing),
            Route::Blocking(_) if !command.blocks(args) => self.on_lane(command, args, After::Nothing),
            Route::Info if local::is_ours_alone(args) && !self.must_authenticate() => {
                let section = self.worker.desk.info();
                self.here(|path, out| reply::text(path.proto, &section, out))
            }
            Route::Info if local::includes_ours(args) => self.on_lane(command, args, After::Info),
            Route::Info => self.on_lane(command, args, After::Nothing),
            Route::Session(Local::Quit) => match self.here(|_, out| out.extend_from_slice(b"+OK\r\n")) {
                Verdict::Done => Verdict::Close,
                wait => wait,
            },
            Route::Session(which) => match nod::prepare(command, args, self.client.id) {
                Some(asked) => self.ask(asked),
                None => self.session(which, args),
            },
            Route::Refused => self.here(|_, out| local::refused(command.name, out)),
            Route::Pin(Pin::MonitorUpstream) if !local::is_monitor_upstream(args) => {
                self.session(Local::Nearside, args)
            }
            Route::Pin(Pin::Multi) if !self.worker.monitors.any() && self.member.is_none() => {
                if args.len() == 1 { Verdict::Transaction } else { self.pin() }
            }
            Route::Pin(Pin::Subscribe(kind)) => self.subscribe(kind, command, args),
            Route::Lease | Route::Blocking(_) | Route::Pin(_) | Route::Control => self.pin(),
        }
    }

    /// Answers here, once nothing is in flight.
    pub(super) fn here(&mut self, answer: impl FnOnce(&mut Self, &mut Vec<u8>)) -> Verdict {
        self.here_for(None, answer)
    }

    /// The same; if the answer is an error, it is one for this `cause`, else for the one it states.
    pub(super) fn here_for(
        &mut self,
        cause: Option<Cause>,
        answer: impl FnOnce(&mut Self, &mut Vec<u8>),
    ) -> Verdict {
        if self.client.outstanding() > 0 || self.client.has_later() {
            return Verdict::Drained;
        }
        let mut out = Vec::new();
        answer(self, &mut out);
        if out.starts_with(b"-") {
            self.worker.tally.error(cause.unwrap_or_else(|| Cause::of_reply(&out)));
        }
        self.client.say(&out);
        self.answered_here(By::Here);
        Verdict::Done
    }

    fn session(&mut self, which: Local, args: &Args<'_>) -> Verdict {
        if self.client.outstanding() > 0 || self.client.has_later() {
            return Verdict::Drained;
        }
        let walks = which == Local::Nearside
            && (nearside::takes_a_walk(args) || (nearside::is_private(args) && self.is_somebody_else()));
        if walks && !self.must_authenticate() && (self.is_let_in() || nearside::waits_for_others(args)) {
            return Verdict::Walk;
        }
        match local::answer(self, which, args) {
            None => Verdict::Pin,
            Some(answer) => self.here(|_, out| out.extend_from_slice(&answer)),
        }
    }

    pub(super) fn pin(&self) -> Verdict {
        let busy = self.client.outstanding() > 0 || self.client.has_later();
        if busy { Verdict::Drained } else { Verdict::Pin }
    }
}

fn limits(limits: &config::Limits) -> Limits {
    let limit = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Limits {
        max_bulk: limit(limits.max_bulk),
        max_multibulk: limit(limits.max_multibulk),
        large: limit(limits.large),
        unauthenticated: false,
    }
}

/// Whether these are another protocol's words, which a browser was made to send here. Redis hangs up
/// without an answer (CVE-2016-10517), and so must what stands in front of it.
pub(super) fn is_attack(args: &Args<'_>) -> bool {
    args.is(0, "POST") || args.is(0, "Host:")
}

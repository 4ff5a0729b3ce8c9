//! The dashboard: a page at `/` and what it is made of, from the binary; its figures come from the desk.
//!
//! The page and its parts hold no figures and are given to anybody who may connect; what shows something
//! (`/overview`, `/history`, `/events`) wants the token where there is one. The page never gets to run
//! anything but the files below: its policy forbids inline scripts, and it puts text in as text only.

mod assets;
mod stream;

pub(super) use stream::Dashboard;

/// What there is to ask, for who asks for `/` without being a browser.
const LIST: &str = "\
Nearside. What can be asked here, as JSON; a browser gets the dashboard:

GET  /health        how it is, with reasons
GET  /live          its threads turn
GET  /ready         new clients may be sent here
GET  /startup       it has been ready once
GET  /alerts        what it warns of, and how near each is
GET  /config        the settings in force, and where each came from
GET  /clients       who is connected (?limit=1000)
GET  /hotkeys       the keys read most (?count=10)
GET  /slowlog       requests that took long, and where their time went (?count=10)
GET  /explain       what would become of ?command=GET+key (and of which user=)
GET  /cache         the near cache and what it has counted
GET  /metrics       everything that is measured, for Prometheus
GET  /overview      what the dashboard shows
GET  /history       the same over the last minutes
GET  /events        an overview a second, as server-sent events
GET  /log           which lines the log shows; POST /log?level=debug shows others
POST /cache/flush   make every entry of the near cache void
POST /slowlog/reset forget them
POST /reload        read the settings again and put what has changed into force
POST /drain         take no new clients, finish what has begun, and end
";

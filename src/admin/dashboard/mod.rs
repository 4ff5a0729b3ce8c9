//! The dashboard: a page at `/` and what it is made of, from the binary; its figures come from the desk.
//!
//! The page and its parts hold no figures and are given to anybody who may connect; what shows something
//! (`/overview`, `/history`, `/events`) wants the token where there is one. The page never gets to run
//! anything but the files below: its policy forbids inline scripts, and it puts text in as text only.

mod assets;
mod stream;

pub(super) use stream::Dashboard;

//! The program with nothing around it, as in a container image made from scratch: an empty directory is its
//! root. `make test-static` sets `NEARSIDE_IMAGE_ROOT` to the root of the image, with the static binary; else the
//! program of this build is tried, with the few libraries it is linked to.

mod common;

#[path = "static/dns.rs"]
mod dns;
#[path = "static/root.rs"]
mod root;
#[path = "static/runs.rs"]
mod runs;

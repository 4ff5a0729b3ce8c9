//! The files in `docker/` are held to what they speak of: the settings exist and fit together, ports and paths
//! are the same on both sides, what they start starts. Docker, a cluster and systemd itself are not needed.

mod common;

#[path = "deploy/compose.rs"]
mod compose;
#[path = "deploy/image.rs"]
mod image;
#[path = "deploy/kubernetes.rs"]
mod kubernetes;
#[path = "deploy/read.rs"]
mod read;
#[path = "deploy/systemd.rs"]
mod systemd;

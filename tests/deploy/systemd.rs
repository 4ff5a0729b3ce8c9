//! The units for systemd.

use std::process::Command;

use nearside::config::Listen;

use crate::common::Dir;
use crate::read::{Env, check, path, text};

const UNITS: [&str; 2] = ["nearside.service", "nearside.socket"];

/// The values a key is given, in any section.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = text(&format!("docker/systemd/{unit}"));
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.filter(|(each, _)| *each == key).map(|(_, value)| value.to_owned()).collect()
}

fn value(unit: &str, key: &str) -> String {
    let found = values(unit, key);
    assert_eq!(found.len(), 1, "{unit}: {key}");
    found.concat()
}

/// `systemd-analyze` on the units, with the program of this build; `None` where there is none.
fn analyze(words: &[&str]) -> Option<(bool, String)> {
    let dir = Dir::new();
    let mut command = Command::new("systemd-analyze");
    command.args(words);
    for unit in UNITS {
        let text = text(&format!("docker/systemd/{unit}"));
        let there = text.replace("/usr/local/bin/nearside", env!("CARGO_BIN_EXE_nearside"));
        std::fs::write(dir.join(unit), there).expect("written");
        if words[0] == "verify" || unit.ends_with(".service") {
            command.arg(dir.join(unit));
        }
    }
    let output = command.env("SYSTEMD_COLORS", "0").env("LC_ALL", "C").output().ok()?;
    Some((
        output.status.success(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    ))
}

#[test]
fn systemd_understands_them() {
    let Some((fine, said)) = analyze(&["verify", "--man=no"]) else { return };
    // It also verifies what else the machine has.
    let is_about_ours = said.lines().any(|line| line.contains("nearside"));
    assert!(!is_about_ours && (fine || said.is_empty()), "{said}");
}

#[test]
fn the_service_is_hardened() {
    // Tenths: below 2.0 is what systemd calls OK; what is left is the network and its own directories.
    let Some((fine, said)) = analyze(&["security", "--offline=true", "--threshold=20"]) else { return };
    assert!(fine, "{said}");
}

#[test]
fn its_variables_exist_and_fit() {
    let given = values("nearside.service", "Environment");
    let mut env: Env = pairs(given.iter().map(String::as_str)).collect();
    check("nearside.service", &env);
    // Those commented out as well; a file they name is not there.
    let file = text("docker/systemd/nearside.env");
    let lines = file.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
    env.extend(pairs(lines.filter(|line| line.starts_with("NEARSIDE_") || line.starts_with("REDIS_"))));
    assert!(env.len() > 4, "{env:?}");
    env.remove("NEARSIDE_CONFIG");
    check("nearside.env", &env);
}

fn pairs<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = (String, String)> {
    lines.map(|line| {
        line.split_once('=').map(|(name, value)| (name.into(), value.into())).expect("NAME=VALUE")
    })
}

#[test]
fn the_socket_is_the_address_clients_know_and_stopping_takes_as_long_as_it_takes() {
    let listen = value("nearside.socket", "ListenStream");
    let config = nearside::config::load(&nearside::config::Sources::default()).expect("defaults fit").config;
    let (host, port) = listen.rsplit_once(':').expect("an address");
    assert_eq!(config.listen, [Listen::Tcp(host.into(), port.parse().expect("a port"))]);
    assert_eq!(value("nearside.socket", "Backlog"), config.tcp_backlog.to_string());
    // Draining, then 30 s for a server of its own.
    let stop: u64 = value("nearside.service", "TimeoutStopSec").parse().expect("seconds");
    assert!(stop > config.drain_timeout.as_secs() + 30);
    assert_eq!(value("nearside.service", "RestartPreventExitStatus"), "78");
    assert_eq!(value("nearside.service", "KillMode"), "mixed");
    assert_eq!(value("nearside.service", "ExecStart"), "/usr/local/bin/nearside");
    assert!(value("nearside.service", "ExecReload").contains("-HUP"));
}

#[test]
fn the_user_is_one_that_is_made() {
    let made = text("docker/systemd/nearside.sysusers");
    let user = value("nearside.service", "User");
    assert!(made.lines().any(|line| line.starts_with(&format!("u {user} "))), "{made}");
    assert!(path("docker/systemd/nearside.service").is_file());
    assert!(made.contains("/var/lib/nearside") && value("nearside.service", "StateDirectory") == "nearside");
}

//! The compose files: each is read, held against itself, and what it would start is started, here.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use nearside::config::cli::Cli;
use yaml_rust2::Yaml;

use crate::common::{Place, Run, Server, Talk, binary, signal};
use crate::read::{Env, certs, check, list, path, port, scalar, text, yaml};

/// Each with the one it is laid over, and how clients connect to its proxies.
const FILES: [(&str, Option<&str>); 4] = [
    ("docker/compose.yaml", None),
    ("docker/compose.tls.yaml", None),
    ("docker/compose.pair.yaml", None),
    ("docker/compose.metrics.yaml", Some("docker/compose.yaml")),
];
const SETTINGS: [&str; 3] = ["NEARSIDE_LISTEN", "NEARSIDE_TLS_LISTEN", "NEARSIDE_ADMIN_LISTEN"];

/// The services of a file that are Nearside.
fn proxies(file: &Yaml) -> Vec<(String, Yaml)> {
    let services = file["services"].as_hash().expect("services");
    let named = services.iter().map(|(name, service)| (scalar(name), service.clone()));
    named.filter(|(name, _)| name.starts_with("nearside")).collect()
}

fn variables(service: &Yaml) -> Env {
    let given = service["environment"].as_hash().expect("variables");
    given.iter().map(|(name, value)| (scalar(name), scalar(value))).collect()
}

/// What the file it is laid over gives it, too.
fn laid_over(env: Env, below: Option<&str>, name: &str) -> Env {
    let Some(below) = below else { return env };
    let (_, service) =
        proxies(&yaml(below)).into_iter().find(|(each, _)| each == name).expect("the same service");
    let mut all = variables(&service);
    all.extend(env);
    all
}

#[test]
fn every_variable_exists_and_every_port_is_one_that_is_listened_on() {
    let certs = certs();
    for (file, below) in FILES {
        for (name, service) in proxies(&yaml(file)) {
            let mut env = laid_over(variables(&service), below, &name);
            let ports: Vec<u16> =
                SETTINGS.iter().filter_map(|name| env.get(*name)).map(|at| port(at)).collect();
            for published in list(&service["ports"]) {
                let published = scalar(published);
                assert!(published.starts_with("127.0.0.1:"), "{file}: {published} is open to the network");
                assert!(
                    ports.contains(&port(&published)),
                    "{file}: nobody listens for {published}: {ports:?}"
                );
            }
            for value in env.values_mut() {
                *value = value.replace("/certs/", &format!("{}/", certs.path().display()));
            }
            check(&format!("{file}, {name}"), &env);
        }
    }
}

#[test]
fn what_is_built_and_mounted_is_there() {
    for (file, _) in FILES {
        let document = yaml(file);
        for (name, service) in document["services"].as_hash().expect("services") {
            let build = &service["build"];
            if let (Some(context), Some(dockerfile)) =
                (build["context"].as_str(), build["dockerfile"].as_str())
            {
                let context = path("docker").join(context);
                assert!(context.join(dockerfile).is_file() && context.join("Cargo.toml").is_file(), "{file}");
            }
            for volume in list(&service["volumes"]) {
                let volume = scalar(volume);
                let (from, _) = volume.split_once(':').expect("from and to");
                let is_named = document["volumes"]
                    .as_hash()
                    .is_some_and(|all| all.contains_key(&Yaml::String(from.into())));
                assert!(is_named || from.starts_with('.'), "{file}, {name:?}: {volume}");
                // Made by certs/make.sh.
                let is_there = is_named || from == "../certs/dev" || path("docker").join(from).exists();
                assert!(is_there, "{file}: {from} is not there");
            }
        }
    }
}

#[test]
fn what_scrapes_and_shows_figures_finds_them() {
    let metrics = yaml("docker/compose.metrics.yaml");
    let services = &metrics["services"];
    let admin = variables(&services["nearside"])["NEARSIDE_ADMIN_LISTEN"].clone();
    let scrape = yaml("docker/prometheus/prometheus.yml");
    let targets = list(&scrape["scrape_configs"][0]["static_configs"][0]["targets"]).iter();
    assert_eq!(targets.map(scalar).collect::<Vec<_>>(), [format!("nearside:{}", port(&admin))]);
    let source = yaml("docker/grafana/provisioning/datasources/prometheus.yml");
    assert_eq!(source["datasources"][0]["url"].as_str(), Some("http://prometheus:9090"));
    let shown = yaml("docker/grafana/provisioning/dashboards/nearside.yml");
    let shown = scalar(&shown["providers"][0]["options"]["path"]);
    let mounted = list(&services["grafana"]["volumes"]).iter().map(scalar);
    assert!(
        mounted.into_iter().any(|volume| volume == format!("./grafana/dashboards:{shown}:ro")),
        "{shown}"
    );
}

#[test]
fn what_they_start_starts_and_serves() {
    for (file, below) in FILES {
        let redis = &yaml(below.unwrap_or(file))["services"]["redis"];
        for (name, service) in proxies(&yaml(file)) {
            let env = laid_over(variables(&service), below, &name);
            serves(&format!("{file}, {name}"), &scalar(&redis["command"]), env);
        }
    }
}

/// Starts both, with other ports and paths, and sends a command over.
fn serves(what: &str, command: &str, mut env: Env) {
    let certs = certs();
    let args = command.strip_prefix("redis-server ").unwrap_or_else(|| panic!("{what}: {command}"));
    let args: Vec<String> = args
        .split_whitespace()
        .map(|word| word.trim_matches('"').replace("/certs", &certs.path().display().to_string()))
        .collect();
    let is_tls = args.contains(&"--tls-port".to_owned());
    let mut own = Vec::new();
    let mut words = args.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--port" | "--tls-port" | "--dir" => drop(words.next()),
            word => own.push(word),
        }
    }
    let (_redis, redis) = if is_tls {
        Server::start_tls(&own)
    } else {
        let server = Server::start_tcp(&own);
        let port = server.port();
        (server, port)
    };
    for value in env.values_mut() {
        *value = value.replace("redis:6379", &format!("localhost:{redis}"));
        *value = value.replace("/certs/", &format!("{}/", certs.path().display()));
    }
    // Any port; the address stays what it is.
    for name in SETTINGS {
        if let Some(listen) = env.get_mut(name) {
            *listen = format!("{}:0", listen.rsplit_once(':').expect("a port").0);
        }
    }
    env.entry("NEARSIDE_ADMIN_LISTEN".into()).or_insert_with(|| "none".into());
    let mut command = binary();
    command.envs(&env);
    let mut run = Run::start(&mut command);
    run.says("listening on ");
    if is_tls {
        run.says(" with TLS");
    }
    let mut told = run.said.iter().filter(|line| line.contains("listening on "));
    let line = told.next_back().expect("it was told");
    let address = line.rsplit("listening on ").next().and_then(|rest| rest.split_whitespace().next());
    let at: SocketAddr = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    // As another container does, if this machine has an address for it.
    for host in [Some(IpAddr::from([127, 0, 0, 1])), own_address()].into_iter().flatten() {
        if is_tls {
            with_certificate(host, at.port(), certs.path());
        } else {
            let mut talk = Talk::connect(&Place::Tcp((host, at.port()).into()));
            assert_eq!(talk.ask(&["INCR", "n"]).first(), Some(&b':'), "{what}, {host}");
        }
    }
    signal(run.pid(), "TERM");
    assert!(run.end().success(), "{what}: {:#?}", run.said);
}

/// An address of this machine that is not the loopback; nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// As the file's head says, but for the port.
fn with_certificate(host: IpAddr, port: u16, certs: &Path) {
    let mut command = std::process::Command::new("redis-cli");
    command.args(["-h", &host.to_string(), "-p", &port.to_string(), "--tls", "--sni", "nearside"]);
    for (option, file) in [("--cacert", "ca.crt"), ("--cert", "client.crt"), ("--key", "client.key")] {
        command.arg(option).arg(certs.join(file));
    }
    // Of the names in the certificate, none is this machine's address.
    let output = command.args(["--insecure", "ping"]).output().expect("redis-cli runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.starts_with("PONG"), "{host}: {said}");
}

#[test]
fn the_commands_in_their_heads_name_them() {
    for (file, below) in FILES {
        let text = text(file);
        let command = text.lines().find(|line| line.contains("docker compose ")).expect("how it is started");
        for named in [Some(file), below].into_iter().flatten() {
            assert!(command.contains(&format!("--file {named} ")), "{file}: {command}");
        }
    }
}

#[test]
fn health_is_asked_of_an_address_the_image_has() {
    use clap::Parser as _;
    // `wait` asks the first address of `listen`; where that speaks TLS only, nobody is asked.
    let cli = Cli::try_parse_from(["/nearside", "wait", "--timeout", "3s"]).expect("as in the Dockerfile");
    assert!(cli.command.is_some());
    for (file, below) in FILES {
        for (name, service) in proxies(&yaml(file)) {
            let env = laid_over(variables(&service), below, &name);
            assert!(env.get("NEARSIDE_LISTEN").is_some_and(|listen| !listen.is_empty()), "{file}: {name}");
        }
    }
}

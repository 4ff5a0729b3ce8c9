//! The `nearside` program: arguments, logging, signals, exit codes; nothing else.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this is where people are spoken to

use std::process::ExitCode;

use clap::Parser;
use nearside::config::cli::{Cli, Command};
use nearside::config::{self, Loaded, Sources};
use nearside::{Config, Options, Proxy, telemetry};
use tokio::signal::unix::{Signal, SignalKind, signal};

mod backup;
mod systemd;
mod wait;

/// The conventional exit code for a configuration that cannot be used (`sysexits.h`, EX_CONFIG).
const BAD_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let loaded = match load(&cli) {
        Ok(loaded) => loaded,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("nearside: {problem}"));
            return ExitCode::from(BAD_CONFIG);
        }
    };
    match cli.command.unwrap_or(Command::Run) {
        Command::Check { reference: true, .. } => {
            print!("{}", config::reference());
            ExitCode::SUCCESS
        }
        Command::Check { metrics: true, .. } => {
            print!("{}", telemetry::metrics::reference());
            ExitCode::SUCCESS
        }
        Command::Check { connect, .. } => check(&loaded, connect),
        Command::Wait { timeout } => wait::wait(&loaded.config, timeout),
        Command::Backup { file } => aloud(loaded, |config| backup::backup(config, file)),
        Command::Restore { file } => aloud(loaded, |config| backup::put_back(config, file)),
        Command::Run => run(loaded),
    }
}

fn load(cli: &Cli) -> Result<Loaded, Vec<String>> {
    let env = Sources::variables(std::env::vars_os());
    let file = match cli.flags.config_file(&env) {
        None => None,
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) => return Err(vec![format!("cannot read {}: {error}", path.display())]),
        },
    };
    let sources = Sources { flags: cli.flags.values(), env, file, cores: None, memory: None };
    config::load(&sources).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// Prints the settings, and what is wrong with the files they name or, on demand, with the upstream.
fn check(loaded: &Loaded, connect: bool) -> ExitCode {
    print!("{}", config::render(loaded));
    match Proxy::check(&loaded.config) {
        Ok(warnings) => warnings.iter().for_each(|warning| println!("\nwarning: {warning}")),
        Err(error) => {
            eprintln!("nearside: {error}");
            return ExitCode::from(BAD_CONFIG);
        }
    }
    if !connect {
        return ExitCode::SUCCESS;
    }
    match Proxy::visit(&loaded.config) {
        Ok(met) => {
            println!("\nupstream: {met}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("nearside: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Does `what`, and has what goes on below it logged from warnings upwards.
fn aloud(loaded: Loaded, what: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    let log = config::Log { level: "warn".into(), ..loaded.config.log };
    if let Ok(subscriber) = telemetry::log::subscriber(&log) {
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    what(loaded.config)
}

fn run(loaded: Loaded) -> ExitCode {
    match telemetry::log::subscriber(&loaded.config.log) {
        Ok(subscriber) => drop(tracing::subscriber::set_global_default(subscriber)),
        Err(error) => {
            eprintln!("nearside: {error}");
            return ExitCode::from(BAD_CONFIG);
        }
    }
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    raise_file_limit();
    let upstream = format!("{} ({})", loaded.config.upstream.address(), loaded.config.upstream.origin);
    let workers = loaded.config.workers;
    let options = Options {
        search_path: std::env::var_os("PATH"),
        settings: loaded.settings,
        inherited: systemd::inherited(),
        ..Options::default()
    };
    let handle = match Proxy::start_with(loaded.config, options) {
        Ok(handle) => handle,
        Err(error) if error.is_configuration() => {
            eprintln!("nearside: {error}");
            return ExitCode::from(BAD_CONFIG);
        }
        Err(error) => {
            eprintln!("nearside: {error}");
            return ExitCode::FAILURE;
        }
    };
    let announce = || {
        for address in handle.addresses() {
            tracing::info!(%upstream, workers, "listening on {address}");
        }
        for address in handle.tls_addresses() {
            tracing::info!(%upstream, workers, "listening on {address} with TLS");
        }
        for address in handle.admin_addresses() {
            tracing::info!("health, metrics and dashboard on {address}");
        }
        systemd::ready(&format!("serving in front of {upstream}"));
    };
    if let Err(error) = signals(&handle, announce) {
        tracing::error!(%error, "cannot listen for signals");
    }
    handle.wait();
    tracing::info!("stopped");
    ExitCode::SUCCESS
}

/// Waits for SIGTERM or SIGINT and drains, or until another process has taken over; a second signal ends the
/// program at once. `announce` is called once a signal is no longer fatal: who reads that it listens may stop
/// it.
fn signals(handle: &nearside::Handle, announce: impl FnOnce()) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (name, mut stops) = runtime.block_on(async {
        let mut stops = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        announce();
        Ok::<_, std::io::Error>(tokio::select! {
            name = next(&mut stops) => (Some(name), stops),
            () = handle.until_leaving() => (None, stops),
            () = systemd::watchdog(|limit| handle.lives(limit)) => (None, stops),
        })
    })?;
    systemd::stopping("draining");
    if let Some(name) = name {
        tracing::info!(signal = name, "told to stop");
        handle.drain();
    }
    // From here on the signals' handlers are ours still: a second one must not be swallowed. Where nobody has
    // sent a first one, that asks for what is done already.
    std::thread::spawn(move || {
        runtime.block_on(async {
            if name.is_none() {
                tracing::info!(
                    signal = next(&mut stops).await,
                    "draining already; once more ends it at once"
                );
            }
            next(&mut stops).await;
        });
        end_now();
    });
    Ok(())
}

/// The name of the next signal to stop.
async fn next((term, int): &mut (Signal, Signal)) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

#[allow(clippy::disallowed_methods)] // the one place that may
fn end_now() -> ! {
    std::process::exit(130)
}

/// Clients and upstream connections are open files: use as many as the system lets us have.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

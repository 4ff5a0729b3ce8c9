//! The `nearside` program: arguments, logging, signals, exit codes; nothing else.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this is where people are spoken to

use std::process::ExitCode;

use clap::Parser;
use nearside::config::cli::{Cli, Command, Flags};
use nearside::config::{self, Loaded, Sources};
use nearside::{Config, Options, Proxy, Source, telemetry};

mod backup;
mod signals;
mod systemd;
mod wait;
mod watched;

/// The conventional exit code for a configuration that cannot be used (`sysexits.h`, EX_CONFIG).
const BAD_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let loaded = match load(&cli.flags) {
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
        Command::Run => run(loaded, cli.flags),
    }
}

/// Reads everything there is about settings: the file, the environment and the flags.
fn load(flags: &Flags) -> Result<Loaded, Vec<String>> {
    let env = Sources::variables(std::env::vars_os());
    let file = match flags.config_file(&env) {
        None => None,
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) => return Err(vec![format!("cannot read {}: {error}", path.display())]),
        },
    };
    let sources = Sources { flags: flags.values(), env, file, cores: None, memory: None };
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
    if let Ok((subscriber, _)) = telemetry::log::subscriber(&log) {
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    what(loaded.config)
}

fn run(loaded: Loaded, flags: Flags) -> ExitCode {
    let levels = match telemetry::log::subscriber(&loaded.config.log) {
        Ok((subscriber, levels)) => {
            let _ = tracing::subscriber::set_global_default(subscriber);
            levels
        }
        Err(error) => {
            eprintln!("nearside: {error}");
            return ExitCode::from(BAD_CONFIG);
        }
    };
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    raise_file_limit();
    let upstream = format!("{} ({})", loaded.config.upstream.address(), loaded.config.upstream.origin);
    let workers = loaded.config.workers;
    let file = flags.config_file(&Sources::variables(std::env::vars_os()));
    let options = Options {
        search_path: std::env::var_os("PATH"),
        inherited: systemd::inherited(),
        source: Some(Source::new(move || load(&flags))),
        settings: loaded.settings,
        log: Some(levels),
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
    if let Some(file) = file.filter(|_| handle.reloader().config().reload.watch) {
        watched::start(file, handle.reloader());
    }
    if let Err(error) = signals::until_leaving(&handle, announce) {
        tracing::error!(%error, "cannot listen for signals");
    }
    handle.wait();
    tracing::info!("stopped");
    ExitCode::SUCCESS
}

/// Clients and upstream connections are open files: use as many as the system lets us have.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

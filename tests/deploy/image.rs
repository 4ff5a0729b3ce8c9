//! The Dockerfile, and what it is built from.

use nearside::config::cli::{Cli, Command};

use crate::read::{path, text};

/// The instructions of the Dockerfile.
fn instructions() -> Vec<(String, String)> {
    let text = text("docker/Dockerfile");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.to_owned()));
    lines.map(|line| split(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

fn all(word: &str) -> Vec<String> {
    instructions().into_iter().filter(|(each, _)| each == word).map(|(_, rest)| rest).collect()
}

#[test]
fn it_runs_what_make_test_static_runs() {
    assert_eq!(all("RUN"), ["make image-root"]);
    assert_eq!(all("FROM"), ["rust:${RUST} AS build", "scratch"]);
    assert_eq!(all("COPY"), [". .", "--from=build /build/target/image/ /"]);
    assert_eq!(all("WORKDIR"), ["/build"]);
    let rules = text("docker/image.mk");
    assert!(
        rules.contains("IMAGE_ROOT ?= $(TARGET)/image\n") && rules.contains("$(IMAGE_ROOT)/nearside"),
        "{rules}"
    );
    // A number: a scratch image has nowhere to look a name up, and Kubernetes must see that it is not root.
    let user = all("USER").join(" ");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
}

#[test]
fn the_toolchain_is_one_that_can_build_it() {
    let version =
        |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().expect("a number")).collect() };
    let image = all("ARG").join(" ");
    let image =
        image.strip_prefix("RUST=").and_then(|image| image.split_once('-')).expect("a version and a name");
    let manifest = text("Cargo.toml");
    let least = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("it is told");
    assert!(version(image.0) >= version(least.trim_matches('"')), "{image:?}, {least}");
}

/// A JSON list of texts, as in `ENTRYPOINT ["/nearside"]`.
fn words(list: &str) -> Vec<String> {
    let inner = list.trim().strip_prefix('[').and_then(|list| list.strip_suffix(']')).expect("a list");
    inner.split(',').map(|word| word.trim().trim_matches('"').to_owned()).collect()
}

#[test]
fn it_starts_and_asks_after_the_binary_there_is() {
    use clap::Parser as _;
    assert_eq!(words(&all("ENTRYPOINT").join(" ")), ["/nearside"]);
    let health = all("HEALTHCHECK").join(" ");
    let (options, command) = health.split_once(" CMD ").expect("a command");
    let command = words(command);
    assert_eq!(command[0], "/nearside");
    let Some(Command::Wait { timeout }) = Cli::try_parse_from(&command).expect("it is understood").command
    else {
        panic!("{command:?}")
    };
    let limit =
        options.split_whitespace().find_map(|option| option.strip_prefix("--timeout=")).expect("a limit");
    let limit: u64 = limit.trim_end_matches('s').parse().expect("seconds");
    assert!(timeout.as_secs() < limit, "it has to say why before docker ends it");
}

#[test]
fn what_is_let_through_is_there_and_is_enough() {
    let ignore = text(".dockerignore");
    let through: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for name in &through {
        assert!(path(name).exists(), ".dockerignore lets through {name}, which is not there");
    }
    // What cargo and make read before they do anything.
    let makefile = text("Makefile");
    let included =
        makefile.lines().filter_map(|line| line.strip_prefix("include ")).flat_map(str::split_whitespace);
    let manifest = text("Cargo.toml");
    let sources =
        manifest.lines().filter_map(|line| line.strip_prefix("path = ")).map(|path| path.trim_matches('"'));
    for needed in included.chain(sources).chain(["Cargo.toml", "Cargo.lock", "Makefile"]) {
        let is_through =
            through.iter().any(|name| needed == *name || needed.starts_with(&format!("{name}/")));
        assert!(is_through, "the build needs {needed}, which .dockerignore keeps back");
    }
}

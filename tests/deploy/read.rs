//! The files, and what is common to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use crate::common::{Dir, binary};

/// Variables by name.
pub(crate) type Env = BTreeMap<String, String>;

/// A path in the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(crate) fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The one document in a file.
pub(crate) fn yaml(name: &str) -> Yaml {
    let mut documents =
        YamlLoader::load_from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

/// A scalar as the variable it becomes; compose wants truth and the like in quotes.
pub(crate) fn scalar(value: &Yaml) -> String {
    match value {
        Yaml::String(text) => text.clone(),
        Yaml::Integer(number) => number.to_string(),
        other => panic!("a variable must be a text or a number: {other:?}"),
    }
}

/// The items of a list; none where there is no list.
pub(crate) fn list(value: &Yaml) -> &[Yaml] {
    value.as_vec().map_or(&[], Vec::as_slice)
}

/// Every variable and key there is, by the reference.
pub(crate) fn known() -> BTreeSet<String> {
    let reference = text("docker/nearside.toml");
    let words = reference.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let names =
        words.filter(|word| ["NEARSIDE_", "REDIS_", "ENABLE_"].iter().any(|start| word.starts_with(start)));
    names.map(str::to_owned).chain(["NEARSIDE_CONFIG".to_owned()]).collect()
}

/// `nearside check` with these variables: they exist, and fit together.
#[track_caller]
pub(crate) fn check(what: &str, env: &Env) {
    let known = known();
    for name in env.keys() {
        assert!(known.contains(name), "{what}: there is no {name}");
    }
    let output = binary().arg("check").envs(env).output().expect("it runs");
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The port of an address.
pub(crate) fn port(address: &str) -> u16 {
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("{address} has no port"))
}

/// Certificates of the script, as they are where `/certs` is.
pub(crate) fn certs() -> Dir {
    let dir = Dir::new();
    let made =
        Command::new(path("certs/make.sh")).arg("-d").arg(dir.path()).args(["redis", "nearside"]).output();
    assert!(made.expect("it runs").status.success());
    dir
}

//! What differs between two configurations, setting by setting, and a hash that tells them apart.

use super::field::{Field, Part};
use super::table::settings;
use super::{Config, Secret, upstream};
use sha2::{Digest, Sha256};

/// The settings in which a configuration differs from the one in force, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that apply while the proxy runs.
    pub live: Vec<&'static str>,
    /// Those that need a restart.
    pub fixed: Vec<&'static str>,
    /// How many are the same.
    pub unchanged: usize,
}

/// What is to change in `old` to make it `new`, in the order of the reference.
pub fn changes(old: &Config, new: &Config) -> Changes {
    let (mut old, mut new) = (old.clone(), new.clone());
    let mut changes = Changes::default();
    for setting in settings() {
        let same = setting.field.told_apart(&mut old, WHOLE) == setting.field.told_apart(&mut new, WHOLE);
        match (same, setting.restart) {
            (true, _) => changes.unchanged += 1,
            (false, false) => changes.live.push(setting.key),
            (false, true) => changes.fixed.push(setting.key),
        }
    }
    changes
}

/// Gives the settings called `keys` the values they have in `from`.
pub fn carry(keys: &[&str], from: &Config, to: &mut Config) {
    let mut from = from.clone();
    for setting in settings().filter(|setting| keys.contains(&setting.key)) {
        setting.field.carry(&mut from, to);
    }
}

/// Sixteen hexadecimal digits that are the same for the same settings, on every machine and after every
/// restart, and others for others. A secret counts with two bytes of its own hash: enough to show that it has
/// changed, too little to guess it by.
pub fn hash(config: &Config) -> String {
    let mut config = config.clone();
    let mut hasher = Sha256::new();
    for setting in settings() {
        hasher.update(setting.key);
        hasher.update([0]);
        hasher.update(setting.field.told_apart(&mut config, HINT));
        hasher.update([0]);
    }
    hex(&hasher.finalize()[..8])
}

/// How much of the hash of a secret counts where values are told apart, bytes.
const WHOLE: usize = 32;
const HINT: usize = 2;

/// What stands for a secret where it must be told from others: so many bytes of its hash.
pub(super) fn trace(secret: &Secret, bytes: usize) -> String {
    hex(&Sha256::digest(secret.expose())[..bytes])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Field {
    /// A text that is another for every other value of this setting; secrets are there with so many bytes of
    /// their hashes.
    fn told_apart(self, config: &mut Config, secrets: usize) -> String {
        match self {
            Self::Tables(field) => field.told_apart(config, secrets),
            Self::Secret(place) => {
                place(config).as_ref().map(|secret| trace(secret, secrets)).unwrap_or_default()
            }
            Self::Upstream(Part::Uri) => format!("{:?}", config.upstream.endpoint),
            Self::Upstream(Part::Password) => {
                let password = config.upstream.password.as_ref();
                password.map(|password| trace(password, secrets)).unwrap_or_default()
            }
            Self::Upstream(part) => upstream::shown(config, part),
            field => field.show(config),
        }
    }

    fn carry(self, from: &mut Config, to: &mut Config) {
        match self {
            Self::Bool(place) => *place(to) = *place(from),
            Self::Number(place, ..) | Self::Power(place, _) => *place(to) = *place(from),
            Self::Count(place, ..) => *place(to) = *place(from),
            Self::Long(place, ..) | Self::Size(place, _) => *place(to) = *place(from),
            Self::Share(place) => *place(to) = *place(from),
            Self::Wait(place, _) | Self::Span(place, _) | Self::Interval(place) => *place(to) = *place(from),
            Self::Seconds(place) => *place(to) = *place(from),
            Self::Path(place) => place(from).clone_into(place(to)),
            Self::Secret(place) => place(from).clone_into(place(to)),
            Self::PathOrNone(place) => place(from).clone_into(place(to)),
            Self::Text(place, _) => place(from).clone_into(place(to)),
            Self::List(place) | Self::Globs(place) | Self::Commands(place) => {
                place(from).clone_into(place(to))
            }
            Self::Patterns(place) => place(from).clone_into(place(to)),
            Self::Listen(place, _) => place(from).clone_into(place(to)),
            Self::Output(place) => *place(to) = *place(from),
            Self::CachePolicy(place) => *place(to) = *place(from),
            Self::Profile(place) => *place(to) = *place(from),
            Self::Tables(field) => field.carry(from, to),
            // One of its own words is read again.
            Self::Word(words) => _ = words.set(to, words.show(from)),
            Self::Upstream(part) => carry_part(part, from, to),
        }
    }
}

fn carry_part(part: Part, from: &Config, to: &mut Config) {
    let (from, to) = (&from.upstream, &mut to.upstream);
    match part {
        Part::Uri | Part::Host | Part::Port => {
            to.endpoint.clone_from(&from.endpoint);
            to.origin.clone_from(&from.origin);
        }
        Part::Username => to.username.clone_from(&from.username),
        Part::Password => to.password.clone_from(&from.password),
        Part::Database => to.database = from.database,
        Part::Tls => to.tls.enabled = from.tls.enabled,
        Part::CertReqs => to.tls.cert_reqs = from.tls.cert_reqs,
        Part::CaCerts => to.tls.ca_certs.clone_from(&from.tls.ca_certs),
        Part::Certfile => to.tls.certfile.clone_from(&from.tls.certfile),
        Part::Keyfile => to.tls.keyfile.clone_from(&from.tls.keyfile),
        Part::ServerName => to.tls.server_name.clone_from(&from.tls.server_name),
    }
}

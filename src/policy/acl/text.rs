//! A user in words, and refusals in Redis's.

use super::{Refusal, User, selector::Selector};
use crate::command::Need;
use crate::resp::request::Args;

/// Whose words: refusals were worded anew in Redis 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Redis 7.0.
    Redis70,
    /// Redis 7.2 and later, Valkey.
    Newer,
}

/// What `ACL GETUSER` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// `on` or `off`, `nopass`, and what was said of payloads.
    pub flags: Vec<&'static str>,
    /// SHA-256 in hexadecimal digits.
    pub passwords: Vec<String>,
    /// Of the user itself.
    pub root: Rights,
    /// Of each further selector.
    pub selectors: Vec<Rights>,
}

/// One selector in ACL rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// `-@all +get`
    pub commands: String,
    /// `~a* %R~b*`, or nothing.
    pub keys: String,
    /// `&*`, or nothing.
    pub channels: String,
}

impl User {
    /// Its line of `ACL LIST`, hashes of passwords included: `user app on #30c9... ~* &* +@all`. Rules of
    /// commands stand in the order they were given, without those that later ones undid, as in Redis 7.2.
    pub fn describe(&self) -> String {
        let mut words = vec!["user".to_owned(), self.name.clone()];
        words.extend(self.flags().into_iter().map(str::to_owned));
        words.extend(self.passwords.iter().map(|password| format!("#{}", password.hex())));
        words.push(self.root.describe());
        words.extend(self.selectors.iter().map(|selector| format!("({})", selector.describe())));
        words.join(" ")
    }

    /// What `ACL GETUSER` tells of it.
    pub fn details(&self) -> Details {
        Details {
            flags: self.flags(),
            passwords: self.passwords.iter().map(super::Password::hex).collect(),
            root: self.root.rights(),
            selectors: self.selectors.iter().map(Selector::rights).collect(),
        }
    }

    fn flags(&self) -> Vec<&'static str> {
        let on = if self.on { "on" } else { "off" };
        [Some(on), self.nopass.then_some("nopass"), self.payload].into_iter().flatten().collect()
    }
}

impl Selector {
    fn describe(&self) -> String {
        let Rights { commands, keys, channels } = self.rights();
        let reset = if self.all_channels { "" } else { "resetchannels" };
        let words = [keys.as_str(), reset, &channels, &commands];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn rights(&self) -> Rights {
        let base = if self.unknown_commands { "+@all" } else { "-@all" };
        let commands: Vec<&str> =
            std::iter::once(base).chain(self.rules.iter().map(String::as_str)).collect();
        let keys: Vec<String> =
            self.keys.iter().map(|known| format!("{}{}", sign(known.rights), known.pattern)).collect();
        let channels: Vec<String> = self.channels.iter().map(|known| format!("&{known}")).collect();
        Rights {
            commands: commands.join(" "),
            keys: if self.all_keys { "~*".to_owned() } else { keys.join(" ") },
            channels: if self.all_channels { "&*".to_owned() } else { channels.join(" ") },
        }
    }
}

fn sign(rights: Need) -> &'static str {
    match (rights.read, rights.write) {
        (true, false) => "%R~",
        (false, true) => "%W~",
        _ => "~",
    }
}

/// The error a client gets, its code first and without `-`.
pub fn refusal_text(refusal: &Refusal, user: &str, dialect: Dialect) -> String {
    let one_of =
        |what| format!("NOPERM this user has no permissions to access one of the {what} used as arguments");
    match (refusal, dialect) {
        (Refusal::Command { name }, Dialect::Redis70) => {
            format!("NOPERM this user has no permissions to run the '{name}' command")
        }
        (Refusal::Command { name }, Dialect::Newer) => {
            format!("NOPERM User {user} has no permissions to run the '{name}' command")
        }
        (Refusal::Key { .. }, Dialect::Redis70) => one_of("keys"),
        (Refusal::Key { .. }, Dialect::Newer) => "NOPERM No permissions to access a key".to_owned(),
        (Refusal::Channel { .. }, Dialect::Redis70) => one_of("channels"),
        (Refusal::Channel { .. }, Dialect::Newer) => "NOPERM No permissions to access a channel".to_owned(),
        (Refusal::Sort { option }, _) => {
            format!("ERR {option} option of SORT denied due to insufficient ACL permissions.")
        }
    }
}

/// What `ACL DRYRUN` answers for `args`, the request that was tried. It names the key or channel.
pub fn dryrun_text(refusal: &Refusal, user: &str, args: &Args<'_>, dialect: Dialect) -> Vec<u8> {
    let who = match dialect {
        Dialect::Redis70 => "This user".to_owned(),
        Dialect::Newer => format!("User {user}"),
    };
    let (what, index) = match refusal {
        Refusal::Command { name } => {
            return format!("{who} has no permissions to run the '{name}' command").into_bytes();
        }
        Refusal::Key { index } => ("key", *index),
        Refusal::Channel { index } => ("channel", *index),
        // Redis decides this when it runs the command.
        Refusal::Sort { .. } => return b"OK".to_vec(),
    };
    let mut text = format!("{who} has no permissions to access the '").into_bytes();
    text.extend_from_slice(args.get(index));
    text.extend_from_slice(format!("' {what}").as_bytes());
    text
}

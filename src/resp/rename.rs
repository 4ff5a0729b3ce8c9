//! Commands under other names: what clients must write, and what the upstream is told.
//!
//! A request is translated twice, each time at one place: to the command's own name where a client's bytes
//! become requests, and to the upstream's name for it where bytes are handed to a connection. Whatever lies
//! between knows one name for each command, Redis's own.

use std::borrow::Cow;
use std::collections::HashMap;

/// What a name that is not to be known begins with from there on. No row of the table does.
const HIDDEN: &[u8] = b"\xff\xffnearside\xff";

/// A name of so many bytes is looked up without taking memory for it.
const SHORT: usize = 64;

/// Which names stand for which others; ASCII case ignored.
#[derive(Debug)]
pub struct Names {
    /// By a name in capitals: what it stands for; `None`: for nothing.
    to: HashMap<Box<[u8]>, Option<Box<[u8]>>>,
    longest: usize,
}

impl Names {
    /// What clients write, as the command's own names: each of `ours` is a command and what it must be called
    /// (empty: nothing, it is not to be had), each of `theirs` one and what the upstream calls it. What the
    /// upstream does not have is hidden, and its other names stand for the commands they are: who knows one
    /// must not get past what is decided about the command. `None`: all are called what Redis calls them.
    pub fn new(ours: &[(String, String)], theirs: &[(String, String)]) -> Option<Self> {
        let differs = |(name, other): &&(String, String)| !name.eq_ignore_ascii_case(other);
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (ours.iter().filter(differs).collect(), theirs.iter().filter(differs).collect());
        let is_renamed = |name: &str| ours.iter().any(|(renamed, _)| renamed.eq_ignore_ascii_case(name));
        let is_missing =
            |name: &str| theirs.iter().any(|(lost, to)| to.is_empty() && lost.eq_ignore_ascii_case(name));
        let mut to: HashMap<Box<[u8]>, Option<Box<[u8]>>> = HashMap::new();
        for (name, other) in &theirs {
            if other.is_empty() {
                to.insert(key(name), None);
            } else {
                to.insert(key(other), (!is_renamed(name)).then(|| key(name)));
            }
        }
        to.extend(ours.iter().map(|(name, _)| (key(name), None)));
        let given = ours.iter().filter(|(name, new)| !new.is_empty() && !is_missing(name));
        to.extend(given.map(|(name, new)| (key(new), Some(key(name)))));
        Self::of(to)
    }

    /// The upstream's names for commands, each with the command it is for. What it does not have goes there
    /// as it is. `None`: it has no names of its own.
    pub fn outward(theirs: &[(String, String)]) -> Option<Self> {
        let given = theirs.iter().filter(|(_, to)| !to.is_empty());
        Self::of(given.map(|(name, to)| (key(name), Some(to.as_bytes().into()))).collect())
    }

    fn of(to: HashMap<Box<[u8]>, Option<Box<[u8]>>>) -> Option<Self> {
        let longest = to.keys().map(|name| name.len()).max()?;
        Some(Self { to, longest })
    }

    /// Most bytes of a name that stands for another.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// What goes on in place of `name`; `None`: `name` itself.
    pub fn translate(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        if name.starts_with(HIDDEN) {
            return Some([HIDDEN, name].concat().into());
        }
        if name.len() > self.longest {
            return None;
        }
        let (mut short, long);
        let capitals = match name.len() {
            len @ ..=SHORT => {
                short = [0; SHORT];
                short[..len].copy_from_slice(name);
                short.make_ascii_uppercase();
                &short[..len]
            }
            _ => {
                long = name.to_ascii_uppercase();
                &long[..]
            }
        };
        match self.to.get(capitals)? {
            Some(other) => Some(Cow::Borrowed(other)),
            None => Some([HIDDEN, name].concat().into()),
        }
    }

    /// Whether a request that begins with `name` asks for a command that is not to be known by this name.
    pub fn is_hidden(name: &[u8]) -> bool {
        name.starts_with(HIDDEN)
    }

    /// The name as it was written.
    pub fn written(name: &[u8]) -> &[u8] {
        name.strip_prefix(HIDDEN).unwrap_or(name)
    }
}

fn key(name: &str) -> Box<[u8]> {
    name.to_ascii_uppercase().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::Names;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, to)| ((*name).to_owned(), (*to).to_owned())).collect()
    }

    /// What becomes of `name`: itself (`=`), nothing (`-`), or another name.
    fn of(names: &Names, name: &str) -> String {
        match names.translate(name.as_bytes()) {
            None => "=".into(),
            Some(to) if Names::is_hidden(&to) => {
                assert_eq!(Names::written(&to), name.as_bytes());
                "-".into()
            }
            Some(to) => String::from_utf8_lossy(&to).into_owned(),
        }
    }

    #[test]
    fn clients_write_the_new_name_and_the_old_one_is_gone() {
        let names = Names::new(&pairs(&[("config", "Config_9a8b"), ("FLUSHALL", "")]), &[]).unwrap();
        for (name, to) in [
            ("CONFIG_9A8B", "CONFIG"),
            ("config_9a8b", "CONFIG"),
            ("Config", "-"),
            ("flushall", "-"),
            ("GET", "="),
        ] {
            assert_eq!(of(&names, name), to, "{name}");
        }
        assert!(Names::new(&[], &[]).is_none());
        assert!(Names::new(&pairs(&[("GET", "get")]), &[]).is_none());
    }

    #[test]
    fn two_commands_may_swap_names() {
        let names = Names::new(&pairs(&[("GET", "SET"), ("SET", "GET")]), &[]).unwrap();
        assert_eq!((of(&names, "get"), of(&names, "set")), ("SET".into(), "GET".into()));
    }

    #[test]
    fn the_upstreams_names_are_no_way_around() {
        let theirs = pairs(&[("CONFIG", "CONFIG_9a8b"), ("FLUSHDB", ""), ("KEYS", "K")]);
        let names = Names::new(&pairs(&[("KEYS", "FIND")]), &theirs).unwrap();
        for (name, to) in [
            ("CONFIG_9A8B", "CONFIG"),
            ("CONFIG", "="),
            ("FLUSHDB", "-"),
            ("K", "-"),
            ("KEYS", "-"),
            ("FIND", "KEYS"),
        ] {
            assert_eq!(of(&names, name), to, "{name}");
        }
        let outward = Names::outward(&theirs).unwrap();
        for (name, to) in [("config", "CONFIG_9a8b"), ("FLUSHDB", "="), ("keys", "K"), ("GET", "=")] {
            assert_eq!(of(&outward, name), to, "{name}");
        }
        assert!(Names::outward(&pairs(&[("FLUSHDB", "")])).is_none());
    }

    #[test]
    fn nobody_can_write_a_hidden_name() {
        let names = Names::new(&pairs(&[("KEYS", "")]), &[]).unwrap();
        let forged = names.translate(b"KEYS").unwrap().into_owned();
        let again = names.translate(&forged).unwrap();
        assert_eq!(Names::written(&again), forged);
    }
}

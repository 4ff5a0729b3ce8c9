//! Reading the files of conversations.

use crate::step::Step;
use crate::words::words;

/// A file.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) server: Vec<String>,
    /// User and password for Nearside.
    pub(crate) proxy: Option<(Option<String>, String)>,
    pub(crate) direct: Vec<String>,
    pub(crate) reset: Vec<String>,
    pub(crate) no_reset: bool,
    /// The command that the server behind Nearside is asked less often.
    pub(crate) spares: Option<String>,
    /// What holds for all of its conversations.
    pub(crate) ways: Ways,
    pub(crate) conversations: Vec<Conversation>,
}

/// A conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) name: String,
    pub(crate) ways: Ways,
    pub(crate) steps: Vec<Step>,
}

/// In which ways it is held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways {
    /// Not once more in RESP3.
    pub(crate) as_is: bool,
    /// Not in a pipeline.
    pub(crate) stepwise: bool,
    /// Only where nothing is kept: what the cache asks the server for shows.
    pub(crate) uncached: bool,
    /// What may be kept is not read again: somebody sees each request.
    pub(crate) once: bool,
    /// Only with these kinds of server; empty for all.
    pub(crate) only: Vec<String>,
}

impl Script {
    pub(crate) fn read(text: &str) -> Self {
        let mut script = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix("== ") {
                let ways = script.ways.clone();
                script.conversations.push(Conversation { name: name.into(), ways, steps: Vec::new() });
            } else if let Some(setting) = line.strip_prefix('@') {
                script.setting(setting);
            } else {
                let conversation = script.conversations.last_mut().expect("a line before the first name");
                conversation.steps.push(Step::read(line));
            }
        }
        script
    }

    fn setting(&mut self, setting: &str) {
        let words: Vec<String> = words(setting.as_bytes())
            .into_iter()
            .map(|word| String::from_utf8(word).expect("text"))
            .collect();
        let (name, rest) = words.split_first().expect("a setting has a name");
        let ways = self.conversations.last_mut().map_or(&mut self.ways, |last| &mut last.ways);
        match (name.as_str(), rest) {
            ("as-is", []) => ways.as_is = true,
            ("stepwise", []) => ways.stepwise = true,
            ("uncached", []) => ways.uncached = true,
            ("once", []) => ways.once = true,
            ("only", [_, ..]) => ways.only = rest.to_vec(),
            _ => self.setting_of_file(name, rest),
        }
    }

    fn setting_of_file(&mut self, name: &str, rest: &[String]) {
        assert!(self.conversations.is_empty(), "@{name} belongs before the first conversation");
        match (name, rest) {
            ("server", _) => self.server = rest.to_vec(),
            ("proxy", [user, password]) => {
                self.proxy = Some((Some(user.clone()).filter(|user| user != "-"), password.clone()));
            }
            ("direct", _) => self.direct = rest.to_vec(),
            ("reset", _) => self.reset = rest.to_vec(),
            ("no-reset", []) => self.no_reset = true,
            ("spares", [command]) => self.spares = Some(command.clone()),
            _ => panic!("no such setting: @{name}"),
        }
    }
}

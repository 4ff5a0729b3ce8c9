//! What would become of a command.

use serde::Serialize;

/// A command somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// As whom it would be sent; `None`: by a client that has not said who it is.
    pub user: Option<String>,
    /// By which listener, as the configuration names it; `None`: by the first.
    pub listener: Option<String>,
    /// The command.
    pub command: Asked,
}

/// A command, as far as it is cut into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// As it is typed, with quotes.
    Line(String),
    /// Word by word.
    Words(Vec<Vec<u8>>),
}

/// What would become of it, if it came now, by itself, from a client on this machine that is neither in a
/// transaction nor subscribed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// The command, as the table names it; as it was written if it is in no table.
    pub command: String,
    /// As whom it would be sent.
    pub user: String,
    /// By which listener.
    pub listener: String,
    /// The keys it names.
    pub keys: Vec<String>,
    /// Whether Nearside lets it pass.
    pub allowed: bool,
    /// The rule that decides: `rules.block`, `rules.deny: name`, `users: name` and their like; what is left to
    /// the upstream where none does.
    pub decided_by: String,
    /// What the client is told, if it is refused.
    pub error: Option<String>,
    /// The rates that count it, whether it would pass them now or not.
    pub rates: Vec<RateOf>,
    /// Where it goes: `refused`, `here`, `cache` (and on the lane if that has nothing), `lane`, `lease`,
    /// `pinned` or `control`.
    pub route: &'static str,
    /// Why.
    pub route_reason: String,
    /// Whether its reply may be kept.
    pub kept: bool,
    /// Why, or why not.
    pub kept_reason: String,
    /// Key by key, where the command's replies can be kept at all.
    pub cache: Vec<KeyKept>,
}

/// A rate that counts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RateOf {
    /// Its name.
    pub name: String,
    /// How much it lets pass: `100 commands/s`.
    pub amount: String,
    /// Who has that much to himself: `user`.
    pub per: &'static str,
    /// What happens beyond it: `refuse`, `delay` or `observe`.
    pub beyond: &'static str,
    /// Requests it has refused so far.
    pub refused: u64,
}

/// What the cache's settings say of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyKept {
    /// The key.
    pub key: String,
    /// The setting that decides.
    pub rule: String,
    /// How long a reply about it is given out at most; `None`: not at all.
    pub max_age_ms: Option<u64>,
}

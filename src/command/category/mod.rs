//! ACL categories: which of Redis's groups of commands (`ACL CAT`) a command is in.

mod data;

use super::{Command, column::Column};
use data::GROUPS;

/// One of the 21 categories every server has; a module's own are not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Category {
    /// Keys of any type, and whole databases.
    Keyspace,
    /// Reads data.
    Read,
    /// Writes data.
    Write,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Lists.
    List,
    /// Hashes.
    Hash,
    /// Strings.
    String,
    /// Bitmaps.
    Bitmap,
    /// HyperLogLogs.
    HyperLogLog,
    /// Geospatial indexes.
    Geo,
    /// Streams.
    Stream,
    /// Publish and subscribe.
    Pubsub,
    /// For operators only.
    Admin,
    /// Takes constant or logarithmic time.
    Fast,
    /// All that is not fast.
    Slow,
    /// May wait for somebody else.
    Blocking,
    /// To be given with care, for any of many reasons.
    Dangerous,
    /// The connection, and other connections.
    Connection,
    /// Transactions.
    Transaction,
    /// Scripts and functions.
    Scripting,
}

impl Category {
    /// All of them, in the order of `ACL CAT`.
    pub const ALL: [Self; 21] = [
        Self::Keyspace,
        Self::Read,
        Self::Write,
        Self::Set,
        Self::SortedSet,
        Self::List,
        Self::Hash,
        Self::String,
        Self::Bitmap,
        Self::HyperLogLog,
        Self::Geo,
        Self::Stream,
        Self::Pubsub,
        Self::Admin,
        Self::Fast,
        Self::Slow,
        Self::Blocking,
        Self::Dangerous,
        Self::Connection,
        Self::Transaction,
        Self::Scripting,
    ];

    /// As `ACL CAT` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyspace => "keyspace",
            Self::Read => "read",
            Self::Write => "write",
            Self::Set => "set",
            Self::SortedSet => "sortedset",
            Self::List => "list",
            Self::Hash => "hash",
            Self::String => "string",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Geo => "geo",
            Self::Stream => "stream",
            Self::Pubsub => "pubsub",
            Self::Admin => "admin",
            Self::Fast => "fast",
            Self::Slow => "slow",
            Self::Blocking => "blocking",
            Self::Dangerous => "dangerous",
            Self::Connection => "connection",
            Self::Transaction => "transaction",
            Self::Scripting => "scripting",
        }
    }

    /// The category of that name, ASCII case ignored.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name().eq_ignore_ascii_case(name))
    }
}

/// A set of categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Categories(u32);

impl Categories {
    const fn of(categories: &[Category]) -> Self {
        let (mut set, mut i) = (0, 0);
        while i < categories.len() {
            set |= 1 << categories[i] as u8;
            i += 1;
        }
        Self(set)
    }

    /// Whether `category` is among them.
    pub const fn has(self, category: Category) -> bool {
        self.0 & 1 << category as u8 != 0
    }

    /// Each of them, in the order of `ACL CAT`.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::ALL.into_iter().filter(move |category| self.has(*category))
    }
}

static CATEGORIES: Column<Categories> = Column::of(Categories::of(&[]), GROUPS);

impl Command {
    /// The ACL categories it is in; none for what only `+@all` allows (vector sets, as Redis 8.2 has it).
    pub fn categories(&'static self) -> Categories {
        CATEGORIES.get(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{all, named};

    #[test]
    fn a_command_is_in_its_categories() {
        let of = |name| -> Vec<&str> {
            named(name).expect("a row").categories().iter().map(Category::name).collect()
        };
        assert_eq!(of("get"), ["read", "string", "fast"]);
        assert_eq!(of("CONFIG|SET"), ["admin", "slow", "dangerous"]);
        assert_eq!(of("vsim"), [""; 0]);
    }

    #[test]
    fn every_command_is_either_fast_or_slow() {
        for row in all().filter(|row| row.family != crate::command::Family::Vector) {
            let is = row.categories();
            assert_ne!(is.has(Category::Fast), is.has(Category::Slow), "{}", row.name);
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        for category in Category::ALL {
            assert_eq!(Category::named(&category.name().to_ascii_uppercase()), Some(category));
        }
        assert_eq!(Category::named("all"), None);
        assert_eq!(Category::named("search"), None);
    }
}

//! Settings made of tables: a list of them (`[[users]]`) or one that maps names to texts
//! (`[rules.rename]`). A file has them with their lines; environment and `--set` have the same in TOML's
//! inline form, as one text.

mod maps;
mod options;
mod show;
#[cfg(test)]
mod tests;

pub(super) use maps::{Renames, Side};
pub(super) use options::Options;
pub(super) use show::{Shown, toml_text};

use super::change::trace;
use super::field::Place;
use super::written::Value;
use super::{Config, Secret};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The tables of one setting, as written. It can only be moved about: any text in it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Tables {
    /// Whether it is one table that was meant as such, not a list.
    map: bool,
    tables: Vec<Table>,
}

#[derive(Clone, PartialEq, Eq)]
struct Table {
    /// Its line, where it comes from a file.
    line: Option<usize>,
    options: Vec<Written>,
}

/// One option of a table.
#[derive(Clone, PartialEq, Eq)]
struct Written {
    name: String,
    line: Option<usize>,
    item: Item,
}

#[derive(Clone, PartialEq, Eq)]
enum Item {
    /// A text, a number or a truth value.
    One(String),
    Many(Vec<String>),
    /// Something that no option can be, by TOML's name for it.
    Other(&'static str),
}

/// What is wrong with a value, and with which line of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, if it is another than that of the setting.
    pub(super) line: Option<usize>,
    /// What is wrong, to stand behind the key. Never holds a secret.
    pub(super) why: String,
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self { line: None, why }
    }
}

/// A setting made of tables.
pub(super) trait TableField: Sync {
    /// Reads `value` into its place; every fault at once.
    fn set(&self, config: &mut Config, value: &Value) -> Result<(), Vec<Fault>>;
    /// The value in TOML's inline form, secrets masked.
    fn show(&self, config: &mut Config) -> String;
    /// What a value must be.
    fn expects(&self) -> String;
    /// A text that is another for every other value, secrets with so many bytes of their hashes.
    fn told_apart(&self, config: &mut Config, _secrets: usize) -> String {
        self.show(config)
    }
    /// Gives it the value it has in another configuration.
    fn carry(&self, from: &mut Config, to: &mut Config);
}

/// What one table of a list says.
pub(super) trait Row: Sized + Clone {
    /// A list of one, for messages and the reference.
    const EXAMPLE: &'static str;
    /// Reads it; what is wrong is told to `options`, and any value will do in its place.
    fn read(options: &mut Options<'_>) -> Self;
    /// The option that tells it from others and its value: no two of a list may have the same.
    fn key(&self) -> (&'static str, &str);
    /// Its options as they are written.
    fn show(&self, to: &mut Shown);
    /// What of it is not shown.
    fn secret(&self) -> Option<&Secret> {
        None
    }
}

/// A list of tables and its place.
pub(super) struct Listing<T>(pub(super) Place<Vec<T>>);

impl<T: Row> TableField for Listing<T> {
    fn set(&self, config: &mut Config, value: &Value) -> Result<(), Vec<Fault>> {
        let written = of_value(value, &self.expects()).map_err(|why| vec![why.into()])?;
        if written.map {
            return Err(vec![
                "is a list: write [[ ]] around its name, above each of its tables".to_string().into(),
            ]);
        }
        let (mut read, mut faults): (Vec<T>, Vec<Fault>) = (Vec::new(), Vec::new());
        for (at, table) in written.tables.iter().enumerate() {
            let mut options = Options::new(at, table);
            let row = T::read(&mut options);
            let (option, key) = row.key();
            if !key.is_empty() && read.iter().any(|earlier| earlier.key().1 == key) {
                options.fault(option, "is that of a table before it");
            }
            faults.extend(options.faults());
            read.push(row);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        *(self.0)(config) = read;
        Ok(())
    }

    fn show(&self, config: &mut Config) -> String {
        let tables = (self.0)(config).iter().map(|row| {
            let mut shown = Shown::default();
            row.show(&mut shown);
            shown.inline()
        });
        format!("[{}]", tables.collect::<Vec<_>>().join(", "))
    }

    fn expects(&self) -> String {
        format!("a list of tables such as {}", T::EXAMPLE)
    }

    fn told_apart(&self, config: &mut Config, secrets: usize) -> String {
        let traces: Vec<String> =
            (self.0)(config).iter().filter_map(Row::secret).map(|secret| trace(secret, secrets)).collect();
        self.show(config) + &traces.join(",")
    }

    fn carry(&self, from: &mut Config, to: &mut Config) {
        (self.0)(from).clone_into((self.0)(to));
    }
}

impl Tables {
    /// The tables of a TOML value; `None` for a value of another kind. `line` gives the line of a byte.
    pub(super) fn of(value: &DeValue<'_>, line: &dyn Fn(usize) -> Option<usize>) -> Option<Self> {
        match value {
            DeValue::Table(table) => Some(Self { map: true, tables: vec![Table::of(table, None, line)] }),
            DeValue::Array(items) => {
                let table = |item: &Spanned<DeValue<'_>>| {
                    let at = line(item.span().start);
                    item.get_ref().as_table().map(|table| Table::of(table, at, line))
                };
                let tables = items.iter().map(table).collect::<Option<_>>()?;
                Some(Self { map: false, tables })
            }
            _ => None,
        }
    }

    /// The line of table number `at`, where it comes from a file.
    pub(super) fn line(&self, at: usize) -> Option<usize> {
        self.tables.get(at)?.line
    }
}

impl Table {
    fn of(table: &DeTable<'_>, at: Option<usize>, line: &dyn Fn(usize) -> Option<usize>) -> Self {
        let mut options: Vec<_> = table.iter().collect();
        options.sort_by_key(|(name, _)| name.span().start);
        let option = |(name, value): &(&Spanned<_>, &Spanned<DeValue<'_>>)| Written {
            name: ToString::to_string(name.get_ref()),
            line: line(name.span().start),
            item: Item::of(value.get_ref()),
        };
        let options: Vec<Written> = options.iter().map(option).collect();
        Self { line: at.or_else(|| options.first().and_then(|first| first.line)), options }
    }
}

impl Item {
    fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::One(text.to_string()),
            DeValue::Boolean(truth) => Self::One(truth.to_string()),
            DeValue::Float(number) => Self::One(number.as_str().to_string()),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or(Self::Other("integer"), |number| Self::One(number.to_string())),
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(String::from));
                texts
                    .collect::<Option<_>>()
                    .map_or(Self::Other("array of other things than texts"), Self::Many)
            }
            other => Self::Other(other.type_str()),
        }
    }
}

/// The tables of a value of any source. `none` and nothing are none.
fn of_value(value: &Value, expects: &str) -> Result<Tables, String> {
    let text = match value {
        Value::Tables(tables) => return Ok(tables.clone()),
        Value::Many(items) if !items.is_empty() => {
            return Err(format!("expects {expects}, got a list of texts"));
        }
        Value::Many(_) => "",
        Value::One(text) => text.trim(),
    };
    if matches!(text, "" | "none") {
        return Ok(Tables { map: false, tables: Vec::new() });
    }
    // Only the message of an error: its display would print the text, and a password with it.
    let read =
        DeValue::parse(text).map_err(|error| format!("expects {expects}; not TOML: {}", error.message()))?;
    Tables::of(read.get_ref(), &|_| None).ok_or_else(|| {
        format!("expects {expects}, got another kind of value ({})", read.get_ref().type_str())
    })
}

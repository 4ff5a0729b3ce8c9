//! Values from a TOML text: snake case, sections for the keys with a dot, every problem with its line.

use super::field::Field;
use super::nearest::{directive, is_name, nearest};
use super::setting::Setting;
use super::table::{find, settings};
use super::tables::Tables;
use super::written::{Origin, Problem, Value, Written};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a file sets and what is wrong with it.
#[derive(Default)]
pub(super) struct Read {
    pub(super) written: Vec<Written>,
    pub(super) problems: Vec<Problem>,
}

pub(super) fn read(path: &Path, text: &str) -> Read {
    let mut reader = Reader { path, text, broken: Vec::new(), read: Read::default() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = reader.line(error.span().map_or(0, |span| span.start));
        reader.broken.push(line);
        // Only the message: the error's own display would print the line, and a secret with it.
        let first = text.lines().nth(line - 1).and_then(|line| line.split_whitespace().next());
        let hint = first.and_then(directive).map_or_else(String::new, |instead| format!("; {instead}"));
        reader.problem(line, "", format!("not TOML: {}{hint}", error.message()));
    }
    reader.table("", table.get_ref());
    reader.read
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    /// Lines with a syntax error: what was recovered from them is not judged again.
    broken: Vec<usize>,
    read: Read,
}

impl Reader<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let line = self.line(name.span().start);
            if self.broken.contains(&line) {
                continue;
            }
            let key = if section.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{section}.{}", name.get_ref())
            };
            self.entry(&key, line, value);
        }
    }

    fn entry(&mut self, key: &str, line: usize, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(inner) if is_section(key) => self.table(key, inner),
            // `upstream = "redis://..."` is short for the section with nothing but a `uri`.
            DeValue::String(_) if key == "upstream" => self.value(find("upstream.uri"), key, line, value),
            _ => self.value(find(key), key, line, value),
        }
    }

    fn value(
        &mut self,
        setting: Option<&'static Setting>,
        key: &str,
        line: usize,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(setting) = setting else { return self.unknown(key, line, value.get_ref().is_table()) };
        let origin = Origin::File(self.path.to_path_buf(), line);
        let written = match setting.field {
            // What was recovered of a broken text may have lost its place: a password is no name then.
            Field::Tables(_) if !self.broken.is_empty() => return,
            Field::Tables(_) => Tables::of(value.get_ref(), &|at| Some(self.line(at))).map(Value::Tables),
            _ => None,
        };
        match written.or_else(|| text_of(setting, value.get_ref())) {
            Some(value) => self.read.written.push(Written { key: setting.key, value, origin }),
            None => {
                let found = value.get_ref().type_str();
                self.problem(
                    line,
                    key,
                    format!("{key} expects {}, got {}", setting.expects(), article(found)),
                );
            }
        }
    }

    fn unknown(&mut self, key: &str, line: usize, is_table: bool) {
        let what = if is_table { "section" } else { "key" };
        if !is_name(key) {
            return self.problem(line, "", format!("unknown {what} (not shown: it may hold a password)"));
        }
        if let Some(instead) = directive(key) {
            return self.problem(line, key, format!("unknown {what} {key}; {instead}"));
        }
        let near = if is_table {
            nearest(key, sections())
        } else {
            nearest(key, settings().map(|setting| setting.key))
        };
        let hint = match near {
            Some(near) => format!(", did you mean {near}?"),
            None if is_section(key) => " as a value: it is a section".into(),
            None => String::new(),
        };
        self.problem(line, key, format!("unknown {what} {key}{hint}"));
    }

    fn problem(&mut self, line: usize, key: &str, message: String) {
        let origin = Origin::File(self.path.to_path_buf(), line);
        self.read.problems.push(Problem::new(&origin, key, message));
    }

    /// The line, from 1, of a byte of the text.
    fn line(&self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        before.split(|byte| *byte == b'\n').count()
    }
}

fn sections() -> impl Iterator<Item = &'static str> + Clone {
    settings().filter_map(|setting| setting.key.split_once('.').map(|(section, _)| section))
}

fn is_section(key: &str) -> bool {
    sections().any(|section| section == key)
}

/// The text of a TOML value whose type fits the setting.
fn text_of(setting: &Setting, value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::One(text.to_string())),
        DeValue::Boolean(truth) if takes_truth(setting.field) => Some(Value::One(truth.to_string())),
        DeValue::Integer(n) if takes_number(setting.field) => {
            i128::from_str_radix(n.as_str(), n.radix()).ok().map(|n| Value::One(n.to_string()))
        }
        DeValue::Float(n) if takes_fraction(setting.field) => Some(Value::One(n.as_str().to_string())),
        DeValue::Array(items) if is_list(setting.field) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(String::from));
            texts.collect::<Option<Vec<String>>>().map(Value::Many)
        }
        _ => None,
    }
}

fn takes_truth(field: Field) -> bool {
    use super::field::Part;
    matches!(field, Field::Bool(_) | Field::Upstream(Part::Tls))
}

fn takes_number(field: Field) -> bool {
    use super::field::Part;
    let number = matches!(field, Field::Number(..) | Field::Count(..) | Field::Long(..) | Field::Power(..));
    let more = matches!(field, Field::Size(..) | Field::Share(_));
    number || more || takes_seconds(field) || matches!(field, Field::Upstream(Part::Port | Part::Database))
}

fn takes_fraction(field: Field) -> bool {
    // A version of TLS is written like one.
    takes_seconds(field) || matches!(field, Field::Share(_) | Field::Word(_))
}

fn is_list(field: Field) -> bool {
    matches!(
        field,
        Field::List(_) | Field::Globs(_) | Field::Patterns(_) | Field::Commands(_) | Field::Listen(..)
    )
}

fn takes_seconds(field: Field) -> bool {
    matches!(field, Field::Wait(..) | Field::Interval(_) | Field::Seconds(_))
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

//! Replies made of maps and arrays: maps are flat arrays in RESP2, as Redis has them.

use serde_json::Value;

use crate::resp::{Proto, reply};

/// A reply under construction. Whoever opens a map or array puts as much into it as was said.
#[derive(Debug)]
pub(super) struct Shape {
    proto: Proto,
    out: Vec<u8>,
}

impl Shape {
    pub(super) fn new(proto: Proto) -> Self {
        Self { proto, out: Vec::new() }
    }

    /// So many pairs follow.
    pub(super) fn map(&mut self, pairs: usize) {
        match self.proto {
            Proto::Resp2 => self.array(2 * pairs),
            Proto::Resp3 => self.line('%', pairs),
        }
    }

    /// So many follow.
    pub(super) fn array(&mut self, len: usize) {
        self.line('*', len);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        reply::bulk(bytes, &mut self.out);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn count(&mut self, count: impl std::fmt::Display) {
        self.line(':', count);
    }

    /// A number, or nothing.
    pub(super) fn count_or_nothing(&mut self, count: Option<u64>) {
        match count {
            Some(count) => self.count(count),
            None => self.out.extend_from_slice(reply::null(self.proto)),
        }
    }

    /// A number with a fraction.
    pub(super) fn number(&mut self, number: f64) {
        let text = format!("{number:.4}");
        match self.proto {
            Proto::Resp2 => self.text(&text),
            Proto::Resp3 => self.line(',', text),
        }
    }

    /// A yes or no.
    pub(super) fn flag(&mut self, yes: bool) {
        match self.proto {
            Proto::Resp2 => self.count(u8::from(yes)),
            Proto::Resp3 => self.line('#', if yes { 't' } else { 'f' }),
        }
    }

    /// Any value: objects are maps, and nothing is nothing.
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.extend_from_slice(reply::null(self.proto)),
            Value::Bool(yes) => self.flag(*yes),
            Value::Number(number) if !number.is_f64() => self.count(number),
            Value::Number(number) => match self.proto {
                Proto::Resp2 => self.text(&number.to_string()),
                Proto::Resp3 => self.line(',', number),
            },
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                self.array(items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Object(fields) => {
                self.map(fields.len());
                for (name, field) in fields {
                    self.text(name);
                    self.value(field);
                }
            }
        }
    }

    /// A piece made elsewhere, in the same protocol.
    pub(super) fn append(&mut self, piece: Self) {
        self.out.extend_from_slice(&piece.out);
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.out
    }

    fn line(&mut self, kind: char, what: impl std::fmt::Display) {
        self.out.extend_from_slice(format!("{kind}{what}\r\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_has_a_form_in_both_protocols() {
        let value = serde_json::json!({"b": [1, -2, 0.25], "a": null, "c": {"x": "é\r\n", "y": false}});
        let made = |proto| {
            let mut shape = Shape::new(proto);
            shape.value(&value);
            String::from_utf8(shape.done()).expect("text")
        };
        assert_eq!(
            made(Proto::Resp2),
            "*6\r\n$1\r\nb\r\n*3\r\n:1\r\n:-2\r\n$4\r\n0.25\r\n$1\r\na\r\n$-1\r\n$1\r\nc\r\n\
             *4\r\n$1\r\nx\r\n$4\r\né\r\n\r\n$1\r\ny\r\n:0\r\n"
        );
        assert_eq!(
            made(Proto::Resp3),
            "%3\r\n$1\r\nb\r\n*3\r\n:1\r\n:-2\r\n,0.25\r\n$1\r\na\r\n_\r\n$1\r\nc\r\n\
             %2\r\n$1\r\nx\r\n$4\r\né\r\n\r\n$1\r\ny\r\n#f\r\n"
        );
    }

    #[test]
    fn a_map_is_flat_in_resp2_and_values_have_their_own_types_in_resp3() {
        let made = |proto| {
            let mut shape = Shape::new(proto);
            shape.map(4);
            shape.text("a");
            shape.count(7);
            shape.text("b");
            shape.number(0.5);
            shape.text("c");
            shape.flag(true);
            shape.text("d");
            shape.count_or_nothing(None);
            String::from_utf8(shape.done()).expect("text")
        };
        assert_eq!(
            made(Proto::Resp2),
            "*8\r\n$1\r\na\r\n:7\r\n$1\r\nb\r\n$6\r\n0.5000\r\n$1\r\nc\r\n:1\r\n$1\r\nd\r\n$-1\r\n"
        );
        assert_eq!(
            made(Proto::Resp3),
            "%4\r\n$1\r\na\r\n:7\r\n$1\r\nb\r\n,0.5000\r\n$1\r\nc\r\n#t\r\n$1\r\nd\r\n_\r\n"
        );
    }
}

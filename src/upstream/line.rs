//! How the upstream prints a client in `CLIENT LIST`: which fields, in which order. It differs from
//! version to version, so it is learned from the line of a connection of our own.

/// What Redis 7.0 prints, for an upstream that will not say.
const SEVEN: &str = "id=0 addr= laddr= fd=0 name= age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 \
                     qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 \
                     events=r cmd=NULL user=default redir=-1 resp=2";

/// The fields of a client's line, each with what stands in it for a connection of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLine {
    fields: Vec<(Box<str>, Box<str>)>,
}

impl Default for ClientLine {
    /// The line of Redis 7.0.
    fn default() -> Self {
        Self { fields: fields(SEVEN) }
    }
}

impl ClientLine {
    /// The fields in a reply to `CLIENT INFO`; `None` if it is none.
    pub(super) fn learn(reply: &[u8]) -> Option<Self> {
        let header = reply.iter().position(|&b| b == b'\n')? + 1;
        let body = match reply.first()? {
            b'$' => reply.get(header..)?,
            b'=' => reply.get(header + b"txt:".len()..)?,
            _ => return None,
        };
        let fields = fields(std::str::from_utf8(body).ok()?);
        (fields.first()?.0.as_ref() == "id").then_some(Self { fields })
    }

    /// Name and value of each field, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Whether the upstream prints this field.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field.as_ref() == name)
    }
}

fn fields(line: &str) -> Vec<(Box<str>, Box<str>)> {
    // A socket's path may have blanks in it: what has no `=` belongs to the word before.
    let words = line.split_ascii_whitespace().filter_map(|word| word.split_once('='));
    words.map(|(name, value)| (name.into(), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_learned_in_both_protocols_and_an_error_is_none() {
        for reply in [&b"$21\r\nid=3 name= capa= db=0\n\r\n"[..], b"=25\r\ntxt:id=3 name= capa= db=0\n\r\n"] {
            let line = ClientLine::learn(reply).unwrap();
            assert!(line.fields().eq([("id", "3"), ("name", ""), ("capa", ""), ("db", "0")]));
            assert!(line.has("capa") && !line.has("watch"));
        }
        for reply in [&b"-NOPERM no\r\n"[..], b"$-1\r\n", b"$2\r\nhi\r\n", b""] {
            assert_eq!(ClientLine::learn(reply), None);
        }
        assert_eq!(ClientLine::default().fields().count(), 28);
    }
}

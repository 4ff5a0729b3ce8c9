//! Words as the arguments of a request.

use nearside::resp::request::{Args, Span};

/// Calls `then` with `words` as arguments.
pub(crate) fn with<T>(words: &[String], then: impl FnOnce(Args<'_>) -> T) -> T {
    let bytes = words.concat().into_bytes();
    let mut start = 0;
    let spans: Vec<Span> = words
        .iter()
        .map(|word| {
            let span = Span { start, end: start + word.len() };
            start = span.end;
            span
        })
        .collect();
    then(Args::new(&bytes, &spans))
}

//! Commands: every row with any arguments, and the look-up of any name.

use nearside::command::{self, Command, Route};
use nearside::resp::request::{Args, encode};
use nearside::resp::scan::request::{Limits, Progress, RequestScanner};

use crate::choices::Choices;

const LIMITS: Limits =
    Limits { max_bulk: 1 << 20, max_multibulk: 1 << 20, large: 1 << 20, unauthenticated: false };

/// The words rules look for, so that they need not be guessed.
const WORDS: [&str; 24] = [
    "",
    "0",
    "1",
    "2",
    "3",
    "999999999",
    "-1",
    "STREAMS",
    "COUNT",
    "BLOCK",
    "GROUP",
    "CLAIM",
    "NOACK",
    "STORE",
    "STOREDIST",
    "BY",
    "GET",
    "LIMIT",
    "KEYS",
    "AUTH",
    "AUTH2",
    "OVERFLOW",
    "WITHSCORES",
    "a*",
];

/// Every two bytes one argument: a word, or the name of a command, or a few bytes.
pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut words: Vec<Vec<u8>> = Vec::new();
    while !choices.is_over() && words.len() < 300 {
        match choices.below(4) {
            0 => words.push(choices.some(12).to_vec()),
            1 => {
                let row = choices.below(command::COUNT);
                let name = command::numbered(row as u16).expect("a row").name.to_ascii_lowercase();
                words.extend(name.split('|').map(|word| word.as_bytes().to_vec()));
            }
            _ => words.push(WORDS[choices.below(WORDS.len())].as_bytes().to_vec()),
        }
    }
    if words.is_empty() {
        return;
    }
    let request = encode(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut scanner = RequestScanner::default();
    assert_eq!(scanner.scan(&request, &LIMITS), Ok(Progress::Whole { len: request.len() }));
    let args = scanner.args(&request);
    looked_up(&args);
    command::all().for_each(|row| judged(row, &args));
}

/// The same row as one finds who reads the whole table.
fn looked_up(args: &Args<'_>) {
    let is = |row: &Command, name: &[u8]| row.name.as_bytes().eq_ignore_ascii_case(name);
    let plain = command::all().find(|row| is(row, args.get(0)) && !row.name.contains('|'));
    let whole = [args.get(0), b"|", args.get(1)].concat();
    let sub = command::all().find(|row| args.len() > 1 && plain.is_some() && is(row, &whole));
    // A bar within a word makes nothing a subcommand.
    let sub = sub.filter(|_| !args.get(1).contains(&b'|'));
    let found = command::lookup(args);
    assert_eq!(found.map(|row| row.name), sub.or(plain).map(|row| row.name));
    if let Some(row) = found {
        let number = command::number(row);
        assert_eq!(command::numbered(number).map(|row| row.name), Some(row.name));
        assert_eq!(command::named(&row.name.to_lowercase()).map(|row| row.name), Some(row.name));
    }
}

fn judged(row: &'static Command, args: &Args<'_>) {
    let keys: Vec<usize> = row.keys(args).positions().take(args.len() + 1).collect();
    let channels: Vec<usize> = row.channels(args).positions().take(args.len() + 1).collect();
    for positions in [&keys, &channels] {
        assert!(positions.iter().all(|at| 0 < *at && *at < args.len()), "{}: {positions:?}", row.name);
        let mut sorted = positions.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), positions.len(), "{}: one argument twice, {positions:?}", row.name);
    }
    assert!(keys.is_empty() || channels.is_empty(), "{}", row.name);
    assert_eq!(row.keys(args).count(), keys.len());
    assert!(row.keys(args).zip(&keys).all(|(key, at)| key == args.get(*at)), "{}", row.name);
    // What rights it takes is said for the first key and the others; there must be something to say it of.
    let (first, others) = row.access().needs(args);
    assert!(first.covers(first) && others.covers(others));
    let blocking = matches!(row.route, Route::Blocking(_));
    assert!(blocking || !row.blocks(args), "{} blocks", row.name);
    if row.reads_by_pattern(args) == Some("BY") {
        assert!(!row.keys_complete(args), "{} reads what BY names", row.name);
    }
    let _ = (row.arity_ok(args.len()), row.conversion(args), row.categories(), row.while_subscribed());
}

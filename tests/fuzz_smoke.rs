//! The fuzz targets for a moment: their corpus as it is, and changed at random from a fixed seed.
//!
//! The same bodies as under libFuzzer (`make fuzz-targets`, see `fuzzing/README.md`), with the stable
//! compiler and without what guides them. An input that fails is printed; put it into the target's
//! corpus once it is repaired.

#[path = "fuzzing/bodies/acl.rs"]
mod acl;
#[path = "fuzzing/bodies/choices.rs"]
mod choices;
#[path = "fuzzing/bodies/configuration.rs"]
mod configuration;
#[path = "fuzzing/bodies/conversion.rs"]
mod conversion;
#[path = "fuzzing/bodies/glob.rs"]
mod glob;
#[path = "fuzzing/bodies/keys.rs"]
mod keys;
#[path = "fuzzing/bodies/replies.rs"]
mod replies;
#[path = "fuzzing/bodies/requests.rs"]
mod requests;

use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

use fastrand::Rng;

/// Longest input, as for libFuzzer.
const LONGEST: usize = 4096;

#[test]
fn requests() {
    run("requests", requests::check, 6000);
}

#[test]
fn replies() {
    run("replies", replies::check, 6000);
}

#[test]
fn conversion() {
    run("conversion", conversion::check, 4000);
}

#[test]
fn keys() {
    run("keys", keys::check, 300);
}

#[test]
fn acl() {
    run("acl", acl::check, 300);
}

#[test]
fn configuration() {
    run("configuration", configuration::check, 400);
}

#[test]
fn glob() {
    run("glob", glob::check, 2000);
}

fn run(name: &str, check: fn(&[u8]), times: usize) {
    let corpus = corpus(name);
    let words = dictionary(name);
    assert!(!corpus.is_empty() && !words.is_empty());
    corpus.iter().for_each(|input| hold(name, check, input));
    let mut rng = Rng::with_seed(0x6e65_6172);
    for _ in 0..times {
        let mut input = corpus[rng.usize(..corpus.len())].clone();
        for _ in 0..1 + rng.usize(..4) {
            change(&mut input, &corpus, &words, &mut rng);
        }
        hold(name, check, &input);
    }
}

fn hold(name: &str, check: fn(&[u8]), input: &[u8]) {
    if catch_unwind(|| check(input)).is_err() {
        panic!("{name} fails with b\"{}\"", input.escape_ascii());
    }
}

/// One of the changes that libFuzzer makes.
fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    match rng.u8(..6) {
        0 if at < input.len() => input[at] = rng.u8(..),
        1 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        2 => drop(input.drain(at..(at + rng.usize(..8)).min(input.len()))),
        3 => {
            let again = input[at..(at + rng.usize(..16)).min(input.len())].to_vec();
            input.splice(at..at, again);
        }
        4 => {
            let other = &corpus[rng.usize(..corpus.len())];
            let tail = other[rng.usize(..=other.len())..].to_vec();
            input.truncate(at);
            input.extend(tail);
        }
        _ => drop(input.splice(at..at, words[rng.usize(..words.len())].clone())),
    }
    input.truncate(LONGEST);
}

fn place(kind: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzzing").join(kind).join(name)
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(place("corpus", name)).expect("a corpus");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).expect("an input")).collect()
}

/// The words of a dictionary, in libFuzzer's form: one in quotes a line, with `\xAB` for what is no text.
fn dictionary(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(place("dict", &format!("{name}.dict"))).expect("a dictionary");
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(word).collect()
}

fn word(line: &str) -> Vec<u8> {
    let inside = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).expect("a word in quotes");
    let (mut word, mut rest) = (Vec::new(), inside.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |digits: &[u8]| {
            std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
        };
        let (byte, after) = match (byte, after) {
            (b'\\', [b'x', high, low, after @ ..]) => (hex(&[*high, *low]).expect("digits"), after),
            (b'\\', [escaped, after @ ..]) => (*escaped, after),
            _ => (byte, after),
        };
        word.push(byte);
        rest = after;
    }
    word
}

#[test]
fn all_that_is_committed_is_small() {
    let names = ["requests", "replies", "conversion", "keys", "acl", "configuration", "glob"];
    let inputs = names.iter().flat_map(|name| corpus(name)).map(|input| input.len()).sum::<usize>();
    let words = names.iter().flat_map(|name| fs::metadata(place("dict", &format!("{name}.dict"))).ok());
    let total = inputs as u64 + words.map(|file| file.len()).sum::<u64>();
    assert!(total < 200_000, "{total} bytes: minimise the corpus");
}

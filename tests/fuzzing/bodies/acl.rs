//! ACL rules: read, written and read again they mean the same; laws of single rules; nothing secret shows.

use nearside::command;
use nearside::policy::acl::{Dialect, User, dryrun_text, refusal_text};
use nearside::resp::request::{Args, Span};

use crate::choices::Choices;

/// A password that must never be seen again.
const SECRET: &str = "Xq7vSecretJz";

const WORDS: [&str; 48] = [
    "on",
    "off",
    "nopass",
    "resetpass",
    "reset",
    "clearselectors",
    "sanitize-payload",
    "skip-sanitize-payload",
    "allkeys",
    "resetkeys",
    "allchannels",
    "resetchannels",
    "allcommands",
    "nocommands",
    "+@all",
    "-@all",
    "~*",
    "~a*",
    "~",
    "%R~b*",
    "%W~c",
    "%RW~a*",
    "%r~a*",
    "&*",
    "&ch*",
    "&",
    ">pw",
    "<pw",
    "#00",
    "!00",
    "(",
    ")",
    "(~a*",
    "+get)",
    "+get",
    "-get",
    "+GET",
    "+config|get",
    "-config",
    "+config",
    "-config|set",
    "+select|0",
    "+get|a",
    "+@read",
    "-@read",
    "+@dangerous",
    "-@dangerous",
    "+gett",
];

/// The first byte chooses whether rules are words that exist or the text that follows.
pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let how = choices.byte();
    let text = if how & 1 == 0 {
        String::from_utf8_lossy(choices.rest()).into_owned()
    } else {
        worded(&mut choices)
    };
    if text.contains(SECRET) {
        return;
    }
    secret_stays(&text, how >> 1);
    let Ok(user) = User::parse("app", &text) else { return };
    let requests = requests(data);
    same_again(&user, &text, &requests);
    laws(&user, &text, how >> 1, &requests);
    for request in &requests {
        sensible(&user, &request.args());
    }
}

fn worded(choices: &mut Choices<'_>) -> String {
    let mut words: Vec<String> = Vec::new();
    while !choices.is_over() && words.len() < 60 {
        words.push(match choices.below(WORDS.len() + 16) {
            at @ 0..48 => WORDS[at].to_owned(),
            sign => {
                let name = command::numbered(choices.below(command::COUNT) as u16).expect("a row").name;
                format!("{}{}", if sign & 1 == 0 { '+' } else { '-' }, name.to_ascii_lowercase())
            }
        });
    }
    words.join(" ")
}

/// A password among rules, right or wrong, is in no text.
fn secret_stays(text: &str, seed: u8) {
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    let signs = [">", "<", "(>", ">my ("];
    let rule = format!("{}{SECRET}", signs[usize::from(seed) % signs.len()]);
    words.insert(usize::from(seed >> 2) % (words.len() + 1), &rule);
    let shown = match User::parse("app", &words.join(" ")) {
        Err(error) => format!("{error} {error:?}"),
        Ok(user) => format!("{user:?} {} {:?}", user.describe(), user.details()),
    };
    assert!(!shown.contains(SECRET), "{shown}");
}

struct Request(Vec<u8>, Vec<Span>);

impl Request {
    fn args(&self) -> Args<'_> {
        Args::new(&self.0, &self.1)
    }
}

/// A few requests, of known commands and others.
fn requests(data: &[u8]) -> Vec<Request> {
    let mut choices = Choices::new(data);
    let mut requests = Vec::new();
    for _ in 0..6 {
        let row = choices.below(command::COUNT + 8);
        let name = command::numbered(row as u16).map_or("module.do", |row| row.name);
        let mut words: Vec<Vec<u8>> = name.split('|').map(|word| word.as_bytes().to_vec()).collect();
        for _ in 0..choices.below(6) {
            let keys: [&[u8]; 8] = [b"", b"a1", b"b", b"ch", b"1", b"GET", b"STORE", b"BY"];
            words.push(if choices.byte() & 1 == 0 {
                choices.some(6).to_vec()
            } else {
                keys[choices.below(8)].to_vec()
            });
        }
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            spans.push(Span { start: bytes.len(), end: bytes.len() + word.len() });
            bytes.extend(word);
        }
        requests.push(Request(bytes, spans));
    }
    requests
}

fn may(user: &User, args: &Args<'_>) -> bool {
    user.decide(command::lookup(args), args).is_ok()
}

fn parsed(rules: &str) -> User {
    User::parse("app", rules).unwrap_or_else(|error| panic!("{rules}: {error}"))
}

fn same_again(user: &User, text: &str, requests: &[Request]) {
    // A pattern `*` of rights that are both read and write is written as what is more, as in Redis.
    let star = |word: &str| {
        word.trim_start_matches('(').starts_with('%') && word.trim_end_matches(')').ends_with("~*")
    };
    if text.split_ascii_whitespace().any(star) {
        return;
    }
    let described = user.describe();
    let rules = described.strip_prefix("user app ").expect("its name first");
    let again = parsed(rules);
    assert_eq!(again.describe(), described);
    assert_eq!(again.details(), user.details());
    assert_eq!((again.is_on(), again.needs_password()), (user.is_on(), user.needs_password()));
    assert_eq!(
        (again.has_all_keys(), again.may_all_commands()),
        (user.has_all_keys(), user.may_all_commands())
    );
    for request in requests {
        let (args, row) = (request.args(), command::lookup(&request.args()));
        assert_eq!(
            again.decide(row, &args),
            user.decide(row, &args),
            "{rules}: {:?}",
            args.get(0).escape_ascii()
        );
    }
    assert!(command::all().all(|row| again.may_freely(Some(row)) == user.may_freely(Some(row))), "{rules}");
}

/// What rules at the end of any others do; one of the laws at a time.
fn laws(user: &User, text: &str, which: u8, requests: &[Request]) {
    let with = |more: &str| parsed(&format!("{text} {more}"));
    match which % 5 {
        0 => assert_eq!(with("reset").describe(), parsed("reset").describe()),
        1 => {
            let none = with("clearselectors -@all");
            for row in command::all() {
                let no_auth = matches!(row.name, "AUTH" | "HELLO" | "QUIT" | "RESET");
                assert_eq!(none.may_freely(Some(row)), no_auth, "{text}: {}", row.name);
            }
            let known = |args: &Args<'_>| matches!(args.get(0), b"AUTH" | b"HELLO" | b"QUIT" | b"RESET");
            let kept = |args: &Args<'_>| may(&none, args) == known(args);
            assert!(requests.iter().all(|request| kept(&request.args())), "{text}");
        }
        2 => {
            for everything in [with("allkeys allchannels +@all"), with("(~* &* +@all)")] {
                assert!(everything.has_all_keys() && everything.may_all_commands());
                assert!(requests.iter().all(|request| may(&everything, &request.args())), "{text}");
            }
        }
        3 => {
            let more = with("(+get %R~a* &ch)");
            let kept = |args: &Args<'_>| !may(user, args) || may(&more, args);
            assert!(requests.iter().all(|request| kept(&request.args())), "a selector takes nothing away");
        }
        _ => {
            let password = with(&format!("resetpass >{SECRET} on"));
            assert!(password.check_password(SECRET.as_bytes()) && !password.check_password(b"other"));
            assert!(with("nopass on").check_password(b"any"));
            assert!(!with(&format!(">{SECRET} off")).check_password(SECRET.as_bytes()));
            assert!(!with(&format!("nopass >{SECRET} on <{SECRET}")).check_password(SECRET.as_bytes()));
        }
    }
}

/// A decision and its words.
fn sensible(user: &User, args: &Args<'_>) {
    let row = command::lookup(args);
    let decided = user.decide(row, args);
    assert!(!user.may_freely(row) || decided.is_ok(), "what is free is allowed");
    let Err(refusal) = decided else { return };
    for dialect in [Dialect::Redis70, Dialect::Newer] {
        let text = refusal_text(&refusal, user.name(), dialect);
        assert!(!text.contains(char::is_control), "{text:?}");
        let _ = dryrun_text(&refusal, user.name(), args, dialect);
    }
}

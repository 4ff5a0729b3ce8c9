use super::*;
use crate::command::lookup;
use crate::resp::request::{Args, Span};

/// What `user` is told of the words of `line`, in Redis 7.2's words.
fn told(user: &User, line: &str) -> String {
    let mut spans = Vec::new();
    for word in line.split(' ') {
        let start = spans.last().map_or(0, |last: &Span| last.end + 1);
        spans.push(Span { start, end: start + word.len() });
    }
    let args = Args::new(line.as_bytes(), &spans);
    match user.decide(lookup(&args), &args) {
        Ok(()) => "OK".to_owned(),
        Err(refusal) => refusal_text(&refusal, user.name(), Dialect::Newer),
    }
}

fn user(rules: &str) -> User {
    User::parse("app", rules).expect("good rules")
}

fn may(rules: &str, line: &str) -> bool {
    told(&user(rules), line) == "OK"
}

fn wrong(rules: &str) -> String {
    User::parse("app", rules).expect_err("bad rules").to_string()
}

#[test]
fn a_new_user_may_nothing() {
    let user = user("");
    assert!(!user.is_on() && user.needs_password() && !user.check_password(b""));
    assert_eq!(user.describe(), "user app off resetchannels -@all");
    assert_eq!(told(&user, "PING"), "NOPERM User app has no permissions to run the 'ping' command");
    for line in ["AUTH x y", "HELLO 3", "QUIT", "RESET"] {
        assert_eq!(told(&user, line), "OK", "{line}");
    }
}

#[test]
fn later_rules_win() {
    assert!(!may("+@all -flushall ~*", "FLUSHALL"));
    assert!(may("+@all -flushall +@dangerous ~*", "FLUSHALL"));
    assert!(!may("+@all -flushall +@dangerous -@keyspace ~*", "FLUSHALL"));
    assert!(may("+@all -config +config|get", "CONFIG GET x"));
    assert!(!may("+@all -config +config|get", "CONFIG SET x y"));
    assert!(may("-config|set +config", "CONFIG SET x y"));
}

#[test]
fn a_first_argument_can_be_allowed_alone() {
    assert!(may("+select|0 +SELECT|a", "SELECT 0") && may("+select|0 +SELECT|a", "SELECT A"));
    assert!(!may("+select|0", "SELECT 1") && !may("+select|0", "SELECT"));
    assert!(!may("+select|0 -select", "SELECT 0") && !may("+select|0 -@connection", "SELECT 0"));
}

#[test]
fn keys_take_the_rights_the_command_needs() {
    let rules = "+@all %R~r* %W~w* ~b*";
    for line in ["GET r", "SET w 1", "COPY r w", "INCR b", "EXISTS w", "TYPE r", "SET b 1 GET"] {
        assert!(may(rules, line), "{line}");
    }
    for line in
        ["GET w", "SET r 1", "COPY w r", "INCR r", "SET w 1 GET", "EXISTS x", "MGET r x", "EVAL s 1 r"]
    {
        assert!(told(&user(rules), line).ends_with("access a key"), "{line}");
    }
    assert!(may(rules, "EVAL_RO s 1 r") && may(rules, "EVAL s 1 b") && may(rules, "BITFIELD r GET u8 0"));
    assert!(!may(rules, "BITFIELD r SET u8 0 1"));
}

#[test]
fn a_selector_allows_a_request_alone() {
    let rules = "~a +get (~b +set)";
    assert!(may(rules, "GET a") && may(rules, "SET b 1"));
    assert!(!may(rules, "GET b") && !may(rules, "SET a 1"));
    assert!(!may("~a +get (~b +set) clearselectors", "SET b 1"));
}

#[test]
fn channels_are_matched_and_patterns_compared() {
    let rules = "+@pubsub &news.*";
    for line in [
        "PUBLISH news.1 x",
        "SUBSCRIBE news.1 news.2",
        "PSUBSCRIBE news.*",
        "UNSUBSCRIBE x",
        "SSUBSCRIBE news.",
    ] {
        assert!(may(rules, line), "{line}");
    }
    for line in ["PUBLISH old x", "SUBSCRIBE news.1 old", "PSUBSCRIBE news.1", "PSUBSCRIBE *"] {
        assert_eq!(told(&user(rules), line), "NOPERM No permissions to access a channel", "{line}");
    }
}

#[test]
fn sort_by_pattern_takes_all_keys() {
    assert!(may("+@all ~a", "SORT a") && may("+@all ~a", "SORT a BY nosort"));
    assert!(told(&user("+@all ~a"), "SORT a BY w*").starts_with("ERR BY option of SORT denied"));
    assert!(told(&user("+@all ~a"), "SORT_RO a GET #").starts_with("ERR GET option of SORT denied"));
    assert!(may("+@all %R~*", "SORT a BY w* GET o*"));
}

#[test]
fn what_nobody_here_knows_takes_everything() {
    for rules in ["+@all ~*", "+@all -flushall ~* &c"] {
        assert!(may(rules, "JSON.SET k v"), "{rules}");
    }
    for rules in ["+@all ~a*", "+@all -@dangerous ~*", "+@read +@write ~*", "+@all -@all ~*"] {
        assert!(!may(rules, "JSON.SET k v"), "{rules}");
    }
    assert!(may("+config", "CONFIG NOSUCH") && may("+@all ~*", "OBJECT NOSUCH k"));
    assert!(!may("+config -config|set", "CONFIG NOSUCH"), "it may be worse than what is forbidden");
    assert!(!may("+@all ~a", "OBJECT NOSUCH k"), "nobody knows where its key is");
}

#[test]
fn a_pfmerge_without_sources_still_writes() {
    assert!(!may("+@all ~a", "PFMERGE b"));
}

#[test]
fn an_unknown_name_is_shown_short_and_harmless() {
    let long = told(&user(""), &format!("X\r\n{}", "y".repeat(500)));
    assert!(long.len() < 250 && !long.contains(['\r', '\n']) && long.contains("'x??yyy"), "{long}");
}

#[test]
fn passwords_open_who_is_on() {
    let on = user("on >one >two");
    assert!(on.check_password(b"one") && on.check_password(b"two") && !on.check_password(b"three"));
    assert!(!user("off >one").check_password(b"one"));
    assert!(user("on nopass").check_password(b"anything") && !user("on nopass").needs_password());
    assert!(!user("on nopass >one").check_password(b"anything"));
    assert!(!user("on >one resetpass").check_password(b"one"));
}

#[test]
fn it_describes_itself() {
    let text = "user app on #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 ~a* %R~b* \
                resetchannels &c -@all +@read -get +select|1 (~* &* +@all -flushall)";
    let user = user(
        "on >pw ~a* %R~b* &c +set +@read -get +select|1 -set +SET -@all +@read -get +select|1 (~* &* +@all -flushall)",
    );
    assert_eq!(user.describe(), text);
    let details = user.details();
    assert_eq!(details.flags, ["on"]);
    assert_eq!((details.root.keys.as_str(), details.root.channels.as_str()), ("~a* %R~b*", "&c"));
    assert_eq!(details.selectors[0].commands, "+@all -flushall");
    assert_eq!(
        User::parse("default", "on nopass ~* &* +@all").expect("good").describe(),
        "user default on nopass ~* &* +@all"
    );
}

#[test]
fn everything_is_seen_to_be_everything() {
    let all = user("~* &* +@all");
    assert!(all.has_all_keys() && all.may_all_commands() && all.unrestricted);
    assert!(user("(~* &* +@all)").unrestricted);
    assert!(!user("+@all -get").may_all_commands() && user("+@all -get +get").may_all_commands());
    assert!(!user("+@read ~*").unrestricted && !user("%R~*").has_all_keys());
}

#[test]
fn mistakes_are_named_and_mended() {
    let start = "Error in ACL SETUSER modifier";
    let unknown = "Unknown command or category name in ACL";
    assert_eq!(wrong("on +gett"), format!("{start} '+gett': {unknown}, did you mean +get?"));
    assert_eq!(wrong("-@dangerus"), format!("{start} '-@dangerus': {unknown}, did you mean -@dangerous?"));
    assert_eq!(wrong("+config|gte"), format!("{start} '+config|gte': {unknown}, did you mean +config|get?"));
    assert_eq!(wrong("(~a +gett)"), format!("{start} '+gett': {unknown}, did you mean +get?"));
    assert_eq!(wrong("alkeys"), format!("{start} 'alkeys': Syntax error, did you mean allkeys?"));
    assert_eq!(wrong("%X~a"), format!("{start} '%X~a': Syntax error"));
    assert_eq!(wrong("on (~a"), "Unmatched parenthesis in acl selector starting at '(~a'.");
    assert_eq!(wrong("on (>pw ~a"), "Unmatched parenthesis in acl selector starting at '(>***'.");
    assert!(wrong("~* ~a").contains("Try 'resetkeys'") && wrong("&* &a").contains("Try 'resetchannels'"));
    assert!(User::parse("a b", "on").is_err());
}

#[test]
fn mistakes_show_no_password() {
    for rules in [
        "on >my secret",
        "<secret",
        "#secret",
        "!secret",
        "on (secret +get)",
        "on secret) +get",
        "(+gett >secret)",
        "(>\"secret\")",
    ] {
        let error = User::parse("app", rules).expect_err("bad rules");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    assert!(!format!("{:?}", user("on >secret")).contains("secret"));
}

#[test]
fn a_password_that_seems_to_open_a_selector_is_not_shown() {
    let text = |shown| format!("Unmatched parenthesis in acl selector starting at '{shown}'.");
    assert_eq!(wrong("on (>secret ~a"), text("(>***"));
    assert_eq!(wrong("on >my (secret"), text("(***"));
    assert_eq!(wrong("on (+get ~a"), text("(+get"));
    assert_eq!(wrong("on ( +get"), text("("));
}

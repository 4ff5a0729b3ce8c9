use super::*;
use crate::config::{CertificateUser, LocalUser};

const USERS: Listing<LocalUser> = Listing(|c| &mut c.users);

fn set(field: &dyn TableField, text: &str) -> Result<Config, Vec<Fault>> {
    let mut config = Config::default();
    field.set(&mut config, &Value::One(text.into())).map(|()| config)
}

fn why(field: &dyn TableField, text: &str) -> String {
    let faults = set(field, text).expect_err(text);
    faults.into_iter().map(|fault| fault.why).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_text_holds_one_value_and_nothing_behind_it() {
    for bad in [
        "[{name = \"a\", acl = \"on\"}] x",
        "[]\nmaxclients = 5",
        "[{name = \"a\", name = \"b\", acl = \"on\"}]",
        "[{",
        "name = \"a\"",
        "\u{0}",
    ] {
        let why = why(&USERS, bad);
        assert!(
            why.starts_with("expects a list of tables such as [{name") && why.contains("; not TOML: "),
            "{why}"
        );
    }
    for bad in ["5", "true", "\"x\"", "[1]", "[[{}]]", "1979-05-27"] {
        let why = why(&USERS, bad);
        assert!(why.contains(", got another kind of value ("), "{why}");
    }
    assert!(why(&USERS, &"[".repeat(100_000)).contains("not TOML"), "deep nesting ends in an error");
}

#[test]
fn a_fault_leaves_what_was_there() {
    let mut config = set(&USERS, "[{name = \"a\", acl = \"on\"}]").unwrap();
    let before = config.clone();
    let broken = Value::One("[{name = \"b\", acl = \"on\"}, {name = \"c\"}]".into());
    assert_eq!(USERS.set(&mut config, &broken), Err(vec!["table 2: acl is missing".to_string().into()]));
    assert_eq!(config, before);
}

#[test]
fn options_of_another_type_are_said_to_be() {
    let certificates: Listing<CertificateUser> = Listing(|c| &mut c.tls.users);
    assert_eq!(
        why(&certificates, "[{cert = [\"*\"], user = {}}]"),
        "table 1: cert expects one value, not a list; table 1: user expects a text, got another kind of value (table)"
    );
    assert_eq!(
        why(&certificates, "[{cert = \" \", user = 5, users = 1}]"),
        "table 1: cert is empty; table 1: has no such option, did you mean user?"
    );
}

#[test]
fn what_is_shown_is_toml_whatever_is_in_it() {
    let mut config = Config::default();
    let odd = "a\"b\\c\n\u{7f}é, ]}";
    config.tls.users = vec![CertificateUser { cert: odd.into(), user: "u".into() }];
    let certificates: Listing<CertificateUser> = Listing(|c| &mut c.tls.users);
    let shown = certificates.show(&mut config);
    assert_eq!(set(&certificates, &shown).unwrap().tls.users, config.tls.users);
    assert_eq!(certificates.show(&mut Config::default()), "[]");
    let renames = Renames(|c| &mut c.rules.rename, Side::Clients);
    config.rules.rename = vec![("JSON.SET".into(), "a\"\\b".into()), ("KEYS".into(), String::new())];
    let shown = renames.show(&mut config);
    assert_eq!(shown, "{\"JSON.SET\" = \"a\\\"\\\\b\", KEYS = \"\"}");
    assert_eq!(set(&renames, &shown).unwrap().rules.rename, config.rules.rename);
    assert_eq!(renames.show(&mut Config::default()), "{}");
}

#[test]
fn lines_of_a_file_are_those_of_its_tables_and_options() {
    let text = "x = 1\n[[users]]\nname = \"a\"\n\n[[users]]\nacl = \"on\"\nname = \"b\"\n";
    let table = DeTable::parse(text).unwrap();
    let line = |at: usize| Some(text[..at].matches('\n').count() + 1);
    let tables = Tables::of(table.get_ref()["users"].get_ref(), &line).unwrap();
    assert_eq!((tables.line(0), tables.line(1), tables.line(2)), (Some(2), Some(5), None));
    let faults = USERS.set(&mut Config::default(), &Value::Tables(tables)).unwrap_err();
    assert_eq!(faults, [Fault { line: Some(2), why: "table 1: acl is missing".into() }]);
}

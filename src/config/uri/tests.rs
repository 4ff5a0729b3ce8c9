use super::*;

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.into(), port }
}

#[test]
fn every_form_of_a_tcp_address() {
    let cases = [
        ("redis://localhost:6379/0", tcp("localhost", 6379), None, None, Some(0)),
        ("redis://localhost", tcp("localhost", 6379), None, None, None),
        ("redis://", tcp("localhost", 6379), None, None, None),
        ("valkey://h:1/", tcp("h", 1), None, None, None),
        ("REDIS://h?db=2", tcp("h", 6379), None, None, Some(2)),
        ("redis://h/1?db=2", tcp("h", 6379), None, None, Some(2)),
        ("redis://user@h", tcp("h", 6379), Some("user"), None, None),
        ("redis://:pass@h", tcp("h", 6379), None, Some("pass"), None),
        ("redis://u:p%40ss%3A%2f@h:7/3", tcp("h", 7), Some("u"), Some("p@ss:/"), Some(3)),
        ("redis://u:p@ss@h", tcp("h", 6379), Some("u"), Some("p@ss"), None),
        ("redis://u:p/w@h", tcp("h", 6379), Some("u"), Some("p/w"), None),
        ("redis://u:@h", tcp("h", 6379), Some("u"), None, None),
        ("redis://[::1]:6380/1", tcp("::1", 6380), None, None, Some(1)),
        ("redis://u:p@[fe80::1]", tcp("fe80::1", 6379), Some("u"), Some("p"), None),
    ];
    for (text, endpoint, username, password, database) in cases {
        let uri = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(uri.endpoint, endpoint, "{text}");
        assert_eq!(uri.username.as_deref(), username, "{text}");
        assert_eq!(uri.password.as_ref().map(Secret::expose), password, "{text}");
        assert_eq!(uri.database, database, "{text}");
        assert_eq!(uri.tls, None, "{text}");
    }
}

#[test]
fn every_form_of_a_unix_address() {
    for text in ["unix:///run/r.sock?db=1", "unix:/run/r.sock?db=1", "redis+unix:///run/r.sock?db=1"] {
        let uri = parse(text).unwrap();
        assert_eq!(uri.endpoint, Endpoint::Unix("/run/r.sock".into()));
        assert_eq!(uri.database, Some(1));
    }
    let uri = parse("unix://u:p%25@/run/a@b.sock").unwrap();
    assert_eq!(uri.endpoint, Endpoint::Unix("/run/a@b.sock".into()));
    assert_eq!(uri.username.as_deref(), Some("u"));
    assert_eq!(uri.password.unwrap().expose(), "p%");
}

#[test]
fn tls_is_recognised() {
    for text in ["rediss://h", "valkeys://h:1/2", "redis://h?ssl=true"] {
        assert_eq!(parse(text).unwrap().tls, Some(true), "{text}");
    }
    assert_eq!(parse("rediss://h?ssl_cert_reqs=none").unwrap().details, [(Part::CertReqs, "none".into())]);
    let uri = parse("rediss://h/1?ssl_ca_certs=%2Fa%20b&ssl_check_hostname=true&ssl_keyfile=/k").unwrap();
    assert_eq!(uri.details, [(Part::CaCerts, "/a b".into()), (Part::Keyfile, "/k".into())]);
    assert!(uri.ignored.is_empty() && uri.database == Some(1));
    assert_eq!(parse("rediss://h?ssl_check_hostname=false").unwrap().ignored, ["ssl_check_hostname"]);
    assert_eq!(parse("rediss://h?ssl_ca_certs=%zz"), Err(UriError::Escape));
}

#[test]
fn unknown_options_are_named_without_their_values() {
    let uri = parse("redis://h?protocol=3&db=1&token=hunter2").unwrap();
    assert_eq!(uri.ignored, ["protocol", "token"]);
}

#[test]
fn errors_name_the_part() {
    let cases = [
        ("localhost:6379", UriError::NoScheme),
        ("http://h", UriError::Scheme),
        ("redis://h:x", UriError::Port),
        ("redis://h:0", UriError::Port),
        ("redis://h:70000", UriError::Port),
        ("redis://a b", UriError::Host),
        ("redis://[zz]", UriError::Host),
        ("redis://[::1", UriError::Host),
        ("redis://[::1]x", UriError::Host),
        ("redis://h/x", UriError::Database),
        ("redis://h?db=-1", UriError::Database),
        ("redis://u:%zz@h", UriError::Escape),
        ("redis://u:%f@h", UriError::Escape),
        ("redis://u:%ff@h", UriError::Escape),
        ("redis://h/1#x", UriError::Fragment),
        ("redis://u:12?34@h", UriError::Query),
        ("unix://run/r.sock", UriError::Path),
        ("unix:run", UriError::Path),
        ("unix:///a%00b", UriError::Path),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text), Err(expected), "{text}");
    }
}

#[test]
fn no_error_and_no_debug_prints_the_password() {
    for text in
        ["redis://u:hunter2@h:x", "redis://u:hunter2%zz@h", "foo://u:hunter2@h", "redis://u:hunter2@h"]
    {
        assert!(!format!("{:?}", parse(text)).contains("hunter2"), "{text}");
    }
}

#[test]
fn the_rest_of_a_password_with_an_ampersand_is_not_the_name_of_an_option() {
    for text in ["redis://h?password=my&secret", "unix:///s?db=1&password=a&b=c&secret=1"] {
        let uri = parse(text).unwrap();
        assert!(uri.ignored.iter().all(|name| name.contains("%26") && !name.contains("secret")), "{uri:?}");
        assert!(!uri.ignored.is_empty());
    }
    assert_eq!(parse("redis://h?protocol=3&password=my").unwrap().ignored, ["protocol"]);
}

//! No secret reaches what anybody reads: the log at its most talkative, what `check` prints, errors,
//! `INFO`, `NEARSIDE`, what monitors see. Each is a word of its own that is looked for everywhere.

#![allow(clippy::unwrap_used)] // helpers outside #[test] functions, too

mod common;

#[allow(dead_code)] // a part of it is used
#[path = "tls/certs.rs"]
mod certs;

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use certs::Certs;
use common::{Dir, Place, Server, Talk, binary, eventually, signal};
use nearside::config::{LocalUser, Secret};

/// What every secret of these tests begins with.
const MARK: &str = "zqs3cr3t";

/// A secret by a name.
fn secret(name: &str) -> String {
    format!("{MARK}{name}{MARK}")
}

/// There is none of them in `text`, neither as it is nor as its bytes are often written.
#[track_caller]
fn clean(what: &str, text: &str) {
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let list = MARK.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    for needle in [MARK, &hex, &list, &MARK.to_uppercase()] {
        let found = text.lines().find(|line| line.contains(needle));
        assert!(found.is_none(), "{what} shows a secret: {}", found.unwrap_or_default());
    }
}

fn uri(server: &Server) -> String {
    let Place::Unix(path) = server.place() else { panic!("servers are on Unix sockets") };
    format!("unix://{}", path.display())
}

/// What the program says to `args`, all of it.
fn output(args: &[&str], env: &[(&str, &str)]) -> String {
    let output = binary().args(args).envs(env.iter().copied()).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The program at its most talkative, what it says going to files.
struct Run {
    child: std::process::Child,
    dir: Dir,
}

impl Run {
    fn start(toml: &str, format: &str) -> Self {
        let dir = Dir::new();
        let listen = format!("unix:{}", dir.join("n").display());
        std::fs::write(dir.join("n.toml"), toml).unwrap();
        let file = |name| std::fs::File::create(dir.join(name)).unwrap();
        let mut command = binary();
        command.arg("--config").arg(dir.join("n.toml")).args(["--listen", &listen, "--log-level", "trace"]);
        command.args(["--set", &format!("log.format={format}"), "--set", "workers=2"]);
        let child =
            command.stdout(Stdio::from(file("out"))).stderr(Stdio::from(file("err"))).spawn().unwrap();
        let run = Self { child, dir };
        eventually("it listens", || Talk::try_connect(&run.place()).ok());
        run
    }

    fn place(&self) -> Place {
        Place::Unix(self.dir.join("n"))
    }

    fn connect(&self) -> Talk {
        Talk::connect(&self.place())
    }

    /// Drains; all that it has said.
    fn end(mut self) -> String {
        signal(self.child.id(), "TERM");
        let status = eventually("it ends", || self.child.try_wait().unwrap());
        let read = |name| std::fs::read_to_string(self.dir.join(name)).unwrap();
        let said = read("out") + &read("err");
        assert!(status.success(), "{said}");
        said
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says `words` (a word in braces is a secret), and what was answered.
fn ask(talk: &mut Talk, words: &str) -> String {
    let words: Vec<String> = words.split(' ').map(with_secrets).collect();
    let answer = talk.ask(&words.iter().map(String::as_str).collect::<Vec<_>>());
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same as one line of the old form.
fn ask_inline(talk: &mut Talk, line: &str) -> String {
    talk.stream.write_all(format!("{}\r\n", with_secrets(line)).as_bytes()).unwrap();
    String::from_utf8_lossy(&talk.reply()).into_owned()
}

fn with_secrets(word: &str) -> String {
    match word.split_once('{') {
        None => word.to_owned(),
        Some((before, rest)) => {
            let (name, after) = rest.split_once('}').unwrap();
            format!("{before}{}{}", secret(name), with_secrets(after))
        }
    }
}

/// What clients say with a secret in it that must not come back, nor be shown to anybody else.
const SAID: [&str; 37] = [
    "AUTH {wrong1}",
    "AUTH nobody {wrong2}",
    "AUTH {swapped} app",
    "AUTH",
    "AUTH a {arity} c",
    "HELLO 3 AUTH app {wrong3}",
    "HELLO 3 AUTH app {helloname} SETNAME n",
    "HELLO 9 AUTH app {badproto}",
    "HELLO x AUTH app {badproto2}",
    "HELLO 3 AUTH {helloarity}",
    "MULTI",
    "AUTH app {inmulti}",
    "HELLO 3 AUTH app {inmulti2}",
    "DISCARD",
    "MULTI",
    "CONFIG SET masterauth {queued1}",
    "ACL SETUSER x >{queued2}",
    "MIGRATE 127.0.0.1 1 k 0 10 AUTH {queued3}",
    "DISCARD",
    "WATCH k",
    "AUTH app {watching}",
    "HELLO 2 AUTH app {watching2}",
    "CONFIG SET masterauth {watching3}",
    "UNWATCH",
    "CONFIG SET masterauth {masterauth}",
    "CONFIG SET maxmemory 1gb masterauth {masterauth2}",
    "CONFIG SET tls-key-file-pass {keypass}",
    "ACL SETUSER x on >{acluser} ~*",
    "ACL SETUSER y on #{badhash}",
    "ACL SETUSER >{noname}",
    "ACL DELUSER x",
    "MIGRATE 127.0.0.1 1 k 0 10 AUTH {migrate}",
    "MIGRATE 127.0.0.1 1 k 0 10 AUTH2 u {migrate2}",
    "REPLICAOF {replica} port",
    "SENTINEL SET m auth-pass {sentinel}",
    "MODULE LOADEX /x CONFIG p {module}",
    "FAILOVER TO {failover} 1",
];

/// Secrets that Redis itself repeats to the client which has said them where it should not have.
const REPEATED: [&str; 4] = ["badhash", "noname", "sentinel", "module"];

/// Nothing that a client hears is another one's, or a password.
#[track_caller]
fn clean_but_for_repeated(heard: &str) {
    clean(
        "what clients hear",
        &REPEATED.iter().fold(heard.to_owned(), |heard, name| heard.replace(&secret(name), "")),
    );
}

/// Talks with a proxy in every way that brings a secret; what came back.
fn talk_of_secrets(run: &Run) -> String {
    let mut heard = String::new();
    for round in 0..2 {
        let mut talk = run.connect();
        if round == 1 {
            heard += &ask(&mut talk, "AUTH app {app}");
        }
        for words in SAID {
            heard += &ask(&mut talk, words);
        }
        let mut inline = run.connect();
        for line in ["AUTH {inline1}", "AUTH app \"{inline2}\"", "HELLO 3 AUTH app {inline3}"] {
            heard += &ask_inline(&mut inline, line);
        }
        for info in [
            "INFO everything",
            "NEARSIDE INFO",
            "NEARSIDE CACHE STATS",
            "NEARSIDE HOTKEYS",
            "NEARSIDE CLIENTS",
            "NEARSIDE SLOWLOG 1000",
            "NEARSIDE CONFIG",
            "CLIENT LIST",
            "CLIENT INFO",
            "ACL WHOAMI",
        ] {
            heard += &ask(&mut talk, info);
        }
        // Passed on in pieces.
        for name in ["AUTH", "HELLO"] {
            let long = secret("long").repeat(1 << 16);
            let words: &[&str] =
                if name == "AUTH" { &["AUTH", "app", &long] } else { &["HELLO", "3", "AUTH", "app", &long] };
            let mut talk = run.connect();
            if round == 1 {
                heard += &ask(&mut talk, "AUTH app {app}");
            }
            talk.say_if(words);
            heard += &talk
                .try_reply()
                .map(|reply| String::from_utf8_lossy(&reply).into_owned())
                .unwrap_or_default();
        }
        // Not whole, and no request at all.
        for broken in [
            "*2\r\n$4\r\nAUTH\r\n$99\r\n{cut}",
            "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$x{garbled}\r\n",
            "AUTH \"{unbalanced}\r\n",
        ] {
            let mut talk = run.connect();
            talk.stream.write_all(with_secrets(broken).as_bytes()).unwrap();
            talk.stream.end_of_writing();
            let mut rest = Vec::new();
            let _ = talk.stream.read_to_end(&mut rest);
            heard += &String::from_utf8_lossy(&rest);
        }
    }
    heard
}

#[test]
fn no_secret_gets_out_where_the_upstream_judges() {
    for format in ["text", "json"] {
        let server = Server::start(&[]);
        let mut straight = server.connect();
        for rules in ["app on >{app} ~* &* +@all", "default on resetpass >{upstream} ~* &* +@all"] {
            assert_eq!(ask(&mut straight, &format!("ACL SETUSER {rules}")), "+OK\r\n");
        }
        let run = Run::start(
            &with_secrets(&format!("[upstream]\nuri = \"{}\"\npassword = \"{{upstream}}\"\n", uri(&server))),
            format,
        );
        let mut monitor = run.connect();
        assert_eq!(ask(&mut monitor, "AUTH app {app}"), "+OK\r\n");
        assert_eq!(ask(&mut monitor, "MONITOR"), "+OK\r\n");
        let heard = talk_of_secrets(&run);
        let mut last = run.connect();
        ask(&mut last, "ECHO the-last");
        let mut shown = String::new();
        while !shown.contains("the-last") {
            shown += &String::from_utf8_lossy(&monitor.reply());
        }
        assert!(shown.contains("(redacted)"), "{shown}");
        // A password that a client sets for ourselves, of which we tell.
        assert_eq!(ask(&mut last, "AUTH app {app}"), "+OK\r\n");
        assert_eq!(ask(&mut last, "CONFIG SET requirepass {requirepass}"), "+OK\r\n");
        let told = eventually("it is told", || {
            let info = ask(&mut last, "NEARSIDE INFO");
            info.contains("upstream_password").then_some(info)
        });
        clean("INFO", &told);
        clean("MONITOR", &shown);
        clean_but_for_repeated(&heard);
        drop((monitor, last));
        let said = run.end();
        assert!(said.contains("auth_failed") && said.contains("\"admin\""), "{said}");
        clean("the log", &said);
    }
}

#[test]
fn no_secret_gets_out_where_users_are_our_own() {
    for format in ["text", "json"] {
        let server = Server::start(&["--requirepass", &secret("upstream")]);
        let toml = format!(
            "[upstream]\nuri = \"{}?password={{upstream}}\"\n[[users]]\nname = \"app\"\nacl = \"on >{{app}} >{{second}} ~* &* +@all\"\n",
            uri(&server)
        );
        let toml = with_secrets(
            &toml
                .replace("?password={upstream}", "")
                .replace("[[users]]", "password = \"{upstream}\"\n[[users]]"),
        );
        let run = Run::start(&toml, format);
        let heard = talk_of_secrets(&run);
        let mut talk = run.connect();
        assert_eq!(ask(&mut talk, "AUTH app {second}"), "+OK\r\n");
        for words in [
            "ACL LIST",
            "ACL GETUSER app",
            "ACL DRYRUN app GET k",
            "CONFIG SET requirepass {requirepass}",
            "ACL LOG",
        ] {
            clean(words, &ask(&mut talk, words));
        }
        clean_but_for_repeated(&heard);
        drop(talk);
        clean("the log", &run.end());
    }
}

#[test]
fn an_upstream_that_does_not_know_us_is_not_told_of_with_our_password() {
    let server = Server::start_tcp(&["--requirepass", &secret("theirs")]);
    for user in ["", "app"] {
        let uri = format!("redis://{user}:{{uri}}@127.0.0.1:{}/0", server.port());
        let run = Run::start(&with_secrets(&format!("[upstream]\nuri = \"{uri}\"\n")), "text");
        for words in [&["GET", "k"][..], &["NEARSIDE", "INFO"], &["INFO"], &["MULTI"], &["SUBSCRIBE", "c"]] {
            let mut talk = run.connect();
            talk.say(words);
            // Some are closed on.
            let reply = talk.try_reply().unwrap_or_default();
            clean("a reply", &String::from_utf8_lossy(&reply));
        }
        clean("the log", &run.end());
    }
}

/// A configuration file with `text`, checked in every way.
#[track_caller]
fn check(text: &str, env: &[(&str, &str)], args: &[&str]) {
    let dir = Dir::new();
    std::fs::write(dir.join("n.toml"), with_secrets(text)).unwrap();
    let path = dir.join("n.toml").display().to_string();
    let env: Vec<(&str, String)> = env.iter().map(|(name, value)| (*name, with_secrets(value))).collect();
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let args: Vec<String> = args.iter().map(|arg| with_secrets(arg)).collect();
    for mode in
        [&["check"][..], &["check", "--connect"], &["check", "--reference"], &["wait", "--timeout", "50ms"]]
    {
        let mut all = mode.to_vec();
        all.extend(["--config", &path]);
        all.extend(args.iter().map(String::as_str));
        clean(&format!("{mode:?} of {text:?}"), &output(&all, &env));
    }
}

#[test]
fn check_shows_none() {
    let server = Server::start(&["--requirepass", &secret("upstream")]);
    let upstream = format!("[upstream]\nuri = \"{}\"\npassword = \"{{upstream}}\"\n", uri(&server));
    check(&upstream, &[], &[]);
    check(&upstream.replace("{upstream}", "{wrong}"), &[], &[]);
    check("[upstream]\nuri = \"redis://app:{uri}@127.0.0.1:1/0\"\n", &[], &[]);
    check("", &[("REDIS_URI", "redis://:{uri}@127.0.0.1:1/0"), ("REDIS_PASSWORD", "{password}")], &[]);
    check("", &[("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", "1"), ("REDIS_PASSWORD", "{password}")], &[]);
    check("", &[], &["--upstream", "redis://app:{flag}@127.0.0.1:1/0"]);
    check("", &[], &["--set", "upstream.password={flag}"]);
    check("[[users]]\nname = \"app\"\nacl = \"on >{app} ~* +@all\"\n", &[], &[]);
    check("", &[("NEARSIDE_USERS", "[{name = \"app\", acl = \"on >{app} ~* +@all\"}]")], &[]);
}

#[test]
fn check_shows_none_where_things_are_wrong() {
    for wrong in [
        "redis://app:{uri}@[bad",
        "redis://app:{uri}@host:99999/0",
        "redis://app:{uri}@host:port/0",
        "redis:{uri}",
        "http://app:{uri}@host/0",
        "app:{uri}@host:6379",
        "{uri}",
        "redis://app:{uri}@host:1/x",
        "redis://app:{uri}@host:1/0?x={uri}",
        "redis://app:%zz{uri}@host:1/0",
        "rediss://:{uri}@ho st",
        "redis//:{uri}@h",
        "unix://{uri}@/x?db=y",
        "redis://app:a@{uri}@127.0.0.1:1",
        "redis://app:{uri}/a@127.0.0.1:1",
        "redis://app:{uri}#a@127.0.0.1:1",
    ] {
        check("", &[("REDIS_URI", wrong)], &[]);
        check("", &[("NEARSIDE_UPSTREAM", wrong)], &[]);
        check(&format!("[upstream]\nuri = \"{wrong}\"\n"), &[], &[]);
        check("", &[], &["--upstream", wrong]);
        check("", &[], &["--set", &format!("upstream.uri={wrong}")]);
    }
    for wrong in [
        "[[users]]\nname = \"app\"\nacl = \"on >{app} +@nosuch\"\n",
        "[[users]]\nname = \"app\"\nacl = \"on {app}\"\n",
        "[[users]]\nname = \"app\"\nacl = \"on >{app} <{app2}\"\n",
        "[[users]]\nname = \"app\"\nacl = \"on #{app}\"\n",
        "[[users]]\nname = \"app\"\nacl = \"on (>{app}\"\n",
        "[[users]]\nname = \"app\"\nacl = \"on > {app}\"\n",
        "[[users]]\nname = \"app\"\npassword = \"{app}\"\n",
        "[[users]]\nname = \"app\"\nacl = [\"on\", \">{app}\"]\n",
        "[[users]]\nname = \"app\"\nacl = \"on >{app} ~* +@all\"\n[[users]]\nname = \"app\"\nacl = \"on >{two}\"\n",
        "users = \">{app}\"\n",
        "[upstream]\npassword = [\"{list}\"]\n",
        "[upstream]\npassword = \"{unclosed}\n",
        "[upstream]\npasword = \"{typo}\"\n",
        "[upstream]\nusername = \"app\"\nuser_password = \"{typo}\"\n",
        "requirepass = \"{requirepass}\"\n",
        "password = \"{outside}\"\n",
    ] {
        check(wrong, &[], &[]);
    }
    check("", &[("NEARSIDE_USERS", "[{name = \"app\", acl = \"on >{app} +nosuch\"}]")], &[]);
    check("", &[("NEARSIDE_USERS", "app >{app}")], &[]);
    check("", &[("REDIS_PASSWORD_FILE", "{file}"), ("REDIS_PASWORD", "{typo}")], &[]);
    check("", &[], &["--set", "upstream.pasword={flag}"]);
}

#[test]
fn what_is_in_files_of_keys_is_not_shown() {
    let certs = Certs::new();
    let dir = Dir::new();
    let path = |path: &Path| path.display().to_string();
    let good = |name: &str| path(&certs.path(name));
    for broken in [
        "{key}",
        "-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n{key}",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: {key}\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        "-----BEGIN {key}-----\nAAAA\n-----END {key}-----\n",
        "",
    ] {
        let file = dir.join("broken.pem");
        std::fs::write(&file, with_secrets(broken)).unwrap();
        let broken = path(&file);
        for (cert, key) in
            [(&good("server.crt"), &broken), (&broken, &good("server.key")), (&broken, &broken)]
        {
            check(
                &format!("[tls]\nlisten = [\"127.0.0.1:0\"]\ncert_file = \"{cert}\"\nkey_file = \"{key}\"\n"),
                &[],
                &[],
            );
            check(
                &format!(
                    "[upstream]\nuri = \"rediss://127.0.0.1:1\"\nssl_certfile = \"{cert}\"\nssl_keyfile = \"{key}\"\n"
                ),
                &[],
                &[],
            );
        }
        check(
            &format!("[upstream]\nuri = \"rediss://127.0.0.1:1\"\nssl_ca_certs = \"{broken}\"\n"),
            &[],
            &[],
        );
    }
    // The key itself where its path should be.
    let key = std::fs::read_to_string(certs.path("server.key")).unwrap();
    let body: String = key.lines().filter(|line| !line.starts_with("-----")).collect();
    for setting in [
        "REDIS_SSL_KEYFILE",
        "REDIS_SSL_CERTFILE",
        "REDIS_SSL_CA_CERTS",
        "NEARSIDE_TLS_KEY_FILE",
        "NEARSIDE_TLS_CERT_FILE",
    ] {
        let env = [("REDIS_URI", "rediss://127.0.0.1:1"), (setting, key.as_str())];
        let said = output(&["check"], &env);
        assert!(!said.contains(&body[..20]), "{setting}: {said}");
    }
}

#[test]
fn what_programmers_print_shows_none() {
    let mut config = nearside::Config::default();
    config.upstream.password = Some(Secret::new(secret("upstream")));
    config.users = vec![LocalUser { name: "app".into(), acl: Secret::new(format!("on >{}", secret("app"))) }];
    clean("Debug", &format!("{config:?} {config:#?}"));
    config.users[0].acl = Secret::new(format!("on >{} +nosuch", secret("app")));
    let error = nearside::Proxy::start(config, None).unwrap_err();
    clean("an error", &format!("{error} {error:?}"));
}

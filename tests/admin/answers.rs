//! What is answered where.

use serde_json::json;

use crate::common::{Talk, eventually};
use crate::http::{Scene, ask, heard, say};

#[test]
fn what_there_is_to_ask_says_so_itself() {
    let scene = Scene::new(|_| {});
    let page = scene.get("/");
    assert_eq!(page.status, 200);
    for (path, status) in [("/live", 200), ("/alerts", 200), ("/config", 200), ("/clients", 200)] {
        let answer = scene.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/json")),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        answer.json();
    }
    eventually("a command has got through on every worker", || {
        let is = |path: &str| scene.get(path).status == 200;
        (is("/ready") && is("/startup") && is("/health")).then_some(())
    });
}

#[test]
fn the_settings_in_force_are_shown_with_where_they_came_from_and_without_secrets() {
    let secret = nearside::config::Secret::new("hush");
    let scene = Scene::new(|config| config.upstream.password = Some(secret));
    let all = scene.get("/config").json();
    let of = |key: &str| all.as_array().unwrap().iter().find(|s| s["key"] == key).unwrap().clone();
    let maxclients = json!({"key": "maxclients", "value": "10000", "origin": "default", "restart": false});
    assert_eq!(of("maxclients"), maxclients);
    assert_eq!(of("workers")["origin"], "program");
    assert_eq!(of("workers")["restart"], true);
    assert_eq!(of("upstream.password")["value"], "******");
    assert!(!all.to_string().contains("hush"));
}

#[test]
fn clients_are_shown_with_what_they_do() {
    let scene = Scene::new(|_| {});
    assert_eq!(scene.get("/clients").json(), json!({"connected": 0, "clients": []}));
    let (mut one, mut two) = (scene.proxy.connect(), scene.proxy.connect());
    one.ask(&["CLIENT", "SETNAME", "first"]);
    two.ask(&["HELLO", "3"]);
    two.ask(&["GET", "k"]);
    let all = eventually("both are there", || {
        let all = scene.get("/clients").json();
        (all["connected"] == 2 && all["clients"][1]["command"] == "get").then_some(all)
    });
    assert_eq!(all["clients"][0]["name"], "first");
    assert_eq!((&all["clients"][1]["resp"], &all["clients"][1]["db"]), (&json!(3), &json!(0)));
    assert!(all["clients"][1]["bytes_in"].as_u64().unwrap() > 20, "{all}");
    let some = scene.get("/clients?limit=1").json();
    assert_eq!((&some["connected"], some["clients"].as_array().unwrap().len()), (&json!(2), 1));
}

#[test]
fn the_cache_is_shown_and_flushed() {
    let scene = Scene::new(|config| config.cache.admit_after = 0);
    scene.server.connect().ask(&["SET", "k", "v"]);
    let mut talk = scene.proxy.connect();
    eventually("it is a hit", || {
        talk.ask(&["GET", "k"]);
        (scene.get("/cache").json()["hits"].as_u64() > Some(0)).then_some(())
    });
    assert_eq!(scene.get("/cache").json()["mode"], "tracked");
    assert_eq!(scene.get("/hotkeys").json()[0]["key"], "k");
    assert_eq!(scene.post("/cache/flush").json(), json!({"done": "flushed"}));
    let misses = scene.get("/cache").json()["misses"].as_u64().unwrap();
    talk.ask(&["GET", "k"]);
    assert_eq!(scene.get("/cache").json()["misses"], misses + 1);
}

#[test]
fn a_command_is_explained_as_it_would_be_decided() {
    let scene = Scene::new(|config| {
        config.rules.block = vec!["FLUSHALL".into()];
        config.cache.exclude = vec!["secret:*".into()];
    });
    scene.proxy.connect().ask(&["GET", "k"]);
    let of = |query: &str| scene.get(&format!("/explain?{query}")).json();
    let get = eventually("the cache is on", || {
        let get = of("command=GET+k");
        (get["kept"] == true).then_some(get)
    });
    assert_eq!(
        (&get["command"], &get["keys"], &get["route"]),
        (&json!("GET"), &json!(["k"]), &json!("cache"))
    );
    assert_eq!((&get["allowed"], &get["user"]), (&json!(true), &json!("default")));
    assert_eq!(get["cache"][0]["max_age_ms"], 60_000);
    let blocked = of("command=flushall+async");
    assert_eq!((&blocked["allowed"], &blocked["decided_by"]), (&json!(false), &json!("rules.block")));
    assert_eq!(blocked["route"], "refused");
    assert_eq!(
        scene.proxy.connect().ask_text(&["FLUSHALL", "ASYNC"]),
        format!("-{}\r\n", blocked["error"].as_str().unwrap())
    );
    let excluded = of("command=GET+%22secret:a%20b%22");
    assert_eq!((&excluded["kept"], &excluded["keys"]), (&json!(false), &json!(["secret:a b"])));
    for (command, route) in [
        ("SET+k+v", "lane"),
        ("BLPOP+k+0", "lease"),
        ("MULTI", "pinned"),
        ("CLIENT+ID", "here"),
        ("SCRIPT+KILL", "control"),
        ("NOSUCH+k", "lease"),
        ("REPLCONF+a+b", "refused"),
    ] {
        assert_eq!(of(&format!("command={command}"))["route"], route, "{command}");
    }
    for wrong in ["", "command=", "command=%22", "command=GET&listener=no", "command=GET%00"] {
        let answer = scene.get(&format!("/explain?{wrong}"));
        let fine = wrong.ends_with("%00");
        assert_eq!(answer.status, if fine { 200 } else { 400 }, "{wrong}: {answer:?}");
        assert!(fine || answer.json()["error"].is_string());
    }
}

#[test]
fn mistakes_say_what_to_do() {
    let scene = Scene::new(|_| {});
    for (line, status) in [
        ("GET /nosuch", 404),
        ("GET //live", 404),
        ("GET /live/", 404),
        ("POST /live", 405),
        ("GET /drain", 405),
        ("DELETE /cache/flush", 405),
        ("GET /clients?limit=0", 400),
        ("GET /clients?limit=x", 400),
        ("GET /hotkeys?count=-1", 400),
    ] {
        let answer = ask(&scene.place(), line, &[]);
        assert_eq!(answer.status, status, "{line}");
        assert!(answer.json()["error"].as_str().unwrap().len() > 10, "{answer:?}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{line}: {answer:?}");
    }
    assert!(scene.proxy.connect().ask(&["PING"]) == b"+PONG\r\n", "nothing was drained");
}

#[test]
fn a_head_is_answered_without_its_body_and_connections_are_kept() {
    let scene = Scene::new(|_| {});
    let head = ask(&scene.place(), "HEAD /config", &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.header("content-length").is_some_and(|length| length.parse::<usize>().unwrap() > 1000));
    let mut talk = Talk::connect(&scene.place());
    talk.send(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    say(&mut talk, "GET /live", &[]);
    let all = talk.until_closed();
    assert_eq!(String::from_utf8_lossy(&all).matches("HTTP/1.1 200 OK").count(), 3);
    assert_eq!(heard(&all).status, 200);
}

#[test]
fn a_drain_answers_and_is_seen_until_the_proxy_ends() {
    let scene = Scene::new(|_| {});
    let mut blocked = scene.proxy.connect();
    // In flight for as long as the test wants.
    blocked.say(&["DEBUG", "SLEEP", "1"]);
    let place = scene.place();
    eventually("it is in flight", || {
        (scene.get("/clients").json()["clients"][0]["command"] == "debug").then_some(())
    });
    assert_eq!(scene.post("/drain").json(), json!({"done": "draining"}));
    let ready = ask(&place, "GET /ready", &[]);
    assert_eq!(ready.status, 503, "{ready:?}");
    let reason = ready.json()["reason"].as_str().unwrap().to_owned();
    assert!(["leaving: ", "draining: "].iter().any(|phase| reason.starts_with(phase)), "{reason}");
    assert_eq!(ask(&place, "GET /live", &[]).status, 200);
    assert_eq!(ask(&place, "POST /drain", &[]).status, 200, "twice is as good as once");
    assert_eq!(blocked.reply(), b"+OK\r\n");
    scene.proxy.wait();
    assert!(Talk::try_connect(&place).is_err());
}

#[test]
fn a_reload_answers_what_was_applied_and_what_needs_a_restart() {
    let dir = crate::common::Dir::new();
    let file = dir.join("n.toml");
    std::fs::write(&file, "maxclients = 50\nworkers = 1\n").unwrap();
    let read = file.clone();
    let source = nearside::Source::new(move || {
        let text = std::fs::read_to_string(&read).map_err(|error| vec![error.to_string()])?;
        let sources = nearside::config::Sources { file: Some((read.clone(), text)), ..Default::default() };
        let problems = |all: Vec<nearside::config::Problem>| all.iter().map(ToString::to_string).collect();
        nearside::config::load(&sources).map_err(problems)
    });
    let server = crate::common::Server::start(&[]);
    let loaded = source.load().unwrap();
    let mut settings = crate::common::config(&server.place());
    (settings.maxclients, settings.workers) = (50, 1);
    settings.admin.listen = vec![nearside::config::Listen::Tcp("127.0.0.1".into(), 0)];
    let options =
        nearside::Options { settings: loaded.settings, source: Some(source), ..nearside::Options::default() };
    let handle = nearside::Proxy::start_with(settings, options).unwrap();
    let place = crate::common::Place::of(&handle.admin_addresses()[0]);
    let mut talk = Talk::connect(&crate::common::Place::of(&handle.addresses()[0]));
    let wanted = |key: &str| {
        let all = ask(&place, "GET /config", &[]).json();
        all.as_array().unwrap().iter().find(|setting| setting["key"] == key).unwrap()["value"].clone()
    };
    std::fs::write(&file, "maxclients = 60\nworkers = 2\n").unwrap();
    let done = ask(&place, "POST /reload", &[]).json();
    assert!(done["applied"].as_array().unwrap().contains(&json!("maxclients")), "{done}");
    assert!(done["needs_restart"].as_array().unwrap().contains(&json!("workers")), "{done}");
    assert_eq!((wanted("maxclients"), wanted("workers")), (json!("60"), json!("1")));
    std::fs::write(&file, "maxclients = \"many\"\n").unwrap();
    let refused = ask(&place, "POST /reload", &[]);
    assert_eq!(refused.status, 422);
    assert!(refused.json()["problems"][0].as_str().unwrap().contains("maxclients"), "{refused:?}");
    let refused = talk.ask_text(&["NEARSIDE", "RELOAD"]);
    assert!(refused.starts_with("-ERR settings were not reloaded"), "{refused}");
    std::fs::write(&file, "maxclients = 70\nworkers = 2\n").unwrap();
    let done = talk.ask_text(&["NEARSIDE", "RELOAD"]);
    assert!(done.starts_with("*10\r\n$7\r\napplied\r\n*1\r\n$10\r\nmaxclients\r\n"), "{done}");
    assert_eq!(wanted("maxclients"), json!("70"));
}

//! A real Prometheus, started here on a port of its own, scrapes a real proxy and judges by the rules that
//! ship.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use nearside::config::Listen;
use nearside::telemetry::metrics::Format;
use nearside::{Handle, Options, Source};
use serde_json::Value;

use crate::common::{Dir, PATIENCE, Place, Server, Talk, config, eventually};
use crate::fits::{dashboard_expressions, shipped};

/// A Prometheus that scrapes one address; stopped when dropped.
struct Prometheus {
    child: Child,
    port: u16,
    dir: Dir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(target: &str) -> Self {
        let dir = Dir::new();
        let rules = shipped("prometheus/rules.yml");
        let text = format!(
            "global: {{ scrape_interval: 250ms, evaluation_interval: 250ms }}\n\
             rule_files: [{}]\n\
             scrape_configs:\n  - job_name: nearside\n    static_configs: [{{ targets: ['{target}'] }}]\n",
            rules.display()
        );
        std::fs::write(dir.join("prometheus.yml"), text).expect("a file");
        // Free a moment ago; nobody else on this machine takes ports that he did not ask for by number.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let log = std::fs::File::create(dir.join("log")).expect("a file");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus runs (make test installs the package)");
        let prometheus = Self { child, port, dir };
        eventually("Prometheus is ready", || {
            prometheus.get("/-/ready").filter(|text| text.contains("Ready"))
        });
        prometheus
    }

    /// The body of the answer to a `GET`; `None` if there is none.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text.split_once("\r\n\r\n")?.1.to_owned())
    }

    fn api(&self, path: &str) -> Value {
        let text = self.get(path).unwrap_or_default();
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text:?}"));
        assert_eq!(answer["status"], "success", "{path}: {text}");
        answer["data"].clone()
    }

    /// The first value that an expression has now.
    fn query(&self, expression: &str) -> Option<f64> {
        let data = self.api(&format!("/api/v1/query?query={}", escaped(expression)));
        let first = match data["resultType"].as_str() {
            Some("scalar") => &data["result"],
            _ => &data["result"][0]["value"],
        };
        first[1].as_str()?.parse().ok()
    }

    /// The state of each alert of that name.
    fn alert(&self, name: &str) -> Option<String> {
        let alerts = self.api("/api/v1/alerts");
        let found = alerts["alerts"].as_array()?.iter().find(|alert| alert["labels"]["alertname"] == name);
        Some(found?["state"].as_str()?.to_owned())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// A proxy with an admin address, whose settings can never be read again.
fn proxy(server: &Server) -> (Handle, String) {
    let mut config = config(&server.place());
    config.admin.listen = vec![Listen::Tcp("127.0.0.1".into(), 0)];
    let source = Source::new(|| Err(vec!["nobody can read this".into()]));
    let options = Options { source: Some(source), ..Options::default() };
    let handle = nearside::Proxy::start_with(config, options).expect("it starts");
    let admin = handle.admin_addresses()[0].to_string();
    (handle, admin)
}

#[test]
fn it_scrapes_everything_judges_by_the_rules_and_tells_what_is_wrong() {
    let server = Server::start(&[]);
    let (handle, admin) = proxy(&server);
    let mut talk = Talk::connect(&Place::of(&handle.addresses()[0]));
    (0..200).for_each(|at| _ = talk.ask(&["GET", &format!("k{}", at % 3)]));
    talk.ask(&["SET", "k", "v"]);
    let prometheus = Prometheus::start(&admin);
    let target = eventually("a scrape", || {
        let target = prometheus.api("/api/v1/targets")["activeTargets"][0].clone();
        (target["health"] == "up").then_some(target)
    });
    assert_eq!(target["lastError"], "", "{target}");
    // No sample of what is written is lost.
    let text = handle.metrics(Format::OpenMetrics);
    let written = text.lines().filter(|line| !line.starts_with('#')).count() as f64;
    eventually("all samples", || (prometheus.query("scrape_samples_scraped") == Some(written)).then_some(()));
    assert_eq!(prometheus.query("scrape_samples_post_metric_relabeling"), Some(written));
    assert_eq!(prometheus.query("sum(nearside_requests_total{class=\"string_read\"})"), Some(200.0));
    let types = prometheus.api("/api/v1/metadata?metric=nearside_request_duration_seconds");
    assert_eq!(types["nearside_request_duration_seconds"][0]["type"], "histogram", "{types}");
    assert_eq!(types["nearside_request_duration_seconds"][0]["unit"], "seconds", "{types}");
    // Every rule has been judged, none with an error.
    let rules = eventually("all rules judged", || {
        let groups = prometheus.api("/api/v1/rules");
        let rules = groups["groups"][0]["rules"].as_array()?.clone();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert!(rules.len() >= 15 && rules.iter().all(|rule| rule["health"] == "ok"), "{rules:?}");
    assert_eq!(prometheus.api("/api/v1/alerts")["alerts"], Value::Array(Vec::new()));
    // Every expression of the dashboard has an answer, and most say something.
    let expressions = dashboard_expressions();
    eventually("answers to most expressions", || {
        let says = expressions.iter().filter(|expression| prometheus.query(expression).is_some()).count();
        (says * 10 > expressions.len() * 7).then_some(())
    });
    // Settings that are refused, and a Redis that is gone.
    handle.reload().expect_err("it cannot be read");
    eventually("NearsideReloadRefused", || {
        prometheus.alert("NearsideReloadRefused").filter(|state| state == "firing")
    });
    drop(server);
    eventually("NearsideUpstreamDown", || {
        prometheus.alert("NearsideUpstreamDown").filter(|state| state == "pending")
    });
    drop(handle);
    eventually("NearsideDown", || prometheus.alert("NearsideDown").filter(|state| state == "pending"));
    let log = prometheus.log();
    assert!(!log.contains("level=error") && !log.contains("out of order"), "{log}");
}

#[test]
fn the_older_format_passes_promtools_eyes() {
    let server = Server::start(&[]);
    let (handle, _) = proxy(&server);
    let mut talk = Talk::connect(&Place::of(&handle.addresses()[0]));
    (0..10).for_each(|_| _ = talk.ask(&["GET", "k"]));
    let mut child = Command::new("promtool")
        .args(["check", "metrics", "--extended"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs (make test installs the package prometheus)");
    let text = handle.metrics(Format::Prometheus);
    child.stdin.take().expect("its input").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
}

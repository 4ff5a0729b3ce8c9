//! What a collector is told, against a real Redis and a collector that writes down what it gets.
#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Proxy, Server, config};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// A message: its path, its headers, its body.
struct Got {
    path: String,
    headers: String,
    body: Vec<u8>,
}

/// A collector that answers `status` to everything.
fn collector(status: &'static str) -> (String, mpsc::Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                while let Some(got) = receive(&stream, status) {
                    if tell.send(got).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, told)
}

fn receive(mut stream: &TcpStream, status: &str) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut headers) = (String::new(), String::new());
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    while !headers.ends_with("\r\n\r\n") {
        reader.read_line(&mut headers).ok().filter(|read| *read > 0)?;
    }
    let length = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    })?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").ok()?;
    Some(Got { path: first.split(' ').nth(1)?.to_owned(), headers, body })
}

/// The first message in which `wanted` finds something.
fn wait<T>(told: &mpsc::Receiver<Got>, mut wanted: impl FnMut(&Got) -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let got = told.recv_timeout(left).expect("the collector is told in time");
        if let Some(found) = wanted(&got) {
            return found;
        }
    }
}

/// How many metrics a message has that knows of one client; 0 for any other.
fn known(body: &[u8]) -> usize {
    let message = ExportMetricsServiceRequest::decode(body).unwrap();
    let metrics = &message.resource_metrics[0].scope_metrics[0].metrics;
    let accepted = metrics.iter().find(|metric| metric.name == "nearside_clients_accepted");
    match accepted.and_then(|metric| metric.data.as_ref()) {
        Some(Data::Sum(sum)) if sum.data_points[0].value == Some(Value::AsInt(1)) => metrics.len(),
        _ => 0,
    }
}

fn proxy(endpoint: &str, server: &Server) -> Proxy {
    let mut config = config(&server.place());
    config.otlp.endpoint = endpoint.to_owned();
    config.otlp.headers = Some(nearside::config::Secret::new("authorization=Bearer%20s3cret"));
    config.otlp.every = Duration::from_millis(200);
    config.log.access_sample = 1.0;
    Proxy::start(config)
}

#[test]
fn a_collector_gets_metrics_and_a_span_for_each_picked_request() {
    let (server, (endpoint, told)) = (Server::start(&[]), collector("200 OK"));
    let proxy = proxy(&endpoint, &server);
    let mut talk = proxy.connect();
    for n in 0..3 {
        assert_eq!(talk.ask_text(&["SET", "k", &n.to_string()]), "+OK\r\n");
    }
    let (mut metrics, mut spans) = (0, Vec::<Span>::new());
    wait(&told, |got| {
        assert!(got.headers.to_lowercase().contains("authorization: bearer s3cret"), "{}", got.headers);
        if got.path == "/v1/traces" {
            let message = ExportTraceServiceRequest::decode(&got.body[..]).unwrap();
            let scopes = message.resource_spans.into_iter().flat_map(|all| all.scope_spans);
            spans.extend(scopes.flat_map(|all| all.spans));
        } else {
            metrics = metrics.max(known(&got.body));
        }
        (metrics > 0 && spans.iter().filter(|span| span.name == "SET").count() == 3).then_some(())
    });
    assert!(metrics > 30, "{metrics} metrics");
    let set = spans.iter().find(|span| span.name == "SET").unwrap();
    let part = spans.iter().find(|span| span.parent_span_id == set.span_id).expect("the upstream's part");
    assert!(part.start_time_unix_nano >= set.start_time_unix_nano && part.trace_id == set.trace_id);
}

#[test]
fn a_collector_that_refuses_costs_nothing_but_its_figures() {
    let (server, (endpoint, told)) = (Server::start(&[]), collector("503 Service Unavailable"));
    let proxy = proxy(&endpoint, &server);
    wait(&told, |got| (got.path == "/v1/metrics").then_some(()));
    let mut talk = proxy.connect();
    assert_eq!(talk.ask_text(&["SET", "k", "v"]), "+OK\r\n");
    wait(&told, |got| (got.path == "/v1/traces").then_some(()));
    assert_eq!(talk.ask_text(&["GET", "k"]), "$1\r\nv\r\n");
}

#[test]
fn what_is_no_collector_is_refused_at_the_start() {
    let server = Server::start(&[]);
    for (endpoint, says) in [("ftp://x", "otlp.endpoint"), ("http://", "otlp.endpoint")] {
        let mut config = config(&server.place());
        config.otlp.endpoint = endpoint.into();
        let error = Proxy::try_start(config).expect_err("it does not start");
        assert!(error.to_string().contains(says) && error.is_configuration(), "{error}");
    }
}

//! `nearside wait`: block until an instance answers.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nearside::Config;
use nearside::config::Listen;

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Waits until the first listener of `config` answers a PING that went through to its upstream.
pub(crate) fn wait(config: &Config, limit: Duration) -> ExitCode {
    let Some(listen) = config.listen.first() else { return ExitCode::FAILURE };
    let deadline = Instant::now() + limit;
    loop {
        let answer = ping(listen);
        if answer.as_deref().is_ok_and(is_ready) {
            return ExitCode::SUCCESS;
        }
        if Instant::now() >= deadline {
            let why = answer.map_or_else(|e| e.to_string(), |text| text.trim_end().to_owned());
            eprintln!("nearside: no instance answers on {listen} after {limit:?}: {why}");
            return ExitCode::FAILURE;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Any answer of the upstream's will do: one that wants a password is there.
fn is_ready(answer: &str) -> bool {
    ["+PONG", "-NOAUTH", "-NOPERM"].iter().any(|ready| answer.starts_with(ready))
}

fn ping(listen: &Listen) -> std::io::Result<String> {
    match listen {
        Listen::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(ATTEMPT))?;
            ask(stream)
        }
        Listen::Tcp(host, port) => {
            let mut failed = std::io::Error::other("the name has no address");
            for host in near(&host.as_str()) {
                for addr in (*host, *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&addr, ATTEMPT) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(ATTEMPT))?;
                            return ask(stream);
                        }
                        Err(error) => failed = error,
                    }
                }
            }
            Err(failed)
        }
    }
}

/// Where on this machine a listener on `host` is reached. Not by the name localhost: in a container there may
/// be nothing that resolves it.
fn near<'a>(host: &'a &'a str) -> &'a [&'a str] {
    match *host {
        "0.0.0.0" => &["127.0.0.1"],
        "::" | "" => &["::1", "127.0.0.1"],
        _ => std::slice::from_ref(host),
    }
}

fn ask(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 512];
    let n = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..n]).into_owned())
}

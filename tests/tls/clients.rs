//! Real clients.

use std::process::Command;

use rcgen::KeyPair;

use super::*;
use nearside::config::AuthClients;

/// One where clients must show a certificate: `app`.
fn strict() -> Scene {
    Scene::with(Certs::with_rsa(), |config, certs| {
        config.tls.auth_clients = AuthClients::Yes;
        config.tls.ca_cert_file = Some(certs.path("ca.crt"));
        certs.sign("app", KeyPair::generate().unwrap(), |_| {});
    })
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn redis_cli() {
    let scene = strict();
    let cli = |words: &[&str]| {
        let (ca, cert, key) =
            (scene.certs.at("ca.crt"), scene.certs.at("app.crt"), scene.certs.at("app.key"));
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &scene.port().to_string(), "--tls", "--cacert", &ca]);
        said(command.args(["--cert", &cert, "--key", &key]).args(words))
    };
    assert_eq!(cli(&["PING"]), "PONG\n");
    assert_eq!(cli(&["-3", "SET", "k", "v"]), "OK\n");
    assert_eq!(cli(&["-r", "3", "GET", "k"]), "v\nv\nv\n");
}

#[test]
fn redis_py() {
    let scene = strict();
    let python = std::env::var("NEARSIDE_TEST_PYTHON").expect("NEARSIDE_TEST_PYTHON (make test sets it)");
    let script = "
import sys, redis
host, port, ca, cert, key = '127.0.0.1', int(sys.argv[1]), *sys.argv[2:5]
for protocol in (2, 3):
    r = redis.Redis(host=host, port=port, protocol=protocol, ssl=True, ssl_ca_certs=ca,
                    ssl_certfile=cert, ssl_keyfile=key, decode_responses=True)
    assert r.set('k', 'v') and r.get('k') == 'v' == r.get('k')
    big = 'x' * 3_000_000
    r.set('big', big)
    assert r.get('big') == big
    with r.pipeline() as p:
        for i in range(1000):
            p.incr('n')
        assert p.execute()[-1] % 1000 == 0
    s = r.pubsub()
    s.subscribe('c')
    assert s.get_message(timeout=5)['type'] == 'subscribe'
    assert r.publish('c', 'm') == 1
    assert s.get_message(timeout=5)['data'] == 'm'
    s.close()
    r.rpush('l', 'e')
    assert r.blpop('l', 1)[1] == 'e'
try:
    redis.Redis(host=host, port=port, ssl=True, ssl_ca_certs=ca).ping()
    raise SystemExit('without a certificate')
except redis.ConnectionError:
    pass
print('done')
";
    let mut command = Command::new(python);
    command.args(["-c", script, &scene.port().to_string()]);
    let files = ["ca.crt", "app.crt", "app.key"].map(|name| scene.certs.at(name));
    assert_eq!(said(command.args(files)), "done\n");
}

#[test]
fn ioredis() {
    let scene = strict();
    let node = std::env::var("NEARSIDE_TEST_NODE").expect("NEARSIDE_TEST_NODE (make test sets it)");
    let script = "
const fs = require('fs');
const Redis = require('ioredis');
const [port, ca, cert, key] = process.argv.slice(1);
const read = (path) => fs.readFileSync(path);
const redis = new Redis({ host: '127.0.0.1', port: +port, tls: { ca: read(ca), cert: read(cert), key: read(key) } });
(async () => {
  const same = (a, b) => { if (a !== b) throw new Error(`${a} is not ${b}`); };
  same(await redis.set('k', 'v'), 'OK');
  same(await redis.get('k'), 'v');
  const big = 'x'.repeat(3000000);
  await redis.set('big', big);
  same(await redis.get('big'), big);
  const replies = await redis.pipeline(Array.from({ length: 1000 }, () => ['incr', 'n'])).exec();
  same(replies[999][1], 1000);
  console.log('done');
  redis.quit();
})().catch((error) => { console.error(error); process.exit(1); });
";
    let mut command = Command::new(node);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients"));
    command.args(["-e", script, &scene.port().to_string()]);
    let files = ["ca.crt", "app.crt", "app.key"].map(|name| scene.certs.at(name));
    assert_eq!(said(command.args(files)), "done\n");
}

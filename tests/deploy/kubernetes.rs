//! The Kubernetes example.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use yaml_rust2::Yaml;

use crate::common::{Run, Server, binary, eventually};
use crate::read::{Env, check, list, path, port, scalar, text, yaml};

fn sidecar() -> Yaml {
    let pod = yaml("docker/kubernetes.yaml")["spec"]["template"]["spec"].clone();
    let [sidecar] = list(&pod["initContainers"]) else { panic!("one init container") };
    sidecar.clone()
}

fn variables(container: &Yaml) -> Env {
    let entries = list(&container["env"]).iter();
    let value = |entry: &Yaml| match (scalar(&entry["name"]), entry["value"].as_str()) {
        (name, Some(text)) => (name, text.to_owned()),
        (name, None) if name == "NEARSIDE_UPSTREAM" => (name, "redis://redis.example:6379/0".to_owned()),
        (name, None) => (name, "from-a-secret".to_owned()),
    };
    entries.map(value).collect()
}

#[test]
fn its_settings_fit_and_its_probes_ask_where_it_listens() {
    let sidecar = sidecar();
    assert_eq!(sidecar["restartPolicy"].as_str(), Some("Always"), "else the application never starts");
    let env = variables(&sidecar);
    check("docker/kubernetes.yaml", &env);
    let admin = &env["NEARSIDE_ADMIN_LISTEN"];
    assert!(!admin.starts_with("127."), "the kubelet is not in the pod");
    assert!(env.contains_key("NEARSIDE_ADMIN_TOKEN"), "other pods reach that, too");
    assert!(env["NEARSIDE_LISTEN"].starts_with("127."), "clients are in the pod");
    for (probe, asks) in
        [("startupProbe", "/startup"), ("livenessProbe", "/live"), ("readinessProbe", "/ready")]
    {
        let get = &sidecar[probe]["httpGet"];
        assert_eq!(get["path"].as_str(), Some(asks));
        assert_eq!(get["port"].as_i64(), Some(port(admin).into()));
        assert!(get["host"].is_badvalue(), "a probe with a host asks the node");
    }
    let [declared] = list(&sidecar["ports"]) else { panic!("one port") };
    assert_eq!(declared["containerPort"].as_i64(), Some(port(admin).into()));
}

#[test]
fn its_probes_are_answered_to_a_kubelet_and_nothing_else_is() {
    let redis = Server::start_tcp(&[]);
    let mut env = variables(&sidecar());
    env.insert("NEARSIDE_UPSTREAM".into(), format!("redis://127.0.0.1:{}", redis.port()));
    for name in ["NEARSIDE_LISTEN", "NEARSIDE_ADMIN_LISTEN"] {
        let listen = env.get_mut(name).expect("it is set");
        *listen = format!("{}:0", listen.rsplit_once(':').expect("a port").0);
    }
    let mut run = Run::start(binary().envs(&env));
    let line = run.says("dashboard on ");
    let at = line.rsplit("dashboard on ").next().and_then(|rest| rest.split(['"', ' ']).next());
    let at = SocketAddr::from(([127, 0, 0, 1], port(at.expect("an address"))));
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = scalar(&sidecar()[probe]["httpGet"]["path"]);
        eventually(&path, || get(at, &path).starts_with("HTTP/1.1 200 ").then_some(()));
    }
    assert!(get(at, "/config").starts_with("HTTP/1.1 401 "), "{}", get(at, "/config"));
}

fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes it");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn the_application_is_sent_to_it_and_the_pod_waits_for_its_end() {
    let pod = yaml("docker/kubernetes.yaml")["spec"]["template"]["spec"].clone();
    let [application] = list(&pod["containers"]) else { panic!("one application") };
    let env = variables(application);
    let listen = &variables(&sidecar())["NEARSIDE_LISTEN"];
    assert!(env["REDIS_URI"].contains(listen), "{env:?}");
    let grace = pod["terminationGracePeriodSeconds"].as_i64().expect("seconds");
    let drain = nearside::Config::default().drain_timeout.as_secs();
    assert!(u64::try_from(grace).is_ok_and(|grace| grace > drain), "{grace} s");
}

#[test]
fn it_runs_as_the_user_of_the_image_with_nothing_more() {
    let security = &sidecar()["securityContext"].clone();
    let dockerfile = text("docker/Dockerfile");
    let user = security["runAsUser"].as_i64().expect("a number");
    let group = security["runAsGroup"].as_i64().expect("a number");
    assert!(dockerfile.contains(&format!("USER {user}:{group}\n")));
    for (name, value) in
        [("runAsNonRoot", true), ("readOnlyRootFilesystem", true), ("allowPrivilegeEscalation", false)]
    {
        assert_eq!(security[name].as_bool(), Some(value), "{name}");
    }
    assert!(path("docker/README.md").is_file());
}

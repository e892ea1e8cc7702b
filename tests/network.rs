//! How the real binary leaves the host: FIPS endpoints, proxies, certificates.

use std::fs;
use std::process::{Command, Stdio};

use kinetail::sandbox::SandboxOptions;
use serde_json::{Value, json};

use crate::support::agent::{Agent, Home, SOON};
use crate::support::connect_proxy::{ConnectProxy, Tunnel};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::tls::{Manner, TlsFront};
use crate::support::wait::wait_until;
use crate::support::world::append;

/// A name that only the proxy could resolve.
const NAME: &str = "kinesis.invalid";

/// A password that must never be shown, and the header that carries it (`user:hidden-word`).
const PASSWORD: &str = "hidden-word";
const BASIC: &str = "Basic dXNlcjpoaWRkZW4td29yZA==";

/// A sandbox behind TLS behind a proxy, and an agent's home that ships through them.
struct Line {
    sandbox: Endpoint,
    front: TlsFront,
    proxy: ConnectProxy,
    home: Home,
}

impl Line {
    fn new() -> Self {
        let sandbox = Endpoint::start(SandboxOptions::default());
        let url = sandbox.handle.url();
        let front = TlsFront::start(NAME, url.trim_start_matches("http://").parse().unwrap());
        let proxy = ConnectProxy::start(Tunnel::To(front.address));
        let mut home = Home::new(&format!("https://{NAME}"));
        let authority = home.root().join("ca.pem");
        front.write_authority(&authority);
        home.set("caFile", json!(authority));
        home.set("proxy", json!(format!("http://user:{PASSWORD}@{}", proxy.authority())));
        home.flow("a*.log", ("kinesisStream", "s"), &json!({"retryMaxBackoffMillis": 200}));
        Self { sandbox, front, proxy, home }
    }

    /// Waits until exactly these lines are there, and looks for the password.
    fn arrived(&self, lines: &[&str], agent: &Agent) {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        self.sandbox.wait_for_all(&kinesis("s"), &lines, SOON, || agent.log());
        assert_eq!(self.sandbox.data(&kinesis("s")), lines, "{}", agent.log());
        assert!(!agent.log().contains(PASSWORD), "{}", agent.log());
    }
}

#[test]
fn records_go_through_a_proxy_to_a_server_that_ca_file_trusts() {
    let line = Line::new();
    append(&line.home.log("a.log"), b"1\n");
    // The keys win over the environment.
    let nowhere = [("HTTPS_PROXY", "http://127.0.0.1:9"), ("AWS_CA_BUNDLE", "/nonexistent")];
    let agent = line.home.start_with(&nowhere);
    line.arrived(&["1\n"], &agent);
    assert_eq!(agent.stop(SOON), Some(0));
    let asked = line.proxy.asked();
    let wanted = format!("CONNECT {NAME}:443 HTTP/1.1");
    assert!(!asked.is_empty() && asked.iter().all(|line| *line == wanted), "{asked:?}");
    let sent = line.proxy.headers("proxy-authorization");
    assert!(sent.iter().all(|value| value.as_deref() == Some(BASIC)), "{sent:?}");
    assert!(line.front.was_always_greeted());
}

/// What `check` with these arguments says, and whether it found no error.
fn check(config: &Value, args: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.json");
    fs::write(&path, config.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kinetail"))
        .arg("check")
        .args(args)
        .arg("-c")
        .arg(&path)
        .env_clear()
        .env("HOME", directory.path())
        .envs(environment.iter().copied())
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let both = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(both).unwrap();
    assert!(!text.contains(PASSWORD), "{text}");
    (output.status.success(), text)
}

fn config() -> Value {
    json!({
        "awsAccessKeyId": "k", "awsSecretAccessKey": "k", "region": "us-east-2",
        "useFipsEndpoint": true, "checkpointFile": "c.db", "admin.socket": "off",
        "flows": [
            { "filePattern": "/tmp/none-a.log", "kinesisStream": "s" },
            { "filePattern": "/tmp/none-b.log", "deliveryStream": "d" },
            { "filePattern": "/tmp/none-c.log", "kinesisStream": "s", "useFipsEndpoint": false,
              "useDualStackEndpoint": true },
        ],
    })
}

#[test]
fn fips_and_dual_stack_endpoints_are_used_by_all_clients() {
    let proxy = ConnectProxy::start(Tunnel::Refused(503));
    let mut config = config();
    config["proxy"] = json!(format!("user:{PASSWORD}@{}", proxy.authority()));
    config["assumeRoleARN"] = json!("arn:aws:iam::123456789012:role/r");
    let (works, said) = check(&config, &["--aws"], &[]);
    assert!(!works, "{said}");
    let mut asked = proxy.asked();
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["CONNECT sts-fips.us-east-2.amazonaws.com:443 HTTP/1.1"], "{said}");

    config.as_object_mut().unwrap().remove("assumeRoleARN");
    let proxy = ConnectProxy::start(Tunnel::Refused(503));
    config["proxy"] = json!(proxy.authority());
    let (works, said) = check(&config, &["--aws"], &[]);
    assert!(!works, "{said}");
    let mut asked = proxy.asked();
    asked.sort();
    asked.dedup();
    let hosts = [
        "firehose-fips.us-east-2.amazonaws.com",
        "kinesis-fips.us-east-2.amazonaws.com",
        "kinesis.us-east-2.api.aws",
        "sts-fips.us-east-2.amazonaws.com",
    ];
    assert_eq!(asked, hosts.map(|host| format!("CONNECT {host}:443 HTTP/1.1")), "{said}");
}

#[test]
fn records_and_metrics_go_to_fips_endpoints() {
    let proxy = ConnectProxy::start(Tunnel::Refused(503));
    let mut home = Home::new("http://127.0.0.1:9");
    for service in ["kinesis", "firehose", "cloudwatch"] {
        home.unset(&format!("{service}.endpoint"));
    }
    home.set("useFipsEndpoint", json!(true));
    home.set("proxy", json!(proxy.authority()));
    home.set("cloudwatch.emitMetrics", json!(true));
    home.set("shutdownTimeoutMillis", json!(100));
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let agent = home.start();
    let is_asked = |host: &str| {
        proxy.asked().contains(&format!("CONNECT {host}.us-east-1.amazonaws.com:443 HTTP/1.1"))
    };
    let wait = |host: &str| {
        let describe = || format!("{:?}\n{}", proxy.asked(), agent.log());
        wait_until("a request", SOON, || is_asked(host), describe);
    };
    wait("kinesis-fips");
    // What is counted is published at the latest at the stop.
    agent.signal(rustix::process::Signal::TERM);
    wait("monitoring-fips");
}

#[test]
fn no_proxy_leads_around_the_proxy() {
    let (sandbox, proxy) = (Endpoint::healthy(), ConnectProxy::start(Tunnel::Refused(403)));
    let mut home = Home::new(&sandbox.handle.url());
    // Not a name of this host, which never goes through a proxy: an address of it.
    let config = |no_proxy: Option<&str>| {
        let mut config = config();
        config.as_object_mut().unwrap().remove("useFipsEndpoint");
        config["flows"].as_array_mut().unwrap().truncate(1);
        config["sts.endpoint"] = json!("http://sts.invalid");
        config["kinesis.endpoint"] = json!("http://kinesis.invalid");
        config["proxy"] = json!(proxy.authority());
        if let Some(hosts) = no_proxy {
            config["noProxy"] = json!(hosts);
        }
        config
    };
    let (_, said) = check(&config(Some("kinesis.invalid")), &["--aws"], &[]);
    assert!(proxy.asked().iter().all(|line| line.starts_with("POST http://sts.")), "{said}");
    let asked = proxy.asked().len();
    let environment = [("NO_PROXY", ".invalid")];
    let (_, said) = check(&config(None), &["--aws"], &environment);
    assert_eq!(proxy.asked().len(), asked, "{said}");
    check(&config(Some("")), &["--aws"], &environment);
    assert!(proxy.asked().iter().any(|line| line.starts_with("POST http://kinesis.")));

    // off: the proxies of the environment do not count either.
    home.set("proxy", json!("off"));
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let everywhere = format!("http://{}", proxy.authority());
    let agent = home.start_with(&[("ALL_PROXY", &everywhere)]);
    sandbox.wait_for_all(&kinesis("s"), &[b"1\n".to_vec()], SOON, || agent.log());
}

#[test]
fn check_shows_how_requests_leave_and_what_cannot_work() {
    let mut good = config();
    good["proxy"] = json!(format!("http://user:{PASSWORD}@proxy:3128"));
    good["noProxy"] = json!(".example.com");
    let (works, said) = check(&good, &[], &[]);
    assert!(works, "{said}");
    for words in [
        "  endpoint: https://kinesis-fips.us-east-2.amazonaws.com (useFipsEndpoint)\n",
        "  endpoint: https://firehose-fips.us-east-2.amazonaws.com (useFipsEndpoint)\n",
        "  endpoint: https://kinesis.us-east-2.api.aws (useDualStackEndpoint)\n",
        "proxy: http://proxy:3128, except for .example.com (proxy)\n",
    ] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }

    let mut elsewhere = config();
    elsewhere["region"] = json!("eu-west-1");
    let secret = format!("http://user:{PASSWORD}@proxy:3128");
    let (works, said) = check(&elsewhere, &[], &[("HTTPS_PROXY", &secret)]);
    assert!(works && said.contains("AWS lists no FIPS endpoint of Kinesis in eu-west-1"), "{said}");
    assert!(said.contains("proxy: http://proxy:3128 (HTTPS_PROXY)\n"), "{said}");

    // The endpoint rules of the SDK know what cannot be combined.
    let other = [("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];
    let (works, said) = check(&config(), &[], &other);
    assert!(!works && said.contains("no endpoint of Kinesis in us-east-2: "), "{said}");

    let mut broken = config();
    broken["caFile"] = json!("/nonexistent/ca.pem");
    let (works, said) = check(&broken, &[], &[]);
    assert!(!works, "{said}");
    let wanted = "error: cannot load CA bundle (caFile): cannot read /nonexistent/ca.pem";
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn f58_no_record_and_no_plain_text_is_sent_where_the_certificate_is_wrong() {
    let line = Line::new();
    line.front.set(Manner::Expired);
    append(&line.home.log("a.log"), b"1\n");
    let agent = line.home.start();
    for manner in [Manner::Expired, Manner::Unknown, Manner::Stalls] {
        line.front.set(manner);
        // Of two more connections at least one began after the change.
        let before = line.front.connections();
        let tried = || line.front.connections() >= before + 2;
        wait_until("more connections", SOON, tried, || agent.log());
        assert_eq!(line.sandbox.count(&kinesis("s")), 0, "{manner:?}\n{}", agent.log());
    }
    // It is said, as a failure to reach the destination, and retried indefinitely.
    assert!(agent.log().contains("code=CannotConnect"), "{}", agent.log());
    line.front.set(Manner::Valid);
    line.arrived(&["1\n"], &agent);
    assert!(line.front.was_always_greeted(), "plain text was sent");
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn f64_a_proxy_that_refuses_is_asked_again_until_it_does_not() {
    let line = Line::new();
    line.proxy.set(Tunnel::Refused(407));
    append(&line.home.log("a.log"), b"1\n");
    let agent = line.home.start();
    for status in [407, 503] {
        line.proxy.set(Tunnel::Refused(status));
        let before = line.proxy.asked().len();
        let tried = || line.proxy.asked().len() >= before + 2;
        wait_until("more attempts", SOON, tried, || agent.log());
    }
    assert_eq!(line.front.connections(), 0, "{}", agent.log());
    line.proxy.set(Tunnel::To(line.front.address));
    line.arrived(&["1\n"], &agent);
    assert_eq!(agent.stop(SOON), Some(0));
}

//! Keys: where they are looked for by others, and that they are in nothing that kinetail says.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use rustix::process::Signal;
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::Endpoint;
use crate::support::world::append;

/// What may be in no output.
const SECRET: &str = "kN0wnS3cret/Access+Key0123456789abcdefgh";
const EXTERNAL_ID: &str = "kn0wn-external-id-5678";

fn assert_hidden(text: &[u8], where_from: &str) {
    let text = String::from_utf8_lossy(text);
    for secret in [SECRET, EXTERNAL_ID] {
        assert!(!text.contains(secret), "{where_from}: {text}");
    }
}

fn check(home: &Home) -> Output {
    let output = home.command("check").arg("--verbose").output().unwrap();
    assert_hidden(&output.stdout, "check");
    assert_hidden(&output.stderr, "check");
    output
}

#[test]
fn keys_in_a_file_that_others_may_read_are_warned_of_at_the_start_and_by_check() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    let config = home.write_config();
    for (mode, warned) in [(0o644, true), (0o600, false)] {
        // The file keeps its mode when it is rewritten.
        fs::set_permissions(&config, fs::Permissions::from_mode(mode)).unwrap();
        let advice = format!("mode {mode:04o}");
        let told = String::from_utf8(check(&home).stdout).unwrap();
        assert_eq!(told.contains(&advice) && told.contains("chmod 600 "), warned, "{told}");
        let agent = home.start();
        agent.wait_for_log("Starting up", SOON);
        agent.signal(Signal::TERM);
        let (_, log) = agent.outcome(SOON);
        assert_eq!(log.contains(&advice), warned, "{log}");
    }
}

/// Sends, fails to, shows its status, and stops, at the most talkative level.
#[test]
fn no_output_of_a_run_has_a_key_in_it() {
    for format in ["text", "json"] {
        let endpoint = Endpoint::healthy();
        let mut home = Home::new(&endpoint.handle.url());
        home.set("awsAccessKeyId", json!("AKIDKNOWN"));
        home.set("awsSecretAccessKey", json!(SECRET));
        home.set("log.level", json!("trace"));
        home.set("log.format", json!(format));
        home.set("admin.address", json!("127.0.0.1:0"));
        home.set("sts.endpoint", json!("http://127.0.0.1:9"));
        home.flow("*.log", ("kinesisStream", "s"), &json!({}));
        let role = json!({
            "assumeRoleARN": "arn:aws:iam::123456789012:role/r",
            "assumeRoleExternalId": EXTERNAL_ID,
        });
        home.flow("*.log", ("deliveryStream", "f"), &role);
        append(&home.log("a.log"), b"line\n");
        check(&home);
        let agent = home.start();
        agent.wait_for_log("admin", SOON);
        let log = agent.log();
        let port = log.split("127.0.0.1:").skip(1).find_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let port: u16 = digits.parse().ok()?;
            TcpStream::connect(("127.0.0.1", port)).ok().map(|_| port)
        });
        if let Some(port) = port {
            for page in ["status", "metrics", "healthz", "readyz"] {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let request =
                    format!("GET /{page} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
                stream.write_all(request.as_bytes()).unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).unwrap();
                assert_hidden(&answer, page);
            }
        }
        agent.signal(Signal::TERM);
        let (_, log) = agent.outcome(SOON);
        assert!(log.contains("Starting up"), "{log}");
        assert_hidden(log.as_bytes(), format);
    }
}

/// Mistakes are shown with the line that they are in: not with a secret.
#[test]
fn no_mistake_in_a_configuration_shows_a_key() {
    let home = Home::new("http://127.0.0.1:9");
    let path = home.root().join("wrong.conf");
    let secret = SECRET;
    for text in [
        format!("awsSecretAcessKey: {secret}\nflows: []\n"),
        format!("{{\"awsSecretAccessKey\": \"{secret}\", \"flows\": 3}}"),
        format!("{{\"awsSecretAccessKey\": [\"{secret}\"], \"flows\": []}}"),
        format!("{{\"awsSecretAccessKey\": {{\"a\": \"{secret}\"}}, \"flows\": []}}"),
        format!("{{\"flows\": [{{\"awsSecretAccessKey\": \"{secret}\"}}]}}"),
        format!("{{\"flows\": [{{\"secretAccessKey\": \"{secret}\", \"filePattern\": 3}}]}}"),
        format!("{{\"awsSecretAccessKey\": \"{secret}, \"flows\": []}}"),
        format!("{{\"awsSecretAccessKey\": \"{secret}\" \"flows\": []}}"),
        format!("awsSecretAccessKey: *{secret}\n"),
        format!("awsSecretAccessKey: \"\\q{secret}\"\n"),
        format!("awsSecretAccessKey: |\n  {secret}\nflows: 3\n"),
        format!("awsSecretAccessKey: {secret}\nawsSecretAccessKey: {secret}\nflows: 3\n"),
        format!("kinesis.endpoint: http://user:{secret}@localhost/\nflows: []\n"),
        format!("assumeRoleExternalId: ' {secret} \\'\nflows: []\n"),
    ] {
        fs::write(&path, &text).unwrap();
        let program = env!("CARGO_BIN_EXE_kinetail");
        for command in ["check", "run"] {
            let output = std::process::Command::new(program)
                .args([command, "-c"])
                .arg(&path)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert_hidden(&output.stdout, &text.replace(secret, "<secret>"));
            assert_hidden(&output.stderr, &text.replace(secret, "<secret>"));
        }
    }
}

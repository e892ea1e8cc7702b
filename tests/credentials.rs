//! As whom the real binary talks to AWS: the order of the chain, assumed roles, proxies, and that
//! one flow without credentials does not stop another.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kinetail::sandbox::{SandboxOptions, SigningKeys};
use serde_json::{Value, json};

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::fake_aws::{FakeAws, SECRET, field};
use crate::support::world::append;

/// Runs the binary in a directory with this configuration and nothing of the test's environment.
fn kinetail(
    directory: &Path,
    config: &Value,
    environment: &[(&str, &str)],
    args: &[&str],
) -> Output {
    let path = directory.join("agent.json");
    fs::write(&path, config.to_string()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_kinetail"))
        .args(args)
        .arg("-c")
        .arg(&path)
        .env_clear()
        .env("HOME", directory)
        .envs(environment.iter().copied())
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8(both).unwrap();
    assert!(!text.contains(SECRET), "a secret is shown: {text}");
    text
}

/// A configuration with one flow that ships to the fake.
fn config(fake: &FakeAws) -> Value {
    json!({
        "kinesis.endpoint": fake.url(),
        "kinesis.region": "eu-west-1",
        "sts.endpoint": fake.url(),
        "flows": [{ "filePattern": "/tmp/none-*.log", "kinesisStream": "s" }],
    })
}

#[test]
fn credentials_are_taken_in_the_order_of_the_java_agent() {
    let fake = FakeAws::start();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("token"), "jwt").unwrap();
    for (name, key) in [("credentials", "PROFILE"), ("java-credentials", "JAVAPROFILE")] {
        let keys = format!("aws_access_key_id = {key}\naws_secret_access_key = {SECRET}{key}");
        fs::write(path(name), format!("[default]\n{keys}\n")).unwrap();
    }
    let secret = format!("{SECRET}environment");
    let container = format!("{}/container", fake.url());
    let (token, credentials) = (path("token"), path("credentials"));
    let java_credentials = path("java-credentials");
    // What comes first in the chain stands first.
    let steps: [(&str, &[(&str, &str)]); 6] = [
        (
            "ENVIRONMENT",
            &[("AWS_ACCESS_KEY_ID", "ENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", &secret)],
        ),
        (
            "WEBIDENTITY",
            &[
                ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
                ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web"),
            ],
        ),
        ("CONTAINER", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container)]),
        ("PROFILE", &[("AWS_SHARED_CREDENTIALS_FILE", &credentials)]),
        ("JAVAPROFILE", &[("AWS_CREDENTIAL_PROFILES_FILE", &java_credentials)]),
        ("INSTANCE", &[]),
    ];
    let always =
        [("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake.url()), ("AWS_ENDPOINT_URL_STS", fake.url())];
    for (number, (key, _)) in steps.iter().enumerate() {
        let rest = steps.iter().skip(number).flat_map(|(_, set)| set.iter());
        let environment: Vec<(&str, &str)> = always.iter().chain(rest).copied().collect();
        let output = kinetail(directory.path(), &config(&fake), &environment, &["check", "--aws"]);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        assert_eq!(fake.kinesis_key().as_deref(), Some(*key), "{said}");
        assert!(
            said.contains(&format!("caller identity: arn:aws:sts::123456789012:caller/{key}")),
            "{said}"
        );
        if number == 0 {
            let mut config = config(&fake);
            config["awsAccessKeyId"] = json!("CONFIGURED");
            config["awsSecretAccessKey"] = json!(format!("{SECRET}configured"));
            let output = kinetail(directory.path(), &config, &environment, &["check", "--aws"]);
            assert_eq!(fake.kinesis_key().as_deref(), Some("CONFIGURED"), "{}", text(&output));
        }
    }
}

#[test]
fn roles_are_assumed_by_flow_in_a_session_with_the_java_agents_name() {
    let fake = FakeAws::start();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&fake);
    config["awsAccessKeyId"] = json!("BASE");
    config["awsSecretAccessKey"] = json!(format!("{SECRET}base"));
    config["assumeRoleARN"] = json!("arn:aws:iam::123456789012:role/everybody");
    config["assumeRoleExternalId"] = json!("shared-id");
    let flow =
        |number: u32| json!({ "filePattern": format!("/tmp/none-{number}"), "kinesisStream": "s" });
    let (inherits, again, mut own) = (flow(1), flow(2), flow(3));
    own["assumeRoleARN"] = json!("arn:aws:iam::210987654321:role/own");
    config["flows"] = json!([inherits, again, own]);
    let output = kinetail(directory.path(), &config, &[], &["check", "--aws"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("shared-id"), "{said}");
    let described: Vec<String> = fake
        .asked("Kinesis_20131202.DescribeStreamSummary")
        .into_iter()
        .map(|seen| seen.key)
        .collect();
    // The second flow has the stream and the role of the first: it is not asked about again.
    assert_eq!(described, ["EVERYBODY", "OWN"], "{said}");
    let assumed = fake.asked("AssumeRole");
    assert!(assumed.iter().all(|seen| seen.key == "BASE"), "{assumed:?}");
    let field = |name: &str| -> Vec<Option<String>> {
        assumed.iter().map(|seen| field(&seen.body, name)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    // Flows with the same role share it.
    assert_eq!(
        field("RoleArn"),
        [
            some("arn:aws:iam::123456789012:role/everybody"),
            some("arn:aws:iam::210987654321:role/own")
        ]
    );
    assert_eq!(field("RoleSessionName"), [some("AWSKinesisAgent"), some("AWSKinesisAgent")]);
    assert_eq!(field("ExternalId"), [some("shared-id"), None]);
    assert_eq!(field("DurationSeconds"), [some("3600"), some("3600")]);
}

#[test]
fn a_role_that_is_refused_is_an_error_of_the_check() {
    let fake = FakeAws::start();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&fake);
    config["awsAccessKeyId"] = json!("BASE");
    config["awsSecretAccessKey"] = json!(format!("{SECRET}base"));
    config["assumeRoleARN"] = json!("arn:aws:iam::123456789012:role/denied");
    let output = kinetail(directory.path(), &config, &[], &["check", "--aws"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sts:AssumeRole on resource"), "{said}");
}

#[test]
fn a_flow_whose_role_is_refused_pauses_and_the_others_run_on() {
    let fake = FakeAws::start();
    let sandbox = Endpoint::start(SandboxOptions::default());
    let mut home = Home::new(&sandbox.handle.url());
    home.set("sts.endpoint", json!(fake.url()));
    let denied = json!({ "assumeRoleARN": "arn:aws:iam::123456789012:role/denied" });
    home.flow("a*.log", ("kinesisStream", "paused"), &denied);
    home.flow("b*.log", ("kinesisStream", "works"), &json!({}));
    append(&home.log("a.log"), b"waits\n");
    append(&home.log("b.log"), b"arrives\n");
    let agent = home.start();
    agent.wait_for_log("delivery paused", SOON);
    let lines = vec![b"arrives\n".to_vec()];
    sandbox.wait_for_all(&kinesis("works"), &lines, SOON, || agent.log());
    append(&home.log("b.log"), b"and again\n");
    let lines = vec![b"arrives\n".to_vec(), b"and again\n".to_vec()];
    sandbox.wait_for_all(&kinesis("works"), &lines, SOON, || agent.log());
    assert_eq!(sandbox.count(&kinesis("paused")), 0);
    assert!(agent.log().contains("sts:AssumeRole"), "{}", agent.log());
}

#[test]
fn a_proxy_gets_the_records_and_never_the_questions_for_credentials() {
    let (fake, proxy) = (FakeAws::start(), FakeAws::start());
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(&fake);
    // No such host: only the proxy could reach it.
    config["kinesis.endpoint"] = json!("http://kinesis.invalid");
    let container = format!("{}/container", fake.url());
    let environment =
        [("HTTP_PROXY", proxy.url()), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container)];
    let output = kinetail(directory.path(), &config, &environment, &["check", "--aws"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(fake.seen().iter().any(|seen| seen.line == "GET /container"), "{said}");
    let proxied: Vec<String> = proxy.seen().into_iter().map(|seen| seen.line).collect();
    assert!(!proxied.is_empty(), "{said}");
    assert!(
        proxied.iter().all(|line| line.starts_with("POST http://kinesis.invalid/")),
        "{proxied:?}"
    );
}

#[test]
fn certificates_that_cannot_be_used_stop_the_start_and_say_why() {
    let fake = FakeAws::start();
    let directory = tempfile::tempdir().unwrap();
    let environment = [("AWS_CA_BUNDLE", "/nonexistent/ca.pem")];
    let output = kinetail(directory.path(), &config(&fake), &environment, &["check", "--aws"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("(AWS_CA_BUNDLE): cannot read /nonexistent/ca.pem"), "{said}");
}

/// Keys that are taken away while the agent runs, and a file of them that is rewritten: none is
/// lost, none is there twice.
#[test]
fn f59_keys_that_are_replaced_in_their_file_are_found_without_a_restart() {
    let keys = |id: &str| SigningKeys {
        access_key_id: id.to_owned(),
        secret_access_key: format!("{SECRET}{id}"),
    };
    let options = SandboxOptions { verify: Some(keys("FIRST")), ..SandboxOptions::default() };
    let endpoint = Endpoint::start(options);
    let mut home = Home::new(&endpoint.handle.url());
    home.unset("awsAccessKeyId");
    home.unset("awsSecretAccessKey");
    home.flow("a.log", ("kinesisStream", "s"), &json!({}));
    let file = home.root().join("credentials");
    let write = |id: &str| {
        let text = format!("[default]\naws_access_key_id = {id}\n");
        let next = home.root().join("credentials.next");
        fs::write(&next, format!("{text}aws_secret_access_key = {SECRET}{id}\n")).unwrap();
        fs::rename(&next, &file).unwrap();
    };
    // At first there is no file at all, and no other source has credentials.
    let path = file.to_str().unwrap().to_owned();
    let unused = "http://127.0.0.1:9";
    let agent = home.start_with(&[
        ("AWS_SHARED_CREDENTIALS_FILE", &path),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", unused),
    ]);
    let mut lines = Vec::new();
    let mut one = |number: u32| {
        let line = format!("a|{number}|\n").into_bytes();
        append(&home.log("a.log"), &line);
        lines.push(line);
        lines.clone()
    };
    let all = one(1);
    agent.wait_for_log("code=Credentials", SOON);
    write("FIRST");
    endpoint.wait_for_all(&kinesis("s"), &all, SOON, || agent.log());
    endpoint.handle.set_keys(Some(keys("SECOND")));
    let all = one(2);
    agent.wait_for_log("code=UnrecognizedClientException", SOON);
    write("SECOND");
    endpoint.wait_for_all(&kinesis("s"), &all, SOON, || agent.log());
    let log = agent.log();
    assert_eq!(agent.stop(SOON), Some(0), "{log}");
    assert_eq!(endpoint.data(&kinesis("s")), all, "{log}");
    assert!(!log.contains(SECRET), "a secret is shown: {log}");
}

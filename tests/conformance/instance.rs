//! Section 2.6: ADDEC2METADATA of the real binary, with an instance metadata service and an EC2 of
//! our own on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

const DOCUMENT: &str = r#"{"accountId": "123456789012", "imageId": "ami-1",
    "instanceId": "i-0abc", "instanceType": "t4g.nano", "privateIp": "10.0.0.7",
    "availabilityZone": "eu-west-1a", "region": "eu-west-1"}"#;

const TAGS: &str = "<DescribeTagsResponse><tagSet><item><key>Name</key><value>web</value></item>\
                    </tagSet></DescribeTagsResponse>";

/// Plays both services until the test program ends; gives the address.
fn instance() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap())));
    address
}

fn answer(stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap() > 2 {}
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let (status, answer) = if head.starts_with("put /latest/api/token ") {
        (200, "the-token")
    } else if !head.starts_with("post ") && !head.contains("metadata-token: the-token") {
        (401, "")
    } else if head.starts_with("get /latest/dynamic/instance-identity/document ") {
        (200, DOCUMENT)
    } else if head.contains("credential=ec2-key/") && head.contains("/eu-west-1/ec2/aws4_request") {
        (200, TAGS)
    } else {
        (404, "")
    };
    let lengths = format!("content-length: {}\r\nconnection: close", answer.len());
    let life = "x-aws-ec2-metadata-token-ttl-seconds: 60";
    let mut stream = reader.into_inner();
    write!(stream, "HTTP/1.1 {status} X\r\n{lengths}\r\n{life}\r\n\r\n{answer}").unwrap();
}

fn home(endpoint: &Endpoint) -> Home {
    let mut home = Home::new(&endpoint.handle.url());
    let converters = json!([{"optionName": "ADDEC2METADATA", "logFormat": "SYSLOG"}]);
    home.flow("a.log", ("kinesisStream", "s"), &json!({"dataProcessingOptions": converters}));
    append(&home.log("a.log"), b"{\"a\": 1, \"region\": 2}\nno JSON\n");
    home
}

#[test]
fn the_first_record_has_the_metadata_of_the_instance() {
    let endpoint = Endpoint::healthy();
    let (home, instance) = (home(&endpoint), instance());
    let agent = home.start_with(&[
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &instance),
        ("AWS_ENDPOINT_URL_EC2", &instance),
        ("AWS_ACCESS_KEY_ID", "ec2-key"),
        ("AWS_SECRET_ACCESS_KEY", "ec2-secret"),
    ]);
    let both = || endpoint.count(&kinesis("s")) == 2;
    wait_until("both records arrive", SOON, both, || agent.log());
    let records = endpoint.data(&kinesis("s"));
    let text = std::str::from_utf8(&records[0]).unwrap();
    assert!(text.starts_with(r#"{"a":1,"region":"eu-west-1","privateIp":"10.0.0.7","#), "{text}");
    assert!(text.ends_with("\"tags\":{\"name\":\"web\"}}\n"), "{text}");
    let members: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&members["instanceId"], &members["amiId"]), (&json!("i-0abc"), &json!("ami-1")));
    assert!(members["metadataTimestamp"].is_string());
    assert_eq!(records[1], b"no JSON\n", "what is no object is sent raw");
    let log = agent.log();
    assert!(!log.contains("ec2-secret") && !log.contains("Error while updating"), "{log}");
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn without_an_instance_records_pass_unchanged_and_one_line_says_so() {
    let endpoint = Endpoint::healthy();
    let home = home(&endpoint);
    let agent = home.start_with(&[("AWS_EC2_METADATA_DISABLED", "true")]);
    let records = [b"{\"a\": 1, \"region\": 2}\n".to_vec(), b"no JSON\n".to_vec()];
    endpoint.wait_for_all(&kinesis("s"), &records, SOON, || agent.log());
    let line = "Unable to append metadata, no metadata found";
    wait_until("a line in the log", SOON, || agent.log().contains(line), || agent.log());
    let log = agent.log();
    assert_eq!(log.matches(line).count(), 1, "{log}");
    assert_eq!(log.matches("Error while updating EC2 metadata").count(), 1, "{log}");
    assert_eq!(agent.stop(SOON), Some(0));
}

//! Against a metadata service and an EC2 of our own on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

use super::*;

const DOCUMENT: &str = r#"{"accountId": "123456789012", "imageId": "ami-1",
    "instanceId": "i-0abc", "instanceType": "t4g.nano", "privateIp": "10.0.0.7",
    "availabilityZone": "eu-west-1a", "region": "eu-west-1", "kernelId": null}"#;

const TAGS: &str = "<DescribeTagsResponse><tagSet><item><key>Name</key><value>web</value></item>\
                    </tagSet></DescribeTagsResponse>";

/// From the developer guide of ECS, without the containers.
const TASK: (u16, &str) = (
    200,
    r#"{"Cluster": "default", "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c80",
    "Family": "curltest", "Revision": "26", "Limits": {"CPU": 0.25}, "Containers": [],
    "AvailabilityZone": "us-west-2d", "LaunchType": "FARGATE"}"#,
);

/// What the fake answers.
#[derive(Clone)]
struct Script {
    /// Status and body of the identity document.
    document: (u16, &'static str),
    /// Status and body of `DescribeTags`.
    tags: (u16, &'static str),
}

/// Serves until the test program ends; gives its address and the bodies that EC2 got.
fn serve(script: Arc<Mutex<Script>>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &script.lock().unwrap().clone(), &seen);
        }
    });
    (address, asked)
}

fn answer(stream: TcpStream, script: &Script, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap() > 2 {}
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let (status, answer) = if head.starts_with("put /latest/api/token ") {
        (200, "the-token")
    } else if head.starts_with("get /latest/dynamic/instance-identity/document ") {
        // Version 2 of the service: nothing without a token.
        let token = head.contains("x-aws-ec2-metadata-token: the-token");
        if token { script.document } else { (401, "") }
    } else if head.starts_with("post / ") && head.contains("/eu-west-1/ec2/aws4_request") {
        seen.lock().unwrap().push(body);
        script.tags
    } else if head.starts_with("get /v4/abc/task ") {
        TASK
    } else {
        (404, "")
    };
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\
         x-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n{answer}",
        answer.len()
    )
    .unwrap();
}

/// Gives no credentials.
#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no provider")))
    }
}

fn sources(address: &str) -> Sources {
    let keys = Credentials::new("AKID", "secret", None, None, "test");
    Sources {
        imds: metadata_service().endpoint(address).unwrap().build(),
        credentials: Some(SharedCredentialsProvider::new(keys)),
        ec2_endpoint: Some(address.to_owned()),
        disabled: false,
        container_agent: Some(format!("{address}/v4/abc")),
        uses: Uses { ec2: true, ecs: false },
        tags: None,
        instance: None,
    }
}

fn script(document: (u16, &'static str), tags: (u16, &'static str)) -> Arc<Mutex<Script>> {
    Arc::new(Mutex::new(Script { document, tags }))
}

/// The facts as text, with the time taken out.
fn shown(facts: &Facts) -> Vec<String> {
    let show = |(key, value): &(String, JsonValue)| match value {
        JsonValue::String(text) if key != "metadataTimestamp" => format!("{key}={text}"),
        JsonValue::String(_) => key.clone(),
        other => format!("{key}={other:?}"),
    };
    facts.iter().map(show).collect()
}

#[tokio::test]
async fn section_2_6_facts_come_from_the_document_and_the_tags() {
    let (address, asked) = serve(script((200, DOCUMENT), (200, TAGS)));
    let (facts, errors) = sources(&address).collect().await;
    assert_eq!(errors, []);
    assert_eq!(
        shown(&facts.unwrap()),
        [
            "privateIp=10.0.0.7",
            "availabilityZone=eu-west-1a",
            "instanceId=i-0abc",
            "instanceType=t4g.nano",
            "accountId=123456789012",
            "amiId=ami-1",
            "region=eu-west-1",
            "metadataTimestamp",
            r#"tags=Object([("name", String("web"))])"#,
        ]
    );
    assert_eq!(
        *asked.lock().unwrap(),
        ["Action=DescribeTags&Version=2016-11-15&Filter.1.Name=resource-id\
          &Filter.1.Value.1=i-0abc&MaxResults=1000"]
    );
}

#[tokio::test]
async fn section_2_6_without_tags_the_rest_is_kept_and_so_are_the_tags_of_the_last_time() {
    let denied = "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors>\
                  </Response>";
    let script = script((200, DOCUMENT), (403, denied));
    let (address, _) = serve(Arc::clone(&script));
    let mut sources = sources(&address);
    let (facts, errors) = sources.collect().await;
    let reason = "UnauthorizedOperation".to_owned();
    assert_eq!(errors, [Ec2Error::Refused { status: 403, reason }]);
    assert_eq!(facts.unwrap().last().unwrap().0, "metadataTimestamp");

    script.lock().unwrap().tags = (200, TAGS);
    sources.collect().await;
    script.lock().unwrap().tags = (200, "<nonsense");
    let (facts, errors) = sources.collect().await;
    assert!(matches!(errors.as_slice(), [Ec2Error::Xml(_)]), "{errors:?}");
    assert_eq!(facts.unwrap().last().unwrap().0, "tags");
}

#[tokio::test]
async fn section_2_6_without_a_document_nothing_is_known() {
    for (document, kind) in
        [((404, ""), "no response from the instance metadata"), ((200, "no json"), "is not JSON")]
    {
        let (address, asked) = serve(script(document, (200, TAGS)));
        let (facts, errors) = sources(&address).collect().await;
        assert!(facts.is_none());
        assert_eq!(errors.len(), 1);
        assert!(errors.first().unwrap().to_string().contains(kind), "{errors:?}");
        assert!(asked.lock().unwrap().is_empty());
    }
    let mut disabled = sources("http://127.0.0.1:9");
    disabled.disabled = true;
    assert_eq!(disabled.collect().await.1, [Ec2Error::Disabled]);
}

#[tokio::test]
async fn tags_need_credentials_and_an_ec2_that_answers() {
    let (address, _) = serve(script((200, DOCUMENT), (200, TAGS)));
    let mut unreachable = sources(&address);
    unreachable.ec2_endpoint = Some("http://127.0.0.1:9".to_owned());
    let (_, errors) = unreachable.collect().await;
    assert!(matches!(errors.as_slice(), [Ec2Error::Request(_)]), "{errors:?}");
    let mut anonymous = sources(&address);
    anonymous.credentials = Some(SharedCredentialsProvider::new(Nobody));
    let (_, errors) = anonymous.collect().await;
    assert!(matches!(errors.as_slice(), [Ec2Error::Credentials(_)]), "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn an_ec2_that_is_silent_is_waited_for_for_a_while() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sources = sources("http://127.0.0.1:9");
    sources.ec2_endpoint = Some(format!("http://{}", silent.local_addr().unwrap()));
    let error = sources.describe_tags("eu-west-1", "i-1").await.unwrap_err();
    assert_eq!(error, Ec2Error::Timeout(TAGS_TIMEOUT));
    assert_eq!(error.to_string(), "no response from ec2:DescribeTags within 10 s");
}

#[test]
fn facts_become_as_old_as_the_most_impatient_converter_lets_them() {
    let adds = |hours| ConverterConfig::AddEc2Metadata {
        time_to_live: Duration::from_hours(hours),
        format: crate::process::JsonFormat::Compact,
        tags: None,
    };
    let hour = Some(Duration::from_hours(1));
    let life = |converters: &[ConverterConfig]| needs(converters).map(|needs| needs.time_to_live);
    assert_eq!(life(&[ConverterConfig::AddBrackets, adds(2), adds(1)]), hour);
    assert_eq!(life(&[ConverterConfig::AddBrackets]), None);
    assert_eq!(needs(&[adds(1)]).unwrap().uses, Uses { ec2: true, ecs: false });
}

#[tokio::test]
async fn the_task_of_ecs_comes_from_its_container_agent_alone() {
    let (address, asked) = serve(script((404, ""), (404, "")));
    let mut sources = sources(&address);
    sources.uses = Uses { ec2: false, ecs: true };
    let (facts, errors) = sources.collect().await;
    assert_eq!(errors, []);
    let facts = facts.unwrap();
    let [(name, JsonValue::Object(task))] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(name, ECS);
    let text = |name: &str| match task.iter().find(|(known, _)| known == name) {
        Some((_, JsonValue::String(text))) => text.as_str(),
        _ => "",
    };
    let arn = "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c80";
    assert_eq!((text("taskArn"), text("taskId")), (arn, "158d1c80"));
    assert_eq!((text("family"), text("revision"), text("cluster")), ("curltest", "26", "default"));
    assert!(asked.lock().unwrap().is_empty());

    // Both are asked for: what cannot be known of one takes nothing from the other.
    sources.uses.ec2 = true;
    let (facts, errors) = sources.collect().await;
    assert!(matches!(errors.as_slice(), [Ec2Error::Metadata(_)]), "{errors:?}");
    assert_eq!(facts.unwrap().len(), 1);
    sources.container_agent = None;
    let (facts, errors) = sources.collect().await;
    assert!(facts.is_none());
    assert!(errors.iter().any(|error| matches!(error, Ec2Error::NoContainerAgent(_))));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_too() {
    let machine = MachineFacts::default();
    let mut nowhere = sources("http://127.0.0.1:9");
    nowhere.disabled = true;
    let uses = Uses { ec2: true, ecs: false };
    let needs = Needs { uses, time_to_live: Duration::from_hours(1) };
    tokio::select! {
        () = keep_fresh(nowhere, machine.clone(), needs) => panic!("it ended"),
        () = sleep(Duration::from_secs(1)) => {}
    }
    machine.wait_for_first_attempt(Duration::from_hours(1));
    assert!(machine.known().is_none());
}

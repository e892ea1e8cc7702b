//! An AWS on loopback that hands out credentials and notes with which of them it is asked: STS,
//! the EC2 metadata service, container credentials, and as much of Kinesis as a check needs.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Every secret that it hands out begins so.
pub const SECRET: &str = "fake-secret-";

/// One request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method and path, as on the first line.
    pub line: String,
    /// `x-amz-target` or the `Action` of a form, if any.
    pub action: String,
    /// The access key id that signed it, if any.
    pub key: String,
    pub body: String,
}

/// A running fake.
pub struct FakeAws {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl FakeAws {
    /// Starts one. A role whose ARN contains `denied` is not handed out.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let fake = Self { url, seen: Arc::clone(&seen) };
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || while serve(&stream, &seen).is_some() {});
            }
        });
        fake
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests for this action.
    pub fn asked(&self, action: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.action == action).collect()
    }

    /// The access key id of the last request to Kinesis.
    pub fn kinesis_key(&self) -> Option<String> {
        let seen = self.seen();
        seen.into_iter().rfind(|seen| seen.action.starts_with("Kinesis")).map(|seen| seen.key)
    }
}

/// The value of a field of a form.
pub fn field(form: &str, name: &str) -> Option<String> {
    let value = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.replace("%3A", ":").replace("%2F", "/"))
}

/// Answers one request. `None` ends the connection.
fn serve(stream: &TcpStream, seen: &Mutex<Vec<Seen>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let (mut length, mut key, mut action) = (0, String::new(), String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "x-amz-target" => value.clone_into(&mut action),
            "authorization" => {
                let id = value.split_once("Credential=").and_then(|(_, rest)| rest.split_once('/'));
                key = id.map(|(id, _)| id.to_owned()).unwrap_or_default();
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    if action.is_empty() {
        action = field(&body, "Action").unwrap_or_default();
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let request = Seen { line, action, key, body };
    let (status, kind, answer) = answer(&request);
    seen.lock().unwrap().push(request);
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n");
    write!(head, "content-length: {}\r\n", answer.len()).unwrap();
    head.push_str("x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
    head.push_str("x-amzn-requestid: 00000000-0000-4000-8000-000000000000\r\n\r\n");
    let mut stream = stream;
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer.as_bytes())).ok()
}

fn answer(request: &Seen) -> (u16, &'static str, String) {
    const JSON: &str = "application/x-amz-json-1.1";
    match (request.line.as_str(), request.action.as_str()) {
        ("PUT /latest/api/token", _) => (200, "text/plain", "token".to_owned()),
        ("GET /latest/meta-data/placement/region", _) => (200, "text/plain", "eu-north-1".into()),
        ("GET /latest/meta-data/iam/security-credentials/", _) => (200, "text/plain", "r".into()),
        ("GET /latest/meta-data/iam/security-credentials/r", _) => {
            (200, "application/json", json_keys("INSTANCE"))
        }
        ("GET /container", _) => (200, "application/json", json_keys("CONTAINER")),
        (_, "AssumeRole") => assume_role(request),
        (_, "AssumeRoleWithWebIdentity") => {
            (200, "text/xml", xml_keys("AssumeRoleWithWebIdentity", "WEBIDENTITY"))
        }
        (_, "GetCallerIdentity") => {
            let arn = format!("arn:aws:sts::123456789012:caller/{}", request.key);
            let result = format!("<Arn>{arn}</Arn><Account>123456789012</Account>");
            (200, "text/xml", xml("GetCallerIdentity", &result))
        }
        (_, "Kinesis_20131202.DescribeStreamSummary") => {
            let key = if request.body.contains("encrypted") {
                "\"EncryptionType\":\"KMS\",\"KeyId\":\"arn:aws:kms:eu-west-1:1:key/k\","
            } else {
                ""
            };
            let summary = "\"StreamName\":\"s\",\"StreamARN\":\"a\",\"StreamStatus\":\"ACTIVE\",\
                           \"RetentionPeriodHours\":24,\"StreamCreationTimestamp\":1,\
                           \"EnhancedMonitoring\":[],\"OpenShardCount\":2";
            (200, JSON, format!("{{\"StreamDescriptionSummary\":{{{key}{summary}}}}}"))
        }
        (_, "Kinesis_20131202.PutRecords") if request.body.contains("\"DryRun\":true") => {
            (400, JSON, "{\"__type\":\"DryRunOperationException\",\"message\":\"m\"}".to_owned())
        }
        _ => (404, "text/plain", String::new()),
    }
}

fn assume_role(request: &Seen) -> (u16, &'static str, String) {
    let role = field(&request.body, "RoleArn").unwrap_or_default();
    if role.contains("denied") {
        let message = format!("not authorized to perform: sts:AssumeRole on resource: {role}");
        let error = format!("<Code>AccessDenied</Code><Message>{message}</Message>");
        let body =
            format!("<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>");
        return (403, "text/xml", body);
    }
    let name = role.rsplit('/').next().unwrap_or_default().to_ascii_uppercase();
    (200, "text/xml", xml_keys("AssumeRole", &name))
}

fn json_keys(id: &str) -> String {
    format!(
        "{{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"{id}\",\
         \"SecretAccessKey\":\"{SECRET}{id}\",\"Token\":\"{SECRET}token\",\
         \"Expiration\":\"2099-01-01T00:00:00Z\"}}"
    )
}

fn xml_keys(action: &str, id: &str) -> String {
    let keys = format!(
        "<Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{SECRET}{id}\
         </SecretAccessKey><SessionToken>{SECRET}token</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    );
    xml(action, &keys)
}

fn xml(action: &str, result: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
         {result}</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </{action}Response>"
    )
}

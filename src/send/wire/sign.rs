//! Signature Version 4 of calls that are all alike, prepared: the signing key is derived once a
//! day, the date is written once a second, and what is left for each call is two short hashes.
//! The key and the signature are `aws-sigv4`'s; what is put together here is the text that they
//! cover ("Create a signed AWS API request" in the IAM user guide).

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use jiff::Timestamp;
use kinetail_delivery::body::hex;
use sha2::{Digest as _, Sha256};

use super::target::Target;

/// A signing key is an HMAC-SHA256.
const KEY_BYTES: usize = 32;

const SECONDS_IN_A_DAY: u64 = 24 * 60 * 60;

/// What in a call is signed alongside what all calls have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signable<'c> {
    pub(super) content_type: &'static str,
    pub(super) content_length: usize,
    /// `x-amz-target`.
    pub(super) operation: &'static str,
    /// `x-amz-user-agent`.
    pub(super) user_agent: &'c str,
    /// The SHA-256 of the body, in hexadecimal digits.
    pub(super) body_sha256: &'c str,
}

/// Signs the calls to one target.
#[derive(Default)]
pub(super) struct Signer {
    day: Option<Day>,
    /// `x-amz-date`, and the second that it is.
    date: (u64, String),
    /// Where texts are put together, in memory that is used again.
    text: String,
}

/// What is the same for a day's calls with the same credentials.
struct Day {
    number: u64,
    credentials: Credentials,
    target: Arc<Target>,
    path: String,
    key: [u8; KEY_BYTES],
    /// `<day>/<region>/<service>/aws4_request`.
    scope: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("date", &self.date.1).finish_non_exhaustive()
    }
}

impl Signer {
    /// The headers `x-amz-date` and `authorization`. A session token goes into
    /// `x-amz-security-token`.
    pub(super) fn sign(
        &mut self,
        target: &Arc<Target>,
        credentials: &Credentials,
        call: Signable<'_>,
        now: SystemTime,
    ) -> (&str, String) {
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.date.0 != second || self.date.1.is_empty() {
            self.date = (second, amz_date(second));
        }
        let number = second / SECONDS_IN_A_DAY;
        let is_current = |day: &Day| {
            day.number == number && day.credentials == *credentials && day.target == *target
        };
        let Self { day, date: (_, date), text } = self;
        let day = match day.take().filter(is_current) {
            Some(current) => day.insert(current),
            None => day.insert(Day::new(number, credentials, target, now, date)),
        };
        canonical(text, day, call, date);
        let hash = hex(&Sha256::digest(text.as_bytes()));
        text.clear();
        text.extend(["AWS4-HMAC-SHA256\n", date, "\n", &day.scope, "\n", &hash]);
        let signature = calculate_signature(day.key, text.as_bytes());
        let token =
            if credentials.session_token().is_some() { "x-amz-security-token;" } else { "" };
        let authorization = [
            "AWS4-HMAC-SHA256 Credential=",
            credentials.access_key_id(),
            "/",
            &day.scope,
            ", SignedHeaders=content-length;content-type;host;x-amz-date;",
            token,
            "x-amz-target;x-amz-user-agent, Signature=",
            &signature,
        ];
        (date, authorization.concat())
    }
}

impl Day {
    fn new(
        number: u64,
        credentials: &Credentials,
        target: &Arc<Target>,
        now: SystemTime,
        date: &str,
    ) -> Self {
        let (region, service) = (&target.region, &target.service);
        let secret = credentials.secret_access_key();
        let mut key = [0; KEY_BYTES];
        let made = generate_signing_key(secret, now, region, service);
        key.iter_mut().zip(made.as_ref()).for_each(|(key, made)| *key = *made);
        let day = date.get(..8).unwrap_or_default();
        Self {
            number,
            credentials: credentials.clone(),
            target: Arc::clone(target),
            path: canonical_path(target.uri.path()),
            key,
            scope: format!("{day}/{region}/{service}/aws4_request"),
        }
    }
}

/// Puts the canonical request into `text`, piece by piece: it is done for every request.
fn canonical(text: &mut String, day: &Day, call: Signable<'_>, date: &str) {
    let Signable { content_type, content_length, operation, user_agent, body_sha256 } = call;
    text.clear();
    text.extend(["POST\n", &day.path, "\n\ncontent-length:"]);
    put(text, format_args!("{content_length}"));
    text.extend(["\ncontent-type:", content_type, "\nhost:", &day.target.host]);
    text.extend(["\nx-amz-date:", date, "\n"]);
    let mut token_name = "";
    if let Some(token) = day.credentials.session_token() {
        token_name = "x-amz-security-token;";
        text.push_str("x-amz-security-token:");
        push_words(text, token);
        text.push('\n');
    }
    text.extend(["x-amz-target:", operation, "\nx-amz-user-agent:"]);
    push_words(text, user_agent);
    text.extend(["\n\ncontent-length;content-type;host;x-amz-date;", token_name]);
    text.extend(["x-amz-target;x-amz-user-agent\n", body_sha256]);
}

fn put(text: &mut String, more: fmt::Arguments<'_>) {
    // Writing to a string never fails.
    text.write_fmt(more).unwrap_or_default();
}

/// The value of a header, with one blank where it has several, and none around it.
fn push_words(text: &mut String, value: &str) {
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    text.extend(words.next());
    for word in words {
        text.push(' ');
        text.push_str(word);
    }
}

/// Without empty and dotted segments, and encoded once more.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut canonical = String::with_capacity(path.len());
    for segment in segments {
        canonical.push('/');
        for byte in segment.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                canonical.push(char::from(byte));
            } else {
                put(&mut canonical, format_args!("%{byte:02X}"));
            }
        }
    }
    // A target's path ends with a slash.
    canonical.push('/');
    canonical
}

/// As `20261129T120000Z`.
fn amz_date(second: u64) -> String {
    let second = i64::try_from(second).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4::SigningParams;
    use aws_smithy_runtime_api::client::identity::Identity;
    use proptest::prelude::*;

    use super::*;

    /// What `aws-sigv4` makes of the whole request.
    fn expected(
        target: &Target,
        credentials: &Credentials,
        call: Signable<'_>,
        now: SystemTime,
    ) -> (String, String) {
        let identity: Identity = credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&target.region)
            .name(&target.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let length = call.content_length.to_string();
        let headers = [
            ("content-type", call.content_type),
            ("content-length", &length),
            ("host", &target.host),
            ("user-agent", "is not signed"),
            ("x-amz-target", call.operation),
            ("x-amz-user-agent", call.user_agent),
        ];
        let body = SignableBody::Precomputed(call.body_sha256.to_owned());
        let uri = target.uri.to_string();
        let request = SignableRequest::new("POST", &uri, headers.into_iter(), body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let header = |name| {
            let found = instructions.headers().find(|(other, _)| *other == name);
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        assert_eq!(header("x-amz-security-token"), credentials.session_token().unwrap_or_default());
        (header("x-amz-date"), header("authorization"))
    }

    fn target(path: &str, region: &str) -> Target {
        Target {
            uri: format!("http://localhost:4566{path}").parse().unwrap(),
            host: "localhost:4566".to_owned(),
            region: region.to_owned(),
            service: "kinesis".to_owned(),
        }
    }

    proptest! {
        /// For all credentials, times, targets and calls, in any order over one signer: byte for
        /// byte what `aws-sigv4` signs.
        #[test]
        fn a_prepared_signature_is_the_one_of_aws_sigv4(
            calls in prop::collection::vec(
                (
                    0_usize..3,
                    prop_oneof![Just("/"), Just("/a/b/"), Just("/a%20b/~c/"), Just("/x//./y/../")],
                    (0_u64..4_000_000_000, 0_u64..3),
                    (1_usize..10_000_000, "[0-9a-f]{64}", "[a-zA-Z0-9/. #]{1,40}"),
                    any::<bool>(),
                ),
                1..12,
            ),
            secret in "[A-Za-z0-9/+]{1,60}",
            token in "[A-Za-z0-9/+=]{1,300}",
        ) {
            let keys = [
                Credentials::new("AKIDEXAMPLE", &secret, None, None, "test"),
                Credentials::new("AKIDEXAMPLE", &secret, Some(token), None, "test"),
                Credentials::new("OTHER", "secret", None, None, "test"),
            ];
            let mut signer = Signer::default();
            for (key, path, (second, more), (length, hash, agent), again) in &calls {
                let target = Arc::new(target(path, if *again { "eu-west-1" } else { "us-east-1" }));
                let call = Signable {
                    content_type: "application/x-amz-json-1.1",
                    content_length: *length,
                    operation: "Kinesis_20131202.PutRecords",
                    user_agent: agent,
                    body_sha256: hash,
                };
                for after in [0, *more, 86_400] {
                    let now = UNIX_EPOCH + Duration::from_secs(second + after);
                    let (date, authorization) = signer.sign(&target, &keys[*key], call, now);
                    let signed = (date.to_owned(), authorization);
                    prop_assert_eq!(signed, expected(&target, &keys[*key], call, now));
                }
            }
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let credentials = Credentials::new("AKIDEXAMPLE", "hidden", None, None, "test");
        let mut signer = Signer::default();
        let call = Signable {
            content_type: "t",
            content_length: 1,
            operation: "o",
            user_agent: "u",
            body_sha256: "00",
        };
        let now = UNIX_EPOCH + Duration::from_secs(1);
        let (_, header) = signer.sign(&Arc::new(target("/", "r")), &credentials, call, now);
        assert!(!header.contains("hidden"));
        assert!(!format!("{signer:?}").contains("hidden"));
    }
}

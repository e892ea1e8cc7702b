//! Signature Version 4: whether a request was signed with the keys that were agreed on. Pure: the
//! time is an argument.
//!
//! The canonical form is built here, by the AWS General Reference ("Create a signed AWS API
//! request"), and not by the code that signs in the SDK: two that agree are right. Only the two
//! HMAC steps at the end come from `aws-sigv4`.

use std::fmt::Write as _;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use hyper::HeaderMap;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::response::ErrorResponse;
use crate::SigningKeys;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SKEW_MINUTES_MAX: i64 = 5;
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";
/// Hexadecimal digits in a signature.
const SIGNATURE_CHARS: usize = 64;

/// The parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedRequest<'a> {
    pub(super) method: &'a str,
    /// As it came, still percent-encoded.
    pub(super) path: &'a str,
    /// As it came, without the question mark.
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// The `authorization` header, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// Why a request is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureFault {
    #[error(
        "Signature expired: {signed} is now earlier than {bound} ({now} - {SKEW_MINUTES_MAX} min.)"
    )]
    Expired { signed: String, bound: String, now: String },
    #[error("The authorization header is not understood: {0}")]
    Malformed(&'static str),
    #[error("Missing Authentication Token")]
    Missing,
    #[error("The calculated signature does not match the one that was sent.")]
    Mismatch,
    #[error(
        "Signature not yet current: {signed} is still later than {bound} \
         ({now} + {SKEW_MINUTES_MAX} min.)"
    )]
    NotYetCurrent { signed: String, bound: String, now: String },
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
}

impl From<SignatureFault> for ErrorResponse {
    fn from(fault: SignatureFault) -> Self {
        let code = match fault {
            SignatureFault::Expired { .. }
            | SignatureFault::Mismatch
            | SignatureFault::NotYetCurrent { .. } => "InvalidSignatureException",
            SignatureFault::Malformed(_) => "IncompleteSignatureException",
            SignatureFault::Missing => "MissingAuthenticationTokenException",
            SignatureFault::UnknownKey => "UnrecognizedClientException",
        };
        Self::new(400, code, &fault.to_string())
    }
}

impl<'a> Authorization<'a> {
    /// Takes the header apart; its form is checked, not its truth.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self, SignatureFault> {
        let header = headers.get(hyper::header::AUTHORIZATION).ok_or(SignatureFault::Missing)?;
        let text = header.to_str().map_err(|_| SignatureFault::Malformed("not ASCII"))?;
        let fields = text
            .strip_prefix(ALGORITHM)
            .ok_or(SignatureFault::Malformed("the algorithm is not AWS4-HMAC-SHA256"))?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in fields.split(',') {
            match field.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => return Err(SignatureFault::Malformed("unknown part")),
            }
        }
        let credential = credential.ok_or(SignatureFault::Malformed("no Credential"))?;
        let signed_headers = signed_headers.ok_or(SignatureFault::Malformed("no SignedHeaders"))?;
        let signature = signature.ok_or(SignatureFault::Malformed("no Signature"))?;
        if signature.len() != SIGNATURE_CHARS || !signature.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(SignatureFault::Malformed("the Signature is not 64 hexadecimal digits"));
        }
        // An access key id may not contain a slash, so the scope is what follows the first.
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
            return Err(SignatureFault::Malformed("the Credential is not a key and a scope"));
        };
        Ok(Self { access_key_id, date, region, service, signed_headers, signature })
    }

    /// Whether `request` was signed with `keys`, near `now`.
    pub(super) fn verify(
        &self,
        request: &SignedRequest<'_>,
        keys: &SigningKeys,
        now: Timestamp,
    ) -> Result<(), SignatureFault> {
        if self.access_key_id != keys.access_key_id {
            return Err(SignatureFault::UnknownKey);
        }
        let date_header = request.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
        let date_header = date_header.ok_or(SignatureFault::Malformed("no x-amz-date"))?;
        let signed_at = DateTime::strptime(DATE_FORMAT, date_header)
            .and_then(|date| date.to_zoned(TimeZone::UTC))
            .map_err(|_| SignatureFault::Malformed("x-amz-date is not a valid date"))?
            .timestamp();
        check_skew(signed_at, now)?;
        if !date_header.starts_with(self.date) {
            return Err(SignatureFault::Malformed("the scope and x-amz-date differ"));
        }
        if !self.signed_headers.split(';').any(|name| name == "host") {
            return Err(SignatureFault::Malformed("the host header is not signed"));
        }
        let canonical = canonical_request(request, self.signed_headers);
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let hash = hex_sha256(canonical.as_bytes());
        let to_sign = format!("{ALGORITHM}\n{date_header}\n{scope}\n{hash}");
        let key = generate_signing_key(
            &keys.secret_access_key,
            signed_at.into(),
            self.region,
            self.service,
        );
        if calculate_signature(key, to_sign.as_bytes()) == self.signature {
            Ok(())
        } else {
            Err(SignatureFault::Mismatch)
        }
    }
}

fn check_skew(signed_at: Timestamp, now: Timestamp) -> Result<(), SignatureFault> {
    let skew = signed_at.duration_since(now);
    let skew_max = SignedDuration::from_mins(SKEW_MINUTES_MAX);
    let text = |at: Timestamp| at.strftime(DATE_FORMAT).to_string();
    let (signed, now_text) = (text(signed_at), text(now));
    if skew < -skew_max {
        let bound = text(now.saturating_sub(skew_max).unwrap_or(now));
        return Err(SignatureFault::Expired { signed, bound, now: now_text });
    }
    if skew > skew_max {
        let bound = text(now.saturating_add(skew_max).unwrap_or(now));
        return Err(SignatureFault::NotYetCurrent { signed, bound, now: now_text });
    }
    Ok(())
}

fn canonical_request(request: &SignedRequest<'_>, signed_headers: &str) -> String {
    let mut canonical = String::with_capacity(512);
    for line in [
        request.method,
        &canonical_path(request.path),
        &canonical_query(request.query),
        &canonical_headers(request.headers, signed_headers),
        signed_headers,
        &hex_sha256(request.body),
    ] {
        canonical.push_str(line);
        canonical.push('\n');
    }
    // Each part ends its line but the last.
    canonical.pop();
    canonical
}

/// All services but S3 encode the path, which is already encoded, once more.
fn canonical_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            plain if plain.is_ascii_alphanumeric() => encoded.push(char::from(plain)),
            other => push_percent(&mut encoded, other),
        }
    }
    if encoded.is_empty() { "/".to_owned() } else { encoded }
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    pairs.sort();
    pairs.join("&")
}

fn canonical_headers(headers: &HeaderMap, signed_headers: &str) -> String {
    let mut lines = String::new();
    for name in signed_headers.split(';') {
        let values: Vec<String> = headers
            .get_all(name)
            .iter()
            .map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes());
                text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        lines.push_str(name);
        lines.push(':');
        lines.push_str(&values.join(","));
        lines.push('\n');
    }
    lines
}

fn push_percent(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from(DIGITS[usize::from(digit)]));
    }
}

fn hex_sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
    }
    hex
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    const BODY: &[u8] = b"{\"StreamName\":\"s\"}";

    fn keys() -> SigningKeys {
        SigningKeys { access_key_id: "AKID".to_owned(), secret_access_key: "secret".to_owned() }
    }

    fn now() -> Timestamp {
        "2026-11-20T21:00:00Z".parse().unwrap()
    }

    /// Headers of a request that the SDK's own signer signed at [`now`].
    fn signed(path_and_query: &str) -> HeaderMap {
        let identity =
            aws_credential_types::Credentials::new("AKID", "secret", None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("kinesis")
            .time(SystemTime::from(now()))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let plain = [("host", "127.0.0.1:1"), ("x-amz-target", "Kinesis_20131202.PutRecords")];
        let uri = format!("http://127.0.0.1:1{path_and_query}");
        let body = SignableBody::Bytes(BODY);
        let request = SignableRequest::new("POST", uri, plain.into_iter(), body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let added = instructions.headers();
        let all = plain.into_iter().chain(added);
        all.map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect()
    }

    fn verify(headers: &HeaderMap, body: &[u8], at: Timestamp) -> Result<(), SignatureFault> {
        verify_path(headers, "/", "", body, at)
    }

    fn verify_path(
        headers: &HeaderMap,
        path: &str,
        query: &str,
        body: &[u8],
        at: Timestamp,
    ) -> Result<(), SignatureFault> {
        let request = SignedRequest { method: "POST", path, query, headers, body };
        Authorization::of(headers)?.verify(&request, &keys(), at)
    }

    fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }

    #[test]
    fn what_the_sdk_signs_is_believed() {
        assert_eq!(verify(&signed("/"), BODY, now()), Ok(()));
        let path = "/a%20b/c+d";
        let headers = signed("/a%20b/c+d?b=2&a=1&c");
        assert_eq!(verify_path(&headers, path, "b=2&a=1&c", BODY, now()), Ok(()));
    }

    #[test]
    fn every_signed_part_is_covered() {
        let good = signed("/");
        assert_eq!(verify(&good, b"{}", now()), Err(SignatureFault::Mismatch));
        assert_eq!(verify_path(&good, "/x", "", BODY, now()), Err(SignatureFault::Mismatch));
        let mut other_target = good.clone();
        set(&mut other_target, "x-amz-target", "Kinesis_20131202.DeleteStream");
        assert_eq!(verify(&other_target, BODY, now()), Err(SignatureFault::Mismatch));
        let mut other_date = good;
        set(&mut other_date, "x-amz-date", "20261120T210001Z");
        assert_eq!(verify(&other_date, BODY, now()), Err(SignatureFault::Mismatch));
    }

    #[test]
    fn clocks_may_differ_by_five_minutes() {
        let headers = signed("/");
        let at = |text: &str| verify(&headers, BODY, text.parse().unwrap());
        assert_eq!(at("2026-11-20T21:05:00Z"), Ok(()));
        assert_eq!(at("2026-11-20T20:55:00Z"), Ok(()));
        let late = at("2026-11-20T21:05:01Z").unwrap_err();
        assert_eq!(
            late.to_string(),
            "Signature expired: 20261120T210000Z is now earlier than 20261120T210001Z \
             (20261120T210501Z - 5 min.)"
        );
        let early = at("2026-11-20T20:54:59Z").unwrap_err();
        assert!(matches!(early, SignatureFault::NotYetCurrent { .. }), "{early}");
        assert_eq!(ErrorResponse::from(early).code, "InvalidSignatureException");
    }

    #[test]
    fn another_key_is_unknown() {
        let mut headers = signed("/");
        let text = headers["authorization"].to_str().unwrap().replace("AKID", "OTHER");
        set(&mut headers, "authorization", &text);
        let fault = verify(&headers, BODY, now()).unwrap_err();
        assert_eq!(ErrorResponse::from(fault).code, "UnrecognizedClientException");
    }

    #[test]
    fn headers_that_are_missing_or_mangled_have_their_own_codes() {
        let code = |change: &dyn Fn(&mut HeaderMap)| {
            let mut headers = signed("/");
            change(&mut headers);
            ErrorResponse::from(verify(&headers, BODY, now()).unwrap_err()).code
        };
        let edit = |from: &'static str, to: &'static str| {
            move |headers: &mut HeaderMap| {
                let text = headers["authorization"].to_str().unwrap().replace(from, to);
                set(headers, "authorization", &text);
            }
        };
        let missing = code(&|headers| {
            headers.remove("authorization");
        });
        assert_eq!(missing, "MissingAuthenticationTokenException");
        let no_date = code(&|headers| {
            headers.remove("x-amz-date");
        });
        assert_eq!(no_date, "IncompleteSignatureException");
        for (from, to) in [
            (ALGORITHM, "AWS5"),
            ("Credential=", "Credentials="),
            ("aws4_request", "aws4"),
            ("Signature=", "Signature=zz"),
            ("SignedHeaders=host;", "SignedHeaders="),
            ("/20261120/", "/20261119/"),
        ] {
            assert_eq!(code(&edit(from, to)), "IncompleteSignatureException", "{from} → {to}");
        }
    }
}

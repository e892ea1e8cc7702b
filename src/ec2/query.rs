//! One call of EC2's query API: signed, sent, answered, over the parts that the SDK is made of.
//!
//! The whole EC2 crate of the SDK would take minutes to build for this one call.

use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, Limited};

use kinetail_base::shown::with_causes;

use super::METADATA_TIMEOUT;
use super::error::Ec2Error;

/// The version of the API ("Amazon EC2 API Reference").
const VERSION: &str = "2016-11-15";

/// More than fifty tags of the maximum length take.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Of an response that says no, this much is told.
const REASON_CHARS_MAX: usize = 200;

/// A call.
#[derive(Debug)]
pub(super) struct Query<'q> {
    /// `None` for the region's own.
    pub(super) endpoint: Option<&'q str>,
    pub(super) region: &'q str,
    pub(super) action: &'q str,
    pub(super) parameters: &'q [(&'q str, &'q str)],
}

impl Query<'_> {
    /// Sends it and gives the body of a good response.
    pub(super) async fn send(
        &self,
        credentials: &SharedCredentialsProvider,
    ) -> Result<String, Ec2Error> {
        let request = self.signed(credentials).await?;
        let settings = HttpConnectorSettings::builder().connect_timeout(METADATA_TIMEOUT).build();
        let connector = aws_smithy_http_client::default_connector(&settings, None)
            .ok_or_else(|| Ec2Error::Request("the SDK has no HTTP client".to_owned()))?;
        let response = connector.call(request).await;
        let mut response = response.map_err(|error| Ec2Error::Request(with_causes(&error)))?;
        let status = response.status();
        let body = Limited::new(response.take_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| Ec2Error::Request(error.to_string()))?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            return Ok(text);
        }
        Err(Ec2Error::Refused { status: status.as_u16(), reason: reason_in(&text) })
    }

    async fn signed(&self, credentials: &SharedCredentialsProvider) -> Result<Request, Ec2Error> {
        let credentials = credentials.provide_credentials().await;
        let credentials =
            credentials.map_err(|error| Ec2Error::Credentials(with_causes(&error)))?;
        let failed = |error: &dyn std::error::Error| Ec2Error::Request(with_causes(error));
        let body = self.body();
        let mut request = Request::new(SdkBody::empty());
        request.set_method("POST").map_err(|error| failed(&error))?;
        request.set_uri(self.url()).map_err(|error| failed(&error))?;
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        request.headers_mut().insert("content-type", content_type);
        request.headers_mut().insert("content-length", body.len().to_string());
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("ec2")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let headers = request.headers().iter();
        let signable = SignableRequest::new(
            "POST",
            request.uri(),
            headers,
            SignableBody::Bytes(body.as_bytes()),
        )
        .map_err(|error| failed(&error))?;
        let signed = sign(signable, &params).map_err(|error| failed(&error))?;
        let (instructions, _) = signed.into_parts();
        for (name, value) in instructions.headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        *request.body_mut() = SdkBody::from(body);
        Ok(request)
    }

    /// The endpoint of EC2 in the region ("Amazon EC2 endpoints" in the general reference).
    fn url(&self) -> String {
        match self.endpoint {
            Some(endpoint) => format!("{}/", endpoint.trim_end_matches('/')),
            None if self.region.starts_with("cn-") => {
                format!("https://ec2.{}.amazonaws.com.cn/", self.region)
            }
            None => format!("https://ec2.{}.amazonaws.com/", self.region),
        }
    }

    fn body(&self) -> String {
        let own = [("Action", self.action), ("Version", VERSION)];
        let pairs = own.iter().chain(self.parameters).map(|(name, value)| {
            let value = value.bytes().map(encoded).collect::<String>();
            format!("{name}={value}")
        });
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// A byte of a form's value.
fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// `<Code>` and `<Message>` of an error, or the beginning of whatever came.
fn reason_in(response: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = response.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    let text = match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => response.to_owned(),
    };
    text.chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query<'q>(endpoint: Option<&'q str>, region: &'q str) -> Query<'q> {
        Query { endpoint, region, action: "A", parameters: &[("b", "c d&\u{E9}")] }
    }

    #[test]
    fn the_endpoint_is_the_regions_own_unless_one_is_given() {
        for (endpoint, region, want) in [
            (None, "eu-west-1", "https://ec2.eu-west-1.amazonaws.com/"),
            (None, "cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn/"),
            (Some("http://127.0.0.1:1/"), "x", "http://127.0.0.1:1/"),
        ] {
            assert_eq!(query(endpoint, region).url(), want);
        }
    }

    #[test]
    fn values_are_encoded() {
        let body = query(None, "x").body();
        assert_eq!(body, "Action=A&Version=2016-11-15&b=c%20d%26%C3%A9");
    }

    #[test]
    fn the_reason_is_the_code_if_there_is_one() {
        let response = "<Response><Errors><Error><Code>UnauthorizedOperation</Code>\
                      <Message>You may not</Message></Error></Errors></Response>";
        assert_eq!(reason_in(response), "UnauthorizedOperation: You may not");
        assert_eq!(reason_in("<Code>X</Code>"), "X");
        assert_eq!(reason_in(&"y".repeat(300)).len(), REASON_CHARS_MAX);
    }
}

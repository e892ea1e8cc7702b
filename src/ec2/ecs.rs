//! What is known about the task of ECS that this is a container of, from the container agent ("Task
//! metadata available for Amazon ECS tasks" in the developer guide).

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, Limited};
use tokio::time::timeout;

use kinetail_base::shown::with_causes;

use super::METADATA_TIMEOUT;
use super::error::Ec2Error;
use crate::process::JsonValue;

/// The variable in which the container agent tells where it is.
pub(super) const ADDRESS_VARIABLE: &str = "ECS_CONTAINER_METADATA_URI_V4";

/// One call. The agent is on the same machine, but asks others for some of it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A task of many containers takes less.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

/// The members of the response, and what they are called in a template.
const MEMBERS: [(&str, &str); 6] = [
    ("Cluster", "cluster"),
    ("TaskARN", "taskArn"),
    ("Family", "family"),
    ("Revision", "revision"),
    ("AvailabilityZone", "availabilityZone"),
    ("LaunchType", "launchType"),
];

/// What is known about the task, as an object.
pub(super) async fn task(address: Option<&str>) -> Result<JsonValue, Ec2Error> {
    let address = address.ok_or(Ec2Error::NoContainerAgent(ADDRESS_VARIABLE))?;
    let address = format!("{}/task", address.trim_end_matches('/'));
    let response = timeout(TIMEOUT, get(&address));
    let failed = || Ec2Error::ContainerAgent(format!("no response within {TIMEOUT:?}"));
    let text = response.await.map_err(|_| failed())??;
    let text: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|error| Ec2Error::ContainerAgent(error.to_string()))?;
    let mut members = Vec::new();
    for (from, to) in MEMBERS {
        if let Some(value) = text.get(from).and_then(serde_json::Value::as_str) {
            members.push((to.to_owned(), JsonValue::String(value.to_owned())));
            if let Some((_, id)) = value.rsplit_once('/').filter(|_| to == "taskArn") {
                members.push(("taskId".to_owned(), JsonValue::String(id.to_owned())));
            }
        }
    }
    Ok(JsonValue::Object(members))
}

async fn get(address: &str) -> Result<Vec<u8>, Ec2Error> {
    let failed = |error: &dyn std::error::Error| Ec2Error::ContainerAgent(with_causes(error));
    let mut request = Request::new(SdkBody::empty());
    request.set_uri(address).map_err(|error| failed(&error))?;
    let settings = HttpConnectorSettings::builder().connect_timeout(METADATA_TIMEOUT).build();
    let connector = aws_smithy_http_client::default_connector(&settings, None)
        .ok_or_else(|| Ec2Error::ContainerAgent("the SDK has no HTTP client".to_owned()))?;
    let mut response = connector.call(request).await.map_err(|error| failed(&error))?;
    let status = response.status();
    let body = Limited::new(response.take_body(), RESPONSE_BYTES_MAX).collect().await;
    let body = body.map_err(|error| Ec2Error::ContainerAgent(error.to_string()))?.to_bytes();
    if !status.is_success() {
        return Err(Ec2Error::ContainerAgent(format!("status {}", status.as_u16())));
    }
    Ok(body.to_vec())
}

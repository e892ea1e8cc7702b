//! What is known about the EC2 instance that this runs on, for ADDEC2METADATA.
//!
//! The identity document comes from the instance metadata service (version 2, with tokens), the
//! tags from EC2's `DescribeTags`, as in the Java agent. A task of the daemon asks now and then
//! and hands the answer to the converters; records never wait for it. Nothing here knows flows
//! or records, and no failure here reaches them.

mod error;
mod machine;
mod query;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::{Region, imds};
use aws_credential_types::provider::SharedCredentialsProvider;
use jiff::Zoned;
use tokio::time::{sleep, timeout};

pub use self::error::Ec2Error;
pub use self::machine::MachineFacts;
use crate::process::{ConverterConfig, Facts, JsonValue};

/// Path of the identity document ("Instance identity documents" in the EC2 user guide).
const DOCUMENT_PATH: &str = "/latest/dynamic/instance-identity/document";

/// One call to the metadata service. It is one hop away.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// One call to EC2, with resolving credentials.
const TAGS_TIMEOUT: Duration = Duration::from_secs(10);

/// After a failure the next attempt comes this much later at the latest.
const RETRY_AFTER: Duration = Duration::from_mins(5);

/// The members of the identity document and what they are called in a record.
const DOCUMENT_MEMBERS: [(&str, &str); 7] = [
    ("privateIp", "privateIp"),
    ("availabilityZone", "availabilityZone"),
    ("instanceId", "instanceId"),
    ("instanceType", "instanceType"),
    ("accountId", "accountId"),
    ("imageId", "amiId"),
    ("region", "region"),
];

/// Where facts about the machine come from.
#[derive(Debug)]
pub struct Sources {
    imds: imds::Client,
    /// `None` for the SDK's default chain.
    credentials: Option<SharedCredentialsProvider>,
    /// `None` for the region's own endpoint.
    ec2_endpoint: Option<String>,
    /// Somebody does not want the metadata service to be asked.
    disabled: bool,
    tags: Option<JsonValue>,
}

/// How old facts may become that a chain writes; `None` if it writes none.
#[must_use]
pub fn time_to_live(converters: &[ConverterConfig]) -> Option<Duration> {
    let lives = converters.iter().filter_map(|converter| match converter {
        ConverterConfig::AddEc2Metadata { time_to_live, .. } => Some(*time_to_live),
        ConverterConfig::Step(config) => config.step.facts_live(),
        ConverterConfig::AddBrackets
        | ConverterConfig::AddMetadata { .. }
        | ConverterConfig::CsvToJson { .. }
        | ConverterConfig::LogToJson { .. }
        | ConverterConfig::SendRaw { .. }
        | ConverterConfig::SingleLine { .. } => None,
    });
    lives.min()
}

/// Finds out and tells, again and again.
pub async fn keep_fresh(mut sources: Sources, machine: MachineFacts, time_to_live: Duration) {
    loop {
        let (facts, errors) = sources.collect().await;
        for error in &errors {
            // In the Java agent's words.
            tracing::warn!("Error while updating EC2 metadata - {error}, ignoring");
        }
        machine.tell(facts);
        let failed = !errors.is_empty();
        sleep(if failed { time_to_live.min(RETRY_AFTER) } else { time_to_live }).await;
    }
}

impl Sources {
    /// The sources that the environment names, as it does for every AWS program:
    /// `AWS_EC2_METADATA_SERVICE_ENDPOINT`, `AWS_EC2_METADATA_DISABLED`, `AWS_ENDPOINT_URL_EC2`,
    /// `AWS_ENDPOINT_URL`, and what the default credential chain reads.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let disabled = variable("AWS_EC2_METADATA_DISABLED");
        Self {
            imds: metadata_service().build(),
            credentials: None,
            ec2_endpoint: variable("AWS_ENDPOINT_URL_EC2").or_else(|| variable("AWS_ENDPOINT_URL")),
            disabled: disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")),
            tags: None,
        }
    }

    /// What can be found out, and what went wrong.
    async fn collect(&mut self) -> (Option<Facts>, Vec<Ec2Error>) {
        let mut members = match self.document().await {
            Ok(members) => members,
            Err(error) => return (None, vec![error]),
        };
        let text = |key: &str| match members.iter().find(|(known, _)| known == key) {
            Some((_, JsonValue::String(text))) => text.clone(),
            _ => String::new(),
        };
        let (region, instance) = (text("region"), text("instanceId"));
        let time = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%z").to_string();
        members.push(("metadataTimestamp".to_owned(), JsonValue::String(time)));
        let mut errors = Vec::new();
        match self.describe_tags(&region, &instance).await {
            Ok(tags) => self.tags = Some(tags),
            Err(error) => errors.push(error),
        }
        // Tags seldom change: those of the last time are better than none.
        members.extend(self.tags.clone().map(|tags| ("tags".to_owned(), tags)));
        (Some(Arc::new(members)), errors)
    }

    async fn document(&self) -> Result<Vec<(String, JsonValue)>, Ec2Error> {
        if self.disabled {
            return Err(Ec2Error::Disabled);
        }
        let document = self.imds.get(DOCUMENT_PATH).await;
        let document = document.map_err(|error| Ec2Error::Metadata(chain_of(&error)))?;
        let document: serde_json::Value = serde_json::from_str(document.as_ref())
            .map_err(|error| Ec2Error::Document(error.to_string()))?;
        let member = |(from, to): &(&str, &str)| {
            let text = document.get(from).and_then(serde_json::Value::as_str);
            let value = text.map_or(JsonValue::Null, |text| JsonValue::String(text.to_owned()));
            ((*to).to_owned(), value)
        };
        Ok(DOCUMENT_MEMBERS.iter().map(member).collect())
    }

    async fn describe_tags(&self, region: &str, instance: &str) -> Result<JsonValue, Ec2Error> {
        let asked = timeout(TAGS_TIMEOUT, async {
            let credentials = match &self.credentials {
                Some(credentials) => credentials.clone(),
                None => default_credentials(region).await,
            };
            let query = query::Query {
                endpoint: self.ec2_endpoint.as_deref(),
                region,
                action: "DescribeTags",
                // An instance has fifty tags at most, so there is one page.
                parameters: &[
                    ("Filter.1.Name", "resource-id"),
                    ("Filter.1.Value.1", instance),
                    ("MaxResults", "1000"),
                ],
            };
            tags::parse(&query.send(&credentials).await?)
        });
        asked.await.unwrap_or(Err(Ec2Error::Timeout(TAGS_TIMEOUT)))
    }
}

fn metadata_service() -> imds::client::Builder {
    imds::Client::builder()
        .max_attempts(2)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .operation_attempt_timeout(METADATA_TIMEOUT)
}

async fn default_credentials(region: &str) -> SharedCredentialsProvider {
    let region = Region::new(region.to_owned());
    let chain = DefaultCredentialsChain::builder().region(region).build().await;
    SharedCredentialsProvider::new(chain)
}

/// An error with everything that it says was behind it.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

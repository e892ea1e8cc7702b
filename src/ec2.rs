//! What is known about the EC2 instance and the task of ECS that this runs on, for ADDEC2METADATA
//! and the templates of ADDFIELDS.
//!
//! The identity document comes from the instance metadata service (version 2, with tokens), the
//! tags from EC2's `DescribeTags`, as in the Java agent. The task comes from the container agent of
//! ECS. A task of the daemon asks now and then
//! and hands the answer to the converters; records never wait for it. Nothing here knows flows
//! or records, and no failure here reaches them.

mod ecs;
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
use kinetail_base::shown::with_causes;
use tokio::time::{sleep, timeout};

pub use self::error::Ec2Error;
pub use self::machine::MachineFacts;
use crate::process::steps::Uses;
use crate::process::{ConverterConfig, ECS, Facts, JsonValue};

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
    /// Where the container agent of ECS is, if there is one.
    container_agent: Option<String>,
    uses: Uses,
    tags: Option<JsonValue>,
    /// What was known of the instance the last time.
    instance: Option<Vec<(String, JsonValue)>>,
}

/// Templates of ADDFIELDS ask again for what is this old.
const FACTS_LIVE: Duration = Duration::from_hours(1);

/// What chains write of the machine, and how old it may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    uses: Uses,
    time_to_live: Duration,
}

/// What some chains need; `None` if it is nothing.
#[must_use]
pub fn needs<'c>(converters: impl IntoIterator<Item = &'c ConverterConfig>) -> Option<Needs> {
    let of = |converter: &ConverterConfig| match converter {
        ConverterConfig::AddEc2Metadata { time_to_live, .. } => {
            Some((Uses { ec2: true, ecs: false }, *time_to_live))
        }
        ConverterConfig::Step(config) => Some((config.step.uses(), FACTS_LIVE)),
        ConverterConfig::AddBrackets
        | ConverterConfig::AddMetadata { .. }
        | ConverterConfig::CsvToJson { .. }
        | ConverterConfig::LogToJson { .. }
        | ConverterConfig::SendRaw { .. }
        | ConverterConfig::SingleLine { .. } => None,
    };
    let all = converters.into_iter().filter_map(of).filter(|(uses, _)| uses.ec2 || uses.ecs);
    let needs = all.map(|(uses, time_to_live)| Needs { uses, time_to_live });
    needs.reduce(|one, other| Needs {
        uses: Uses { ec2: one.uses.ec2 || other.uses.ec2, ecs: one.uses.ecs || other.uses.ecs },
        time_to_live: one.time_to_live.min(other.time_to_live),
    })
}

/// Finds out and tells, again and again.
pub(crate) async fn keep_fresh(mut sources: Sources, machine: MachineFacts, needs: Needs) {
    let time_to_live = needs.time_to_live;
    sources.uses = needs.uses;
    loop {
        let (facts, errors) = sources.collect().await;
        for error in &errors {
            // In the Java agent's words.
            tracing::warn!(name: "ec2_metadata_failed",
                "Error while updating EC2 metadata - {error}, ignoring");
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
    pub(crate) fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let disabled = variable("AWS_EC2_METADATA_DISABLED");
        Self {
            imds: metadata_service().build(),
            credentials: None,
            ec2_endpoint: variable("AWS_ENDPOINT_URL_EC2").or_else(|| variable("AWS_ENDPOINT_URL")),
            disabled: disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")),
            container_agent: variable(ecs::ADDRESS_VARIABLE),
            uses: Uses::default(),
            tags: None,
            instance: None,
        }
    }

    /// What can be found out, and what went wrong.
    async fn collect(&mut self) -> (Option<Facts>, Vec<Ec2Error>) {
        let mut errors = Vec::new();
        let mut members = Vec::new();
        if self.uses.ec2 {
            match self.instance(&mut errors).await {
                Ok(instance) => self.instance = Some(instance),
                Err(error) => errors.push(error),
            }
            members.extend(self.instance.clone().unwrap_or_default());
        }
        if self.uses.ecs {
            match ecs::task(self.container_agent.as_deref()).await {
                Ok(task) => members.push((ECS.to_owned(), task)),
                Err(error) => errors.push(error),
            }
        }
        ((!members.is_empty()).then(|| Arc::new(members)), errors)
    }

    async fn instance(
        &mut self,
        errors: &mut Vec<Ec2Error>,
    ) -> Result<Vec<(String, JsonValue)>, Ec2Error> {
        let mut members = self.document().await?;
        let text = |key: &str| match members.iter().find(|(known, _)| known == key) {
            Some((_, JsonValue::String(text))) => text.clone(),
            _ => String::new(),
        };
        let (region, instance) = (text("region"), text("instanceId"));
        let time = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%z").to_string();
        members.push(("metadataTimestamp".to_owned(), JsonValue::String(time)));
        match self.describe_tags(&region, &instance).await {
            Ok(tags) => self.tags = Some(tags),
            Err(error) => errors.push(error),
        }
        // Tags seldom change: those of the last time are better than none.
        members.extend(self.tags.clone().map(|tags| ("tags".to_owned(), tags)));
        Ok(members)
    }

    async fn document(&self) -> Result<Vec<(String, JsonValue)>, Ec2Error> {
        if self.disabled {
            return Err(Ec2Error::Disabled);
        }
        let document = self.imds.get(DOCUMENT_PATH).await;
        let document = document.map_err(|error| Ec2Error::Metadata(with_causes(&error)))?;
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

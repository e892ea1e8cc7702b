//! Where the requests of a flow go, and as whom: what a person needs to know of a failure. What the
//! SDK works out for each call is asked of its own resolvers.

use std::path::Path;

use super::super::origin;
use super::{Aws, REGION_DEFAULT};
use crate::config::FlowAwsConfig;
use crate::config::site::{Service, Site};
use crate::metrics::destination::Place;

impl Aws {
    /// Where the requests of a flow go, and as whom: what a person needs to know of a failure.
    pub async fn place(&self, service: Service, flow: &FlowAwsConfig) -> Place {
        let site = Site::of(service, &self.config, flow);
        let region = match (site.region, service) {
            (Some((name, _)), _) => name.to_owned(),
            (None, Service::Firehose) => REGION_DEFAULT.to_owned(),
            (None, Service::CloudWatch | Service::Kinesis) => {
                let region = self.region(&site).await;
                region.map_or_else(|| REGION_DEFAULT.to_owned(), |region| region.to_string())
            }
        };
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let own = format!("AWS_ENDPOINT_URL_{}", service.name().to_uppercase());
        let url = match site.endpoint.map(str::to_owned).or_else(|| set(&own)) {
            Some(url) => url,
            None => match self.shared.endpoint_url() {
                Some(url) => url.to_owned(),
                None => self.endpoint_of_aws(service, &region).await,
            },
        };
        Place {
            endpoint: origin::with_port(&url),
            credentials: origin::credentials_of(&self.config, flow, set, Path::is_file),
            region,
        }
    }

    /// Where AWS has a service in a region.
    async fn endpoint_of_aws(&self, service: Service, region: &str) -> String {
        use aws_sdk_firehose::config::endpoint as firehose;
        use aws_sdk_firehose::config::endpoint::ResolveEndpoint as _;
        use aws_sdk_kinesis::config::endpoint as kinesis;
        use aws_sdk_kinesis::config::endpoint::ResolveEndpoint as _;

        let (fips, dual_stack) = (self.shared.use_fips(), self.shared.use_dual_stack());
        let resolved = match service {
            Service::Firehose => {
                let params = firehose::Params::builder().region(region);
                match params.set_use_fips(fips).set_use_dual_stack(dual_stack).build() {
                    Ok(params) => {
                        firehose::DefaultResolver::new().resolve_endpoint(&params).await.ok()
                    }
                    Err(_) => None,
                }
            }
            Service::CloudWatch | Service::Kinesis => {
                let params = kinesis::Params::builder().region(region);
                match params.set_use_fips(fips).set_use_dual_stack(dual_stack).build() {
                    Ok(params) => {
                        kinesis::DefaultResolver::new().resolve_endpoint(&params).await.ok()
                    }
                    Err(_) => None,
                }
            }
        };
        let unknown = || format!("https://{}.{region}", service.name().to_lowercase());
        resolved.map_or_else(unknown, |endpoint| endpoint.url().to_owned())
    }
}

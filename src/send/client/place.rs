//! Where the requests of a flow go, and with which identity: what a person needs to know of a
//! failure. What the SDK works out for each call is asked of its own resolvers.

use std::path::Path;

use super::super::{ambient, origin, wire};
use super::{Aws, REGION_DEFAULT};
use crate::config::FlowAwsConfig;
use crate::config::site::{Service, Site};
use crate::metrics::destination::Place;

impl Aws {
    /// Where the requests of a flow go, and with which identity: what a person needs to know of a
    /// failure.
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
        let unknown = || format!("https://{}.{region}", service.name().to_lowercase());
        let resolved = self.wire_site(service, flow, &region).resolve(None).await;
        let url = resolved.map_or_else(|_| unknown(), |endpoint| endpoint.url().to_owned());
        Place {
            endpoint: origin::with_port(&url),
            credentials: origin::credentials_of(&self.config, flow, set, Path::is_file),
            region,
        }
    }

    /// What the endpoint rules of a service are asked with for a flow: an endpoint of the
    /// configuration counts more than one of the environment or the profile.
    pub(super) fn wire_site(
        &self,
        service: Service,
        flow: &FlowAwsConfig,
        region: &str,
    ) -> wire::Site {
        let configured = Site::of(service, &self.config, flow);
        let set = configured.endpoint.map(str::to_owned);
        let found = || ambient::endpoint(&self.shared, service.name()).map(|found| found.url);
        let account_mode = self.shared.account_id_endpoint_mode();
        wire::Site {
            service,
            region: region.to_owned(),
            endpoint: set.or_else(found),
            fips: configured.fips.or_else(|| self.shared.use_fips()),
            dual_stack: configured.dual_stack.or_else(|| self.shared.use_dual_stack()),
            account_mode: Some(account_mode.cloned().unwrap_or_default().to_string()),
        }
    }
}

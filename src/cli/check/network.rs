//! How requests leave this host: FIPS and dual-stack endpoints, the proxy, the CA certificates.

use std::io::{self, Write};

use tokio::runtime::Runtime;

use super::endpoint;
use crate::config::site::{Service, Site};
use crate::config::{
    AwsConfig, Config, Diagnostic, FlowConfig, Kind, Place, Proxy, Severity, without_user,
};
use crate::send::ambient::Ambient;
use crate::send::client::REGION_DEFAULT;
use crate::send::http::{CaFile, ambient_proxies};
use crate::shown::{Escaped, shown};

/// How the regions begin in which AWS lists FIPS endpoints of Kinesis and Firehose ("FIPS endpoints
/// by service": the United States, `GovCloud` included, and Canada).
const FIPS_REGIONS: [&str; 2] = ["us-", "ca-"];

/// Shows the FIPS or dual-stack endpoint of a flow, if it uses one.
pub(super) fn describe_endpoint(
    runtime: &Runtime,
    config: &Config,
    (flow, place): (&FlowConfig, &Place),
    ambient: &Ambient,
    out: &mut dyn Write,
) -> io::Result<Option<Diagnostic>> {
    let service = super::service(&flow.destination);
    let site = Site::of(service, &config.aws, &flow.aws);
    let Some(variant) = Variant::of(&site, ambient) else { return Ok(None) };
    let Some(region) = region(service, &site, ambient) else { return Ok(None) };
    let set = endpoint::of(flow, &config.aws, ambient).map(|endpoint| endpoint.url);
    let resolving = ambient.resolve(service, &site, set, &region);
    match runtime.block_on(Box::pin(resolving)) {
        Ok(url) => {
            writeln!(out, "  endpoint: {} ({})", Escaped(&url), variant.source)?;
            Ok(variant.may_be_missing(&region).then(|| {
                let message = format!(
                    "AWS lists no FIPS endpoint of {} in {region}: {url} might not exist",
                    service.name()
                );
                Diagnostic::new(Severity::Warning, Kind::Invalid, place.clone(), message)
                    .helped("run `kinetail check --aws` to see whether it responds".to_owned())
            }))
        }
        Err(reason) => {
            let message = format!("no endpoint of {} in {region}: {reason}", service.name());
            Ok(Some(
                Diagnostic::new(Severity::Broken, Kind::Conflict, place.clone(), message)
                    .helped(format!("{} is set by {}", variant.name, variant.source)),
            ))
        }
    }
}

/// A kind of endpoint that is not the usual one.
struct Variant {
    name: &'static str,
    source: &'static str,
    fips: bool,
}

impl Variant {
    fn of(site: &Site<'_>, ambient: &Ambient) -> Option<Self> {
        let fips = ambient.fips(site) == Some(true);
        let dual_stack = ambient.dual_stack(site) == Some(true);
        let (name, source) = match (fips, dual_stack) {
            (true, _) if site.fips.is_some() => ("FIPS", "useFipsEndpoint"),
            (true, _) => ("FIPS", "AWS_USE_FIPS_ENDPOINT or the profile"),
            (false, true) if site.dual_stack.is_some() => ("dual-stack", "useDualStackEndpoint"),
            (false, true) => ("dual-stack", "AWS_USE_DUALSTACK_ENDPOINT or the profile"),
            (false, false) => return None,
        };
        Some(Self { name, source, fips })
    }

    fn may_be_missing(&self, region: &str) -> bool {
        self.fips && !FIPS_REGIONS.iter().any(|begin| region.starts_with(begin))
    }
}

/// The region, if it is known without asking the instance.
fn region(service: Service, site: &Site<'_>, ambient: &Ambient) -> Option<String> {
    if let Some((region, _)) = site.region {
        return Some(region.to_owned());
    }
    if service == Service::Firehose {
        return Some(REGION_DEFAULT.to_owned());
    }
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let named = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
    named.or_else(|| ambient.profile_region().map(str::to_owned))
}

/// Shows the proxy and the CA certificates. Gives how many things cannot work.
pub(super) fn describe(aws: &AwsConfig, out: &mut dyn Write) -> io::Result<usize> {
    match &aws.proxy {
        Proxy::Environment => {
            let proxies = ambient_proxies(|name| std::env::var(name).ok());
            for (name, url) in proxies {
                writeln!(out, "proxy: {} ({name})", Escaped(&url))?;
            }
        }
        Proxy::Off => writeln!(out, "proxy: none (proxy: off)")?,
        Proxy::Through(server) => {
            let except = server.except.as_deref().filter(|except| !except.is_empty());
            let except = except.map_or_else(String::new, |hosts| format!(", except for {hosts}"));
            let url = without_user(&server.url);
            writeln!(out, "proxy: {}{} (proxy)", Escaped(&url), Escaped(&except))?;
        }
    }
    let Some(file) = CaFile::of(aws) else { return Ok(0) };
    writeln!(out, "CA certificates: {} ({})", shown(&file.path), file.key)?;
    match file.examine() {
        Ok(()) => Ok(0),
        Err(error) => {
            writeln!(out, "  error: {}", Escaped(error))?;
            Ok(1)
        }
    }
}

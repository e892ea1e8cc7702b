//! Where the requests of a flow go, and what they are signed for: as the endpoint rules of the SDK
//! have it for the service, the region, FIPS, dual-stack and the account.

use aws_smithy_types::Document;
use aws_smithy_types::endpoint::Endpoint;
use hyper::Uri;
use hyper::http::uri::PathAndQuery;

use crate::config::site::Service;

/// The kind of operation that the rules of Kinesis are asked about.
const DATA_PLANE: &str = "data";

/// What the endpoint rules are asked with.
#[derive(Debug, Clone)]
pub(in crate::send) struct Site {
    pub(in crate::send) service: Service,
    pub(in crate::send) region: String,
    /// A configured endpoint; else it is the region's own.
    pub(in crate::send) endpoint: Option<String>,
    pub(in crate::send) fips: Option<bool>,
    pub(in crate::send) dual_stack: Option<bool>,
    /// Whether credentials that name their account are used at the account's own endpoint.
    pub(in crate::send) account_mode: Option<String>,
}

impl Site {
    /// Asks the rules of the service. Nothing goes over the network.
    pub(in crate::send) async fn resolve(&self, account: Option<&str>) -> Result<Endpoint, String> {
        use aws_sdk_firehose::config::endpoint as firehose;
        use aws_sdk_firehose::config::endpoint::ResolveEndpoint as _;
        use aws_sdk_kinesis::config::endpoint as kinesis;
        use aws_sdk_kinesis::config::endpoint::ResolveEndpoint as _;

        let resolved = match self.service {
            Service::Firehose => {
                let params = firehose::Params::builder()
                    .region(&self.region)
                    .set_use_fips(self.fips)
                    .set_use_dual_stack(self.dual_stack)
                    .set_endpoint(self.endpoint.clone())
                    .build();
                let params = params.map_err(|error| error.to_string())?;
                firehose::DefaultResolver::new().resolve_endpoint(&params).await
            }
            Service::CloudWatch | Service::Kinesis => {
                let params = kinesis::Params::builder()
                    .region(&self.region)
                    .set_use_fips(self.fips)
                    .set_use_dual_stack(self.dual_stack)
                    .set_endpoint(self.endpoint.clone())
                    .operation_type(DATA_PLANE)
                    .set_account_id(account.map(str::to_owned))
                    .set_account_id_endpoint_mode(self.account_mode.clone())
                    .build();
                let params = params.map_err(|error| error.to_string())?;
                kinesis::DefaultResolver::new().resolve_endpoint(&params).await
            }
        };
        resolved.map_err(|error| error.to_string())
    }

    /// The same, ready for requests.
    pub(super) async fn target(&self, account: Option<&str>) -> Result<Target, String> {
        Target::of(self, &self.resolve(account).await?)
    }
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) uri: Uri,
    /// The header `Host`: without a port that the scheme implies.
    pub(super) host: String,
    /// What is signed for.
    pub(super) region: String,
    pub(super) service: String,
}

impl Target {
    fn of(site: &Site, endpoint: &Endpoint) -> Result<Self, String> {
        let url = endpoint.url();
        let uri: Uri = url.parse().map_err(|error| format!("invalid URL {url}: {error}"))?;
        let host = uri.host().ok_or_else(|| format!("{url} has no host"))?;
        let is_default = matches!(
            (uri.scheme_str(), uri.port_u16()),
            (_, None) | (Some("http"), Some(80)) | (Some("https"), Some(443))
        );
        let host = match uri.port_u16() {
            Some(port) if !is_default => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        // As the SDK joins them: the path of the endpoint and that of the operation, which is `/`.
        let path = format!("{}/", uri.path().trim_end_matches('/'));
        let mut parts = uri.into_parts();
        let path: PathAndQuery = path.parse().map_err(|error| format!("{url}: {error}"))?;
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|error| format!("{url}: {error}"))?;
        let signed = |key| sigv4(endpoint)?.as_object()?.get(key)?.as_string();
        let service = match site.service {
            Service::Firehose => "firehose",
            Service::CloudWatch | Service::Kinesis => "kinesis",
        };
        Ok(Self {
            uri,
            host,
            region: signed("signingRegion").unwrap_or(&site.region).to_owned(),
            service: signed("signingName").unwrap_or(service).to_owned(),
        })
    }
}

/// What the rules say about the signature, if they do.
fn sigv4(endpoint: &Endpoint) -> Option<&Document> {
    let schemes = endpoint.properties().get("authSchemes")?.as_array()?;
    let name = |scheme: &Document| scheme.as_object()?.get("name")?.as_string().map(str::to_owned);
    schemes.iter().find(|scheme| name(scheme).as_deref() == Some("sigv4"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(service: Service) -> Site {
        Site {
            service,
            region: "us-west-2".to_owned(),
            endpoint: None,
            fips: None,
            dual_stack: None,
            account_mode: Some("preferred".to_owned()),
        }
    }

    async fn uri(site: &Site, account: Option<&str>) -> String {
        site.target(account).await.expect("there is an endpoint").uri.to_string()
    }

    #[tokio::test]
    async fn the_endpoint_is_the_one_of_the_rules() {
        let kinesis = site(Service::Kinesis);
        let firehose = site(Service::Firehose);
        assert_eq!(uri(&kinesis, None).await, "https://kinesis.us-west-2.amazonaws.com/");
        assert_eq!(uri(&firehose, None).await, "https://firehose.us-west-2.amazonaws.com/");
        let account = Some("012345678901");
        assert_eq!(
            uri(&kinesis, account).await,
            "https://012345678901.data-kinesis.us-west-2.amazonaws.com/"
        );
        assert_eq!(uri(&firehose, account).await, "https://firehose.us-west-2.amazonaws.com/");
        let china = Site { region: "cn-north-1".to_owned(), ..kinesis };
        assert_eq!(uri(&china, None).await, "https://kinesis.cn-north-1.amazonaws.com.cn/");
    }

    #[tokio::test]
    async fn fips_and_dual_stack_have_hosts_of_their_own() {
        for (service, fips, dual_stack, host) in [
            (Service::Kinesis, true, false, "kinesis-fips.us-west-2.amazonaws.com"),
            (Service::Kinesis, false, true, "kinesis.us-west-2.api.aws"),
            (Service::Kinesis, true, true, "kinesis-fips.us-west-2.api.aws"),
            (Service::Firehose, true, false, "firehose-fips.us-west-2.amazonaws.com"),
            (Service::Firehose, false, true, "firehose.us-west-2.api.aws"),
        ] {
            let (fips, dual_stack) = (Some(fips), Some(dual_stack));
            let site = Site { fips, dual_stack, ..site(service) };
            let target = site.target(None).await.expect("there is an endpoint");
            assert_eq!(target.host, host);
            assert_eq!(target.region, "us-west-2");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_is_set_counts_with_its_path_and_its_port() {
        for (url, uri, host) in [
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566/", "127.0.0.1:4566"),
            ("http://[::1]:80/a/b/", "http://[::1]:80/a/b/", "[::1]"),
            ("https://proxy:443/aws", "https://proxy:443/aws/", "proxy"),
            ("https://proxy:8443", "https://proxy:8443/", "proxy:8443"),
        ] {
            let endpoint = Some(url.to_owned());
            let site = Site { endpoint, ..site(Service::Kinesis) };
            let target = site.target(Some("012345678901")).await.expect("it is a URL");
            assert_eq!((target.uri.to_string().as_str(), target.host.as_str()), (uri, host));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_resolved_says_why() {
        let fips = Some(true);
        let endpoint = Some("http://127.0.0.1:1".to_owned());
        let site = Site { endpoint, fips, ..site(Service::Kinesis) };
        let error = site.target(None).await.expect_err("FIPS with an endpoint");
        assert!(error.contains("FIPS"), "{error}");
    }
}

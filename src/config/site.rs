//! Where a service is, from what the configuration says. Pure; asking the machine it runs on is
//! the part of `send::client`.
//!
//! What is nearest counts: the flow's own keys, then those of the service, then `region`. Within
//! each, a region that is spelt out counts more than the one in the host name of an endpoint.

use crate::config::{AwsConfig, FlowAwsConfig};

/// A service that is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon CloudWatch.
    CloudWatch,
    /// Amazon Data Firehose.
    Firehose,
    /// Amazon Kinesis Data Streams.
    Kinesis,
}

impl Service {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudWatch => "CloudWatch",
            Self::Firehose => "Firehose",
            Self::Kinesis => "Kinesis",
        }
    }

    /// The configuration key for its region.
    #[must_use]
    pub(crate) fn region_key(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch.region",
            Self::Firehose => "firehose.region",
            Self::Kinesis => "kinesis.region",
        }
    }

    /// The configuration key for its endpoint.
    #[must_use]
    pub(crate) fn endpoint_key(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch.endpoint",
            Self::Firehose => "firehose.endpoint",
            Self::Kinesis => "kinesis.endpoint",
        }
    }

    fn keys(self, config: &AwsConfig) -> (Option<&str>, Option<&str>) {
        let (region, endpoint) = match self {
            Self::CloudWatch => (&config.cloudwatch_region, &config.cloudwatch_endpoint),
            Self::Firehose => (&config.firehose_region, &config.firehose_endpoint),
            Self::Kinesis => (&config.kinesis_region, &config.kinesis_endpoint),
        };
        (region.as_deref(), endpoint.as_deref())
    }
}

/// Where a service is, as far as the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site<'c> {
    /// The region and the key that it comes from.
    pub region: Option<(&'c str, &'static str)>,
    /// The endpoint, an absolute URL; `None` is the region's own.
    pub endpoint: Option<&'c str>,
    /// Whether that is the one with validated cryptography, if the configuration says so.
    pub fips: Option<bool>,
    /// Whether that is the one with IPv6 as well, if the configuration says so.
    pub dual_stack: Option<bool>,
}

impl<'c> Site<'c> {
    /// For a flow, or for no flow if that says nothing.
    #[must_use]
    pub fn of(service: Service, config: &'c AwsConfig, flow: &'c FlowAwsConfig) -> Self {
        let (own_region, own_endpoint) = service.keys(config);
        let endpoint = match (flow.endpoint.as_deref(), flow.region.as_deref(), own_endpoint) {
            (Some(endpoint), _, _) => Some(endpoint),
            // An endpoint of AWS is of no use to a flow in another region.
            (None, Some(region), Some(url)) => {
                (from_endpoint(url).is_none_or(|there| there == region)).then_some(url)
            }
            (None, _, own) => own,
        };
        let from_flow_endpoint = || flow.endpoint.as_deref().and_then(from_endpoint);
        let from_own_endpoint = || own_endpoint.and_then(from_endpoint);
        let region = flow
            .region
            .as_deref()
            .map(|region| (region, "region of the flow"))
            .or_else(|| from_flow_endpoint().map(|region| (region, "endpoint of the flow")))
            .or_else(|| own_region.map(|region| (region, service.region_key())))
            .or_else(|| from_own_endpoint().map(|region| (region, service.endpoint_key())))
            .or_else(|| config.region.as_deref().map(|region| (region, "region")));
        Self {
            region,
            endpoint,
            fips: flow.fips.or(config.fips),
            dual_stack: flow.dual_stack.or(config.dual_stack),
        }
    }

    /// Whether requests go to something that is not AWS's own: an emulator, or a name that
    /// the configuration gave to an endpoint.
    #[must_use]
    pub(crate) fn is_custom(&self) -> bool {
        self.endpoint.is_some_and(|url| !is_aws(url))
    }
}

/// The host of an absolute URL, without user, port and brackets.
#[must_use]
pub fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_port = authority.rsplit('@').next().unwrap_or_default();
    match host_port.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => host_port.split(':').next().unwrap_or_default(),
    }
}

/// Whether the URL points to AWS itself rather than to an emulator.
#[must_use]
pub(crate) fn is_aws(url: &str) -> bool {
    const DOMAINS: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws"];
    let host = host(url);
    DOMAINS.iter().any(|domain| host.ends_with(domain))
}

/// Whether the URL is one of AWS's own endpoints of this very service. What is not may be anything:
/// an emulator runs behind a load balancer's name, too.
#[must_use]
pub(crate) fn is_endpoint_of(url: &str, service: Service) -> bool {
    is_aws(url) && named_service(url).is_some_and(|named| named == service.name())
}

/// The service whose name is a part of the host name of one of AWS's own endpoints.
#[must_use]
pub(crate) fn named_service(url: &str) -> Option<&'static str> {
    const LABELS: &[(&str, &str)] = &[
        ("kinesis", "Kinesis"),
        ("data-kinesis", "Kinesis"),
        ("control-kinesis", "Kinesis"),
        ("firehose", "Firehose"),
        ("monitoring", "CloudWatch"),
        ("sts", "STS"),
        ("logs", "CloudWatch Logs"),
        ("s3", "S3"),
        ("sqs", "SQS"),
        ("sns", "SNS"),
        ("dynamodb", "DynamoDB"),
        ("ec2", "EC2"),
        ("kinesisanalytics", "Managed Service for Apache Flink"),
        ("kinesisvideo", "Kinesis Video Streams"),
    ];
    let labels = is_aws(url).then(|| host(url).split('.')).into_iter().flatten();
    let mut plain = labels.map(|label| label.strip_suffix("-fips").unwrap_or(label));
    plain.find_map(|label| LABELS.iter().find(|(known, _)| *known == label).map(|(_, name)| *name))
}

/// The region in the host name of one of AWS's own endpoints, such as `eu-west-1` in
/// `kinesis.eu-west-1.amazonaws.com`.
#[must_use]
pub(crate) fn from_endpoint(url: &str) -> Option<&str> {
    if !is_aws(url) {
        return None;
    }
    host(url).split('.').find(|label| is_region(label))
}

/// Whether it looks like the name of a region: a short partition, one or more words and a number,
/// joined by hyphens.
#[must_use]
pub(crate) fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let [partition, words @ .., number] = parts.as_slice() else {
        return false;
    };
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    !words.is_empty()
        && (2..=4).contains(&partition.len())
        && word(partition)
        && words.iter().all(word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_awss_own_host_names_only() {
        let cases = [
            ("https://kinesis.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://firehose.us-gov-west-1.amazonaws.com/", Some("us-gov-west-1")),
            ("https://kinesis-fips.us-east-2.amazonaws.com:443", Some("us-east-2")),
            ("https://kinesis.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://kinesis.eusc-de-east-1.amazonaws.eu", Some("eusc-de-east-1")),
            ("https://kinesis.us-east-1.api.aws", Some("us-east-1")),
            ("https://123456789012.data-kinesis.ap-south-2.amazonaws.com", Some("ap-south-2")),
            ("https://vpce-0a1b-2c3d.kinesis.us-west-2.vpce.amazonaws.com", Some("us-west-2")),
            ("https://kinesis.amazonaws.com", None),
            ("http://127.0.0.1:4566", None),
            ("http://us-east-1.example.com", None),
            ("http://kinesis.eu-west-1.amazonaws.com.evil.example", None),
            ("", None),
        ];
        for (url, region) in cases {
            assert_eq!(from_endpoint(url), region, "{url}");
        }
    }

    #[test]
    fn what_is_nearest_to_the_flow_says_where_a_service_is() {
        let url = |region: &str| Some(format!("https://kinesis.{region}.amazonaws.com"));
        let text = |text: &str| Some(text.to_owned());
        let all = AwsConfig {
            region: text("us-west-1"),
            kinesis_region: text("us-west-2"),
            kinesis_endpoint: url("eu-west-1"),
            ..AwsConfig::default()
        };
        let site = |config: &AwsConfig, flow: &FlowAwsConfig| {
            let site = Site::of(Service::Kinesis, config, flow);
            let region = site.region.map(|(region, from)| format!("{region} by {from}"));
            (region.unwrap_or_default(), site.endpoint.map(str::to_owned))
        };
        let none = FlowAwsConfig::default();
        let expect = |region: &str, endpoint| (region.to_owned(), endpoint);
        let config = AwsConfig { kinesis_region: None, ..all.clone() };
        assert_eq!(site(&all, &none), expect("us-west-2 by kinesis.region", url("eu-west-1")));
        let by_endpoint = expect("eu-west-1 by kinesis.endpoint", url("eu-west-1"));
        assert_eq!(site(&config, &none), by_endpoint);
        let config = AwsConfig { region: text("us-west-1"), ..AwsConfig::default() };
        assert_eq!(site(&config, &none), expect("us-west-1 by region", None));
        assert_eq!(site(&AwsConfig::default(), &none), expect("", None));

        let flow = FlowAwsConfig { endpoint: url("ap-south-1"), ..none.clone() };
        let by_flow = expect("ap-south-1 by endpoint of the flow", url("ap-south-1"));
        assert_eq!(site(&all, &flow), by_flow);
        let flow = FlowAwsConfig { region: text("sa-east-1"), ..none.clone() };
        assert_eq!(site(&all, &flow), expect("sa-east-1 by region of the flow", None));
        let emulator = AwsConfig { kinesis_endpoint: text("http://127.0.0.1:1"), ..all };
        let (region, endpoint) = site(&emulator, &flow);
        assert_eq!(region, "sa-east-1 by region of the flow");
        assert_eq!(endpoint.as_deref(), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn an_endpoint_belongs_to_the_service_in_its_name() {
        for (url, service) in [
            ("https://kinesis.us-east-1.amazonaws.com", Some("Kinesis")),
            ("https://kinesis-fips.us-east-2.api.aws", Some("Kinesis")),
            ("https://1.data-kinesis.ap-south-2.amazonaws.com", Some("Kinesis")),
            ("https://vpce-0a.firehose.us-west-2.vpce.amazonaws.com", Some("Firehose")),
            ("https://monitoring.us-east-1.amazonaws.com", Some("CloudWatch")),
            ("http://ec2-1-2-3-4.compute-1.amazonaws.com:4566", None),
            ("http://x.elb.us-east-1.amazonaws.com", None),
            ("http://kinesis", None),
        ] {
            assert_eq!(named_service(url), service, "{url}");
            let is_kinesis = service == Some("Kinesis");
            assert_eq!(is_endpoint_of(url, Service::Kinesis), is_kinesis, "{url}");
        }
    }

    #[test]
    fn the_host_is_found_in_every_kind_of_url() {
        let cases = [
            ("http://localhost:4566/path", "localhost"),
            ("http://[::1]:4566", "::1"),
            ("https://user@host.example?x", "host.example"),
            ("kinesis.eu-west-1.amazonaws.com", "kinesis.eu-west-1.amazonaws.com"),
        ];
        for (url, expected) in cases {
            assert_eq!(host(url), expected);
        }
    }
}

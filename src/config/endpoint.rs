//! Endpoints: from what a person wrote to an absolute URL, and whether it can be the right one.

use super::diagnostics::{Findings, Kind};
use super::region::{self, Name};
use super::site::{Service, from_endpoint, host, is_aws, named_service};
use super::slot::Slot;
use super::suggest;

/// Where services of AWS are in a name, behind the region.
const AWS_DOMAIN: &str = ".amazonaws.com";

/// A name of AWS may be wrong in so many characters and still be meant.
const DOMAIN_WRONG_MAX: usize = 2;

/// An absolute URL without a slash at its end. Without a scheme it becomes `https`, so plain text
/// is used only with an explicit `http://`.
pub(super) fn endpoint(
    slot: Slot<'_>,
    service: Option<Service>,
    findings: &mut Findings<'_>,
) -> Option<String> {
    let text = slot.text_not_empty(findings)?;
    match absolute_url(text) {
        Ok(url) => {
            if let Some((what, help)) = suspicion(&url, service) {
                let message = format!("'{}' {} {what}", slot.name(), slot.quoted(findings));
                slot.broken(findings, Kind::Invalid, message).help(help);
            }
            Some(url)
        }
        Err(reason) if slot.is_java(findings) && absolute_url(&used_of_url(text)).is_ok() => {
            let message =
                format!("'{}': invalid endpoint {}: {reason}", slot.name(), slot.quoted(findings));
            slot.warn(findings, Kind::Invalid, message)
                .help("that part is ignored, as in the Java agent; remove it");
            absolute_url(&used_of_url(text)).ok()
        }
        Err(reason) => {
            let message =
                format!("'{}': invalid endpoint {}: {reason}", slot.name(), slot.quoted(findings));
            let help = if text.starts_with("arn:") {
                "that is an ARN; write a host such as kinesis.us-east-1.amazonaws.com, or a region"
            } else {
                "write a host such as kinesis.us-east-1.amazonaws.com or a URL"
            };
            slot.error(findings, Kind::Invalid, message).help(help);
            None
        }
    }
}

/// Whether an endpoint is given and not AWS's own.
pub(super) fn is_custom(url: Option<&str>) -> bool {
    url.is_some_and(|url| !is_aws(url))
}

/// Says so if an endpoint of AWS is in another region than the one that is used for signing.
pub(super) fn check_region(
    slot: Slot<'_>,
    url: Option<&str>,
    region: Slot<'_>,
    findings: &mut Findings<'_>,
) {
    let there = url.and_then(from_endpoint);
    let Some((there, here)) = there.zip(region.scalar_text()).filter(|(a, b)| a != b) else {
        return;
    };
    if here.is_empty() {
        return;
    }
    let message = format!("'{}' is in {there}, but '{}' is {here}", slot.name(), region.name());
    slot.broken(findings, Kind::Conflict, message)
        .help("AWS rejects requests signed for another region; remove one of the two");
}

/// Why an endpoint cannot be meant, and what to write.
fn suspicion(url: &str, service: Option<Service>) -> Option<(String, String)> {
    let own = service.map_or("STS", Service::name);
    let usual = match service {
        Some(Service::CloudWatch) => "monitoring.us-east-1.amazonaws.com",
        Some(Service::Firehose) => "firehose.us-east-1.amazonaws.com",
        Some(Service::Kinesis) => "kinesis.us-east-1.amazonaws.com",
        None => "sts.us-east-1.amazonaws.com",
    };
    let or_none = format!("write a host such as {usual}, or omit the key and set the region");
    if is_placeholder(url) {
        return Some(("is a placeholder".to_owned(), or_none));
    }
    let host = host(url);
    if host == "aws.amazon.com" || host.ends_with(".aws.amazon.com") {
        return Some(("is a page for people, no endpoint".to_owned(), or_none));
    }
    if let Some(there) = named_service(url).filter(|there| *there != own) {
        let what = format!("is an endpoint of {there}, not of {own}");
        return Some((what, or_none));
    }
    if let Some(meant) = misspelt_domain(host) {
        return Some((format!("is not a host of AWS; did you mean {meant}?"), or_none));
    }
    if let Some(meant) = misspelt_service(host, service) {
        return Some((format!("is no service of AWS; did you mean {meant}?"), or_none));
    }
    // `kinesis.eu-west1.amazonaws.com`: between the service and the domain stands a region.
    let labels = host.strip_suffix(AWS_DOMAIN)?;
    if named_service(url).is_none() || from_endpoint(url).is_some() {
        return None;
    }
    let Some((_, region)) = labels.rsplit_once('.') else {
        // sts.amazonaws.com exists, and is in no region.
        let what = "has no region in its name".to_owned();
        return service.map(|_| (what, or_none));
    };
    let help = match region::look(region) {
        Name::Known => return None,
        Name::Unknown { help } | Name::Malformed { help } => help,
    };
    Some((format!("invalid region {region:?}"), help))
}

/// The host with AWS's domain, if it ends with what is nearly that: `amazonaws.co`.
fn misspelt_domain(host: &str) -> Option<String> {
    if is_aws(host) {
        return None;
    }
    let host = host.trim_end_matches('.');
    // `kinesis.eu-west-1amazonaws.com`
    let bare = AWS_DOMAIN.trim_start_matches('.');
    if let Some(before) = host.strip_suffix(bare).filter(|before| !before.is_empty()) {
        return Some(format!("{}{AWS_DOMAIN}", before.trim_end_matches('.')));
    }
    [AWS_DOMAIN, ".amazonaws.com.cn"].into_iter().find_map(|domain| {
        let labels = domain.matches('.').count();
        let (at, _) = host.rmatch_indices('.').nth(labels - 1)?;
        let (before, end) = host.split_at(at);
        (suggest::distance(end, domain) <= DOMAIN_WRONG_MAX).then(|| format!("{before}{domain}"))
    })
}

/// The host with the name of the service, if it begins with what is nearly that.
fn misspelt_service(host: &str, service: Option<Service>) -> Option<String> {
    let own = match service? {
        Service::CloudWatch => "monitoring",
        Service::Firehose => "firehose",
        Service::Kinesis => "kinesis",
    };
    let labels = host.strip_suffix(AWS_DOMAIN)?;
    let (first, region) = labels.split_once('.')?;
    let is_near = (1..=DOMAIN_WRONG_MAX).contains(&suggest::distance(first, own));
    (is_near && !region.contains('.')).then(|| format!("{own}.{region}{AWS_DOMAIN}"))
}

/// AWS's own samples have `https://your/kinesis/endpoint`; others are like it.
fn is_placeholder(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let host = host(&lower);
    let path = lower.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    let path = path.map_or("", |(_, path)| path);
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect()
    };
    let meant = |word: &String| {
        matches!(word.as_str(), "your" | "yours" | "changeme" | "placeholder" | "todo" | "xxx")
    };
    words(host).iter().any(meant)
        || words(path).iter().any(meant)
        || host.starts_with("your") && !host.contains('.')
        || host.split('.').any(|label| matches!(label, "region" | "regionname" | "aws-region"))
        || matches!(host, "example.com" | "endpoint" | "kinesis-endpoint" | "firehose-endpoint")
}

/// What the Java agent uses of a URL: no fragment, query, user name or empty port.
fn used_of_url(text: &str) -> String {
    let text = text.split(['#', '?']).next().unwrap_or_default();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{}{path}", host.strip_suffix(':').unwrap_or(host))
}

fn absolute_url(text: &str) -> Result<String, &'static str> {
    let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    if text.contains('#') {
        return Err("must not contain a fragment");
    }
    let uri: hyper::Uri = url.parse().map_err(|_| "it is not a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("scheme must be http or https");
    }
    let authority = uri.authority().ok_or("it has no host")?;
    if authority.as_str().contains('@') {
        return Err("must not contain credentials");
    }
    if uri.host().is_none_or(|host| matches!(host, "" | "[]")) {
        return Err("it has no host");
    }
    let port_text = authority.as_str().rsplit_once(':').map(|(_, port)| port);
    if port_text.is_some_and(|port| !port.ends_with(']')) && authority.port_u16().is_none() {
        return Err("the port is not a number from 0 to 65535");
    }
    if uri.query().is_some() {
        return Err("must not contain a query");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_becomes_an_absolute_url_that_is_encrypted_unless_asked() {
        for (text, expected) in [
            ("kinesis.us-east-1.amazonaws.com", "https://kinesis.us-east-1.amazonaws.com"),
            ("https://x.example/", "https://x.example"),
            ("http://127.0.0.1:4567", "http://127.0.0.1:4567"),
            ("localhost:4567", "https://localhost:4567"),
            ("http://[::1]:4567/", "http://[::1]:4567"),
            ("http://[::1]", "http://[::1]"),
            ("HTTPS://x.example", "HTTPS://x.example"),
            ("https://x.example/path/", "https://x.example/path"),
        ] {
            assert_eq!(absolute_url(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_says_why() {
        for (text, reason) in [
            ("ftp://x", "scheme must be http or https"),
            ("https://u:p@x", "must not contain credentials"),
            ("https://", "it is not a URL"),
            ("a b", "it is not a URL"),
            ("x:99999", "the port is not a number from 0 to 65535"),
            ("x:", "the port is not a number from 0 to 65535"),
            ("x?q=1", "must not contain a query"),
            ("x#f", "must not contain a fragment"),
            ("https://:80", "it has no host"),
        ] {
            assert_eq!(absolute_url(text), Err(reason), "{text}");
        }
    }

    fn suspected(url: &str, service: Option<Service>) -> (String, String) {
        suspicion(&absolute_url(url).unwrap(), service).unwrap_or_default()
    }

    fn suspects(cases: &[(&str, Service, &str, &str)]) {
        for (url, service, expected, advice) in cases {
            let found = suspected(url, Some(*service));
            assert_eq!(found.0, *expected, "{url}");
            assert!(found.1.contains(advice), "{url}: {}", found.1);
        }
    }

    #[test]
    fn what_cannot_be_the_endpoint_of_a_service_says_why() {
        suspects(&[
            ("https://your/kinesis/endpoint", Service::Kinesis, "is a placeholder", "kinesis.us"),
            ("https://your/firehose/endpoint", Service::Firehose, "is a placeholder", "firehose."),
            ("kinesis.your-region.amazonaws.com", Service::Kinesis, "is a placeholder", "kinesis"),
            ("kinesis.region.amazonaws.com", Service::Kinesis, "is a placeholder", "kinesis"),
            (
                "firehose.us-east-1.amazonaws.com",
                Service::Kinesis,
                "is an endpoint of Firehose, not of Kinesis",
                "kinesis.us-east-1",
            ),
            (
                "kinesis.us-east-1.amazonaws.com",
                Service::Firehose,
                "is an endpoint of Kinesis, not of Firehose",
                "firehose.us-east-1",
            ),
            (
                "https://eu-west-1.console.aws.amazon.com/kinesis/home",
                Service::Kinesis,
                "is a page for people, no endpoint",
                "kinesis.",
            ),
            (
                "kinesis.eu-west1.amazonaws.com",
                Service::Kinesis,
                "invalid region \"eu-west1\"",
                "did you mean eu-west-1?",
            ),
            ("kinesis.amazonaws.com", Service::Kinesis, "has no region in its name", "kinesis."),
        ]);
    }

    #[test]
    fn a_mistyped_host_of_aws_is_recognized() {
        suspects(&[
            (
                "kinesis.eu-west-1.amazonaws.co",
                Service::Kinesis,
                "is not a host of AWS; did you mean kinesis.eu-west-1.amazonaws.com?",
                "kinesis.",
            ),
            (
                "kinesis.eu-west-1.amazonws.com",
                Service::Kinesis,
                "is not a host of AWS; did you mean kinesis.eu-west-1.amazonaws.com?",
                "kinesis.",
            ),
            (
                "firehose.eu-west-1amazonaws.com",
                Service::Firehose,
                "is not a host of AWS; did you mean firehose.eu-west-1.amazonaws.com?",
                "firehose.",
            ),
            (
                "kinesis.cn-north-1.amazonaws.com.ch",
                Service::Kinesis,
                "is not a host of AWS; did you mean kinesis.cn-north-1.amazonaws.com.cn?",
                "kinesis.",
            ),
            (
                "kinisis.eu-west-1.amazonaws.com",
                Service::Kinesis,
                "is no service of AWS; did you mean kinesis.eu-west-1.amazonaws.com?",
                "kinesis.",
            ),
        ]);
    }

    #[test]
    fn real_endpoints_and_own_ones_are_not_suspected() {
        for url in [
            "kinesis.us-east-1.amazonaws.com",
            "https://vpce-1a-2b.kinesis.us-east-1.vpce.amazonaws.com",
            "1.data-kinesis.us-east-1.amazonaws.com",
            "http://localhost:4566",
            "http://localstack:4566",
            "http://kinesis",
            "http://x.elb.us-east-1.amazonaws.com",
            "kinesis.cn-north-1.amazonaws.com.cn",
            "kinesis.eusc-de-east-1.amazonaws.eu",
            "kinesis.us-east-1.api.aws",
            "http://amazonaws.internal",
        ] {
            assert_eq!(suspected(url, Some(Service::Kinesis)).0, "", "{url}");
        }
        assert_eq!(suspected("sts.amazonaws.com", None).0, "");
    }
}

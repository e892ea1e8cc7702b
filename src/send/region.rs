//! Which region a service is in, from what the configuration says. Pure; asking the machine it
//! runs on is `client`'s part.

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
pub fn is_aws(url: &str) -> bool {
    const DOMAINS: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws"];
    let host = host(url);
    DOMAINS.iter().any(|domain| host.ends_with(domain))
}

/// The region in the host name of one of AWS's own endpoints, such as `eu-west-1` in
/// `kinesis.eu-west-1.amazonaws.com`.
#[must_use]
pub fn from_endpoint(url: &str) -> Option<&str> {
    if !is_aws(url) {
        return None;
    }
    host(url).split('.').find(|label| is_region(label))
}

/// Region names are a short partition, one or more words and a number, joined by hyphens.
fn is_region(label: &str) -> bool {
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

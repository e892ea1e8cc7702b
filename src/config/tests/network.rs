//! FIPS and dual-stack endpoints, the proxy and the CA certificates.

use super::super::site::{Service, Site};
use super::super::{Proxy, ProxyServer};
use super::*;

#[test]
fn endpoint_variants_come_from_the_flow_then_the_file() {
    let config = loaded(
        r#"{"useFipsEndpoint": true, "useDualStackEndpoint": "yes", "flows": [
            {"filePattern": "/tmp/a.log", "kinesisStream": "s"},
            {"filePattern": "/tmp/b.log", "kinesisStream": "s", "useFipsEndpoint": false}]}"#,
    );
    let variants = config.flows.iter().map(|flow| {
        let site = Site::of(Service::Kinesis, &config.aws, &flow.aws);
        (site.fips, site.dual_stack)
    });
    let variants: Vec<_> = variants.collect();
    assert_eq!(variants, [(Some(true), Some(true)), (Some(false), Some(true))]);
    let unset = loaded(&format!("{{\"flows\": [{FLOW}]}}"));
    assert_eq!((unset.aws.fips, unset.aws.dual_stack), (None, None));
    assert_eq!((unset.aws.proxy, unset.aws.ca_file), (Proxy::Environment, None));
}

#[test]
fn endpoint_variant_alongside_an_endpoint_is_an_error() {
    for (key, endpoint) in [
        ("useFipsEndpoint", "kinesis.endpoint"),
        ("useDualStackEndpoint", "firehose.endpoint"),
        ("useFipsEndpoint", "cloudwatch.endpoint"),
        ("useFipsEndpoint", "sts.endpoint"),
    ] {
        let text = top(&format!("\"{key}\": true, \"{endpoint}\": \"http://127.0.0.1:1\""));
        let (kind, message, help) = error(&text);
        assert_eq!(kind, Kind::Conflict);
        assert_eq!(message, format!("'{endpoint}' cannot be combined with '{key}'"));
        assert!(help.starts_with("remove one of them"), "{help}");
        loaded(&top(&format!("\"{key}\": false, \"{endpoint}\": \"http://127.0.0.1:1\"")));
    }
    let of_flow = |fips: &str, all: &str| {
        format!(
            r#"{{{all} "flows": [{{"filePattern": "/tmp/a", "kinesisStream": "s",
                "endpoint": "http://127.0.0.1:1"{fips}}}]}}"#
        )
    };
    let conflict = "'endpoint' cannot be combined with 'useFipsEndpoint'";
    assert_eq!(error(&of_flow(r#", "useFipsEndpoint": true"#, "")).1, conflict);
    assert_eq!(error(&of_flow("", r#""useFipsEndpoint": true,"#)).1, conflict);
    loaded(&of_flow(r#", "useFipsEndpoint": false"#, r#""useFipsEndpoint": true,"#));
}

#[test]
fn proxy_is_a_url_or_off() {
    let proxy = |entries: &str| loaded(&top(entries)).aws.proxy;
    let server = |url: &str, except: Option<&str>| {
        Proxy::Through(ProxyServer { url: url.to_owned(), except: except.map(str::to_owned) })
    };
    assert_eq!(proxy(r#""proxy": "p:3128""#), server("http://p:3128", None));
    assert_eq!(proxy(r#""proxy": "Off""#), Proxy::Off);
    assert_eq!(proxy(r#""proxy": """#), Proxy::Environment);
    assert_eq!(
        proxy(r#""proxy": "https://u:w@p", "noProxy": "10.0.0.0/8,.example""#),
        server("https://u:w@p", Some("10.0.0.0/8,.example"))
    );
    let (kind, message, _) = warning(&top(r#""noProxy": "x""#));
    assert_eq!((kind, &*message), (Kind::NoEffect, "'noProxy' is ignored without 'proxy'"));
    let (kind, message, _) = error(&top(r#""proxy": "p:1", "noProxy": "http://x""#));
    assert_eq!((kind, &*message), (Kind::Invalid, "'noProxy': expected hosts, found a URL"));
    let (_, message, _) = error(&top(r#""caFile": "https://x/ca.pem""#));
    assert_eq!(message, "'caFile' \"https://x/ca.pem\" is a URL");
}

#[test]
fn proxy_password_is_in_no_message_and_no_debug_output() {
    for url in ["socks5://u:hidden-word@p:1", "u:hidden-word@p:x", "http://u:hidden word@p"] {
        for text in [top(&format!("\"proxy\": \"{url}\"")), format!("proxy: {url}\nflows: [1]")] {
            let report = report(&text);
            assert!(!format!("{report} {report:?}").contains("hidden"), "{report}");
        }
    }
    let config = loaded(&top(r#""proxy": "u:hidden-word@p:1""#));
    assert!(!format!("{config:?}").contains("hidden-word"));
}

//! A host without CA certificates, as a bare container is one.

use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::world::append;

#[test]
fn without_certificates_plain_endpoints_work_and_encrypted_ones_are_refused_at_the_start() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let nothing = home.root().join("no-certificates");
    std::fs::write(&nothing, "").unwrap();
    let bare = [("SSL_CERT_FILE", nothing.to_str().unwrap())];
    let agent = home.start_with(&bare);
    endpoint.wait_for_all(&kinesis("s"), &[b"1\n".to_vec()], SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));

    home.flow("b*.log", ("kinesisStream", "t"), &json!({"endpoint": "https://127.0.0.1:9"}));
    let (code, log) = home.start_with(&bare).outcome(SOON);
    assert_eq!(code, Some(1), "{log}");
    let wanted = "cannot connect to https://127.0.0.1:9: this host has no CA certificates";
    assert!(log.contains(wanted) && log.contains("install ca-certificates"), "{log}");
    assert!(!log.contains("panic"), "{log}");
}

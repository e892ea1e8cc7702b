//! Signature version 4 by hand, from AWS's description of it.

use sha2::{Digest, Sha256};

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut padded = [0_u8; 64];
    padded[..key.len()].copy_from_slice(key);
    let pad = |with: u8| padded.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

pub(super) fn sign(head: &str, body: &[u8], date: &str, secret: &str) -> String {
    let find = |name: &str| {
        let line = head.lines().find(|line| {
            line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name))
        });
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    };
    let authorization = find("authorization");
    let signed = authorization
        .split("SignedHeaders=")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .expect("signed headers");
    let headers: Vec<String> =
        signed.split(';').map(|name| format!("{name}:{}\n", find(name))).collect();
    let headers = headers.concat();
    let canonical = format!("POST\n/\n\n{headers}\n{signed}\n{}", hex(&Sha256::digest(body)));
    let day = date.get(..8).expect("a date");
    let scope = format!("{day}/eu-west-1/kinesis/aws4_request");
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let message = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let key = ["eu-west-1", "kinesis", "aws4_request"]
        .iter()
        .fold(hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes()), |key, part| {
            hmac(&key, part.as_bytes())
        });
    hex(&hmac(&key, message.as_bytes()))
}

pub(super) fn signature(authorization: &str) -> &str {
    authorization.rsplit("Signature=").next().expect("a signature")
}

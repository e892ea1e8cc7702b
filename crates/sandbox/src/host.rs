//! Which names a request may use for the sandbox. A web page can make a browser ask any name that
//! resolves to this address (DNS rebinding); it cannot forge an address or `localhost`. Pure.

use std::net::IpAddr;

use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use super::response::ErrorResponse;

/// Whether a request was meant for this host: it says so once in its head, and, if its target is
/// absolute, there as well.
pub(super) fn check(parts: &Parts) -> Result<(), ErrorResponse> {
    let mut named = parts.headers.get_all(HOST).iter();
    let host = named.next().and_then(|host| host.to_str().ok());
    let only = named.next().is_none();
    let target = parts.uri.authority();
    let ours = host.is_some_and(is_loopback)
        && only
        && target.is_none_or(|target| is_loopback(target.as_str()));
    if ours {
        return Ok(());
    }
    let message = "The sandbox accepts only requests for 127.0.0.1, localhost and [::1]; this Host \
                   header has a different host, or none.";
    Err(ErrorResponse::new(421, "MisdirectedRequestException", message))
}

/// `host` is a name or an address, with or without a port.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    if host.contains('@') {
        return false;
    }
    let name = authority.host();
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn allows(target: &str, hosts: &[&str]) -> bool {
        let mut request = Request::post(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn loopback_names_are_ours_with_any_port() {
        for host in
            ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:65535", "127.9.9.9", "[::1]:4567"]
        {
            assert!(allows("/", &[host]), "{host}");
            assert!(allows(&format!("http://{host}/"), &[host]), "{host}");
        }
    }

    #[test]
    fn any_other_name_is_not_and_neither_is_none_or_two() {
        for host in [
            "",
            "evil.example",
            "evil.example:4567",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost.",
            "127.1",
            "0.0.0.0",
            "10.0.0.1",
            "[::]",
            "[2001:db8::1]",
            "me@127.0.0.1",
            "127.0.0.1@evil.example",
            "127.0.0.1, evil.example",
            "2130706433",
        ] {
            assert!(!allows("/", &[host]), "{host}");
        }
        assert!(!allows("/", &[]));
        assert!(!allows("/", &["127.0.0.1", "evil.example"]));
        assert!(!allows("/", &["127.0.0.1", "127.0.0.1"]));
        assert!(!allows("http://evil.example/", &["127.0.0.1"]));
    }
}

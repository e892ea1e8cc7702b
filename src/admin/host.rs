//! Which names a request may use for this server. A web page can make a browser ask any name that
//! resolves to this address (DNS rebinding); it cannot forge an address or `localhost`.

use std::net::{IpAddr, SocketAddr};

use hyper::http::uri::Authority;

use super::server::Reach;

/// Whether a request that names this host was meant for us. `host` is the `Host` header or the
/// authority of an absolute target, with or without a port.
pub(super) fn is_allowed(host: &str, reach: Reach) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    if host.contains('@') {
        return false;
    }
    let name = authority.host();
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.parse::<IpAddr>().is_ok_and(|address| match reach {
        Reach::Anywhere => true,
        Reach::Loopback => address.to_canonical().is_loopback(),
    })
}

/// Whether only this machine can reach the address.
pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_and_addresses_are_ours() {
        for host in
            ["localhost", "LocalHost:9100", "127.0.0.1", "127.3.2.1:80", "[::1]", "[::1]:9100"]
        {
            assert!(is_allowed(host, Reach::Loopback), "{host}");
        }
    }

    #[test]
    fn names_that_others_can_point_at_us_are_not() {
        for host in [
            "",
            "evil.example",
            "evil.example:9100",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "10.0.0.1:9100",
            "[::2]",
            "localhost:x y",
            "0.0.0.0",
        ] {
            assert!(!is_allowed(host, Reach::Loopback), "{host}");
        }
    }

    #[test]
    fn a_server_for_others_takes_any_address_but_no_other_name() {
        assert!(is_allowed("10.0.0.1:9100", Reach::Anywhere));
        assert!(is_allowed("[fd00::1]:9100", Reach::Anywhere));
        assert!(!is_allowed("evil.example", Reach::Anywhere));
    }
}

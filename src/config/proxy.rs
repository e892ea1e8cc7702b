//! The proxy that requests to AWS go through: `proxy` and `noProxy`. A proxy URL may hold a user
//! name and a password, so nothing here shows one as it was written.

use hyper::Uri;

use super::diagnostics::{Findings, Kind};
use super::file::TopLevelFile;

/// What turns proxies off, those of the environment included.
const OFF: &str = "off";

/// What a proxy without a scheme is spoken to with, as curl and the AWS SDKs have it.
const SCHEME_DEFAULT: &str = "http://";

/// How requests to AWS leave this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// Directly, whatever the environment says.
    Off,
    /// Through this one, whatever the environment says.
    Through(ProxyServer),
}

/// A proxy server. `Debug` does not show its user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    /// `proxy`, as an absolute URL, with the user name and password if it has any.
    pub url: String,
    /// `noProxy`: the hosts that are reached directly. `None`: those of `NO_PROXY`.
    pub except: Option<String>,
}

impl std::fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyServer")
            .field("url", &without_user(&self.url))
            .field("except", &self.except)
            .finish()
    }
}

/// A URL without its user name and password, fit to be shown.
#[must_use]
pub(crate) fn without_user(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    // A password that is not encoded may hold a slash.
    let host = rest.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{}", if rest.contains('@') { host } else { rest })
}

pub(super) fn proxy(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> Proxy {
    let except = no_proxy(file, findings);
    let slot = file.proxy;
    let Some(text) = slot.text_not_empty(findings) else {
        if except.is_some() {
            let message = "'noProxy' is ignored without 'proxy'".to_owned();
            file.no_proxy
                .warn(findings, Kind::NoEffect, message)
                .help("set 'proxy' too, or set NO_PROXY in the environment of kinetail");
        }
        return Proxy::Environment;
    };
    if text.eq_ignore_ascii_case(OFF) {
        return Proxy::Off;
    }
    match absolute_url(text) {
        Ok(url) => Proxy::Through(ProxyServer { url, except }),
        Err(reason) => {
            // The value may hold a password.
            let message = format!("'proxy': invalid URL: {reason}");
            slot.error(findings, Kind::Invalid, message)
                .help("write http://HOST:PORT, https://HOST:PORT, or off");
            Proxy::Environment
        }
    }
}

fn no_proxy(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let slot = file.no_proxy;
    let text = slot.text(findings)?;
    if text.contains("://") {
        let message = "'noProxy': expected hosts, found a URL".to_owned();
        slot.error(findings, Kind::Invalid, message).help(
            "write host names, domains, addresses or networks, separated by commas, \
             such as localhost,.example.com,10.0.0.0/8",
        );
    }
    Some(text.to_owned())
}

/// The URL, with a scheme.
fn absolute_url(text: &str) -> Result<String, &'static str> {
    let url =
        if text.contains("://") { text.to_owned() } else { format!("{SCHEME_DEFAULT}{text}") };
    let encode = "percent-encode special characters of the user name and password";
    let uri: Uri = url.parse().map_err(|_| match url.split_once("://") {
        Some((_, "")) => "it has no host",
        Some((_, rest)) if rest.contains('@') => encode,
        Some(_) | None => "it contains a character that is not allowed in a URL",
    })?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("only http and https proxies are supported");
    }
    let authority = uri.authority().ok_or("it has no host")?.as_str();
    if uri.host().is_none_or(|host| matches!(host, "" | "[]")) {
        return Err("it has no host");
    }
    if authority.matches('@').count() > 1 {
        return Err(encode);
    }
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let is_port = |port: &str| !port.contains([']', '@']);
    if port.is_some_and(is_port) && uri.port_u16().is_none() {
        return Err("the port is not a number from 0 to 65535");
    }
    if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
        return Err("a proxy has a host and a port, and no path");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_url_gets_a_scheme_and_keeps_its_user() {
        for (text, url) in [
            ("proxy:3128", "http://proxy:3128"),
            ("http://proxy:3128/", "http://proxy:3128"),
            ("https://proxy", "https://proxy"),
            ("user:p%40ss@proxy:3128", "http://user:p%40ss@proxy:3128"),
            ("http://[::1]:3128", "http://[::1]:3128"),
            ("http://user:pw@[::1]", "http://user:pw@[::1]"),
        ] {
            assert_eq!(absolute_url(text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn proxy_url_is_rejected_with_a_reason() {
        for (text, reason) in [
            ("socks5://proxy:1080", "only http and https proxies are supported"),
            ("http://", "it has no host"),
            ("proxy host:1", "it contains a character that is not allowed in a URL"),
            ("http://:3128", "it has no host"),
            ("proxy:port", "the port is not a number from 0 to 65535"),
            ("proxy:99999", "the port is not a number from 0 to 65535"),
            ("http://proxy:3128/path", "a proxy has a host and a port, and no path"),
            ("http://u:p w@h:1", "percent-encode special characters of the user name and password"),
        ] {
            assert_eq!(absolute_url(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn user_and_password_are_never_shown() {
        for (url, shown) in [
            ("http://user:pw@proxy:3128", "http://proxy:3128"),
            ("user:pw@proxy:3128", "proxy:3128"),
            ("http://user:p@w/x@proxy:3128", "http://proxy:3128"),
            ("http://proxy:3128", "http://proxy:3128"),
            ("proxy:3128", "proxy:3128"),
        ] {
            assert_eq!(without_user(url), shown);
            let server = ProxyServer { url: url.to_owned(), except: None };
            assert!(!format!("{server:?}").contains("pw"));
        }
    }
}

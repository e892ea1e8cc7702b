//! Which requests go through a proxy: as `proxy` and `noProxy` say, else the environment.

use aws_smithy_http_client::proxy::ProxyConfig;

use super::HttpError;
use crate::config::{Proxy, without_user};

/// Any of them sends something through a proxy.
const PROXY_VARIABLES: [&str; 6] =
    ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "http_proxy", "https_proxy"];

/// What the environment names the hosts with that are reached without a proxy.
const NO_PROXY_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy of the environment: the variable, and its URL without user name and password.
pub(crate) fn ambient_proxies(variable: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let named = PROXY_VARIABLES.iter();
    named.filter_map(|name| Some(((*name).to_owned(), without_user(&set(name)?)))).collect()
}

/// What the SDK makes of it; nothing if requests go directly.
pub(super) fn proxy_of(proxy: &Proxy) -> Result<Option<ProxyConfig>, HttpError> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let server = match proxy {
        Proxy::Environment if PROXY_VARIABLES.iter().any(is_set) => {
            return Ok(Some(ProxyConfig::from_env()));
        }
        Proxy::Environment | Proxy::Off => return Ok(None),
        Proxy::Through(server) => server,
    };
    let through =
        ProxyConfig::all(&*server.url).map_err(|_| HttpError::Proxy(without_user(&server.url)))?;
    let named = || NO_PROXY_VARIABLES.into_iter().find_map(|name| std::env::var(name).ok());
    let except = server.except.clone().or_else(named);
    Ok(Some(except.into_iter().fold(through, ProxyConfig::no_proxy)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_of_the_environment_are_named_without_their_users() {
        let set = |name: &str| {
            let found = [("HTTPS_PROXY", "http://u:hidden-word@p:3128"), ("http_proxy", "q:1")];
            found.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let named = |name: &str, url: &str| (name.to_owned(), url.to_owned());
        assert_eq!(
            ambient_proxies(set),
            [named("HTTPS_PROXY", "http://p:3128"), named("http_proxy", "q:1")]
        );
    }
}

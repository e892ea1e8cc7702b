//! Where the requests of a flow go: the configuration, else the environment or the profile, else
//! the endpoint of the region.

use crate::config::site::{Site, is_aws};
use crate::config::{AwsConfig, FlowConfig};
use crate::send::ambient::Ambient;

/// An endpoint and what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) source: String,
    /// The environment or a profile names it, and perhaps means other programs.
    pub(super) is_ambient: bool,
}

impl Endpoint {
    /// Whether it is not AWS's own.
    pub(super) fn is_custom(&self) -> bool {
        !is_aws(&self.url)
    }

    /// The URL without user and password.
    pub(super) fn shown(&self) -> String {
        match self.url.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                let host = authority.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{host}{path}")
            }
            None => self.url.rsplit('@').next().unwrap_or_default().to_owned(),
        }
    }
}

/// The endpoint of a flow, unless it is the region's own.
pub(super) fn of(flow: &FlowConfig, aws: &AwsConfig, ambient: &Ambient) -> Option<Endpoint> {
    let service = super::service(&flow.destination);
    if let Some(url) = Site::of(service, aws, &flow.aws).endpoint {
        let of_flow = flow.aws.endpoint.as_deref() == Some(url);
        let source = if of_flow { "endpoint of the flow" } else { service.endpoint_key() };
        return Some(Endpoint {
            url: url.to_owned(),
            source: source.to_owned(),
            is_ambient: false,
        });
    }
    let found = ambient.endpoint(service)?;
    Some(Endpoint { url: found.url, source: found.source, is_ambient: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_not_shown() {
        for (url, shown) in [
            ("http://u:p@h:1/x", "http://h:1/x"),
            ("https://h", "https://h"),
            ("u:p@h", "h"),
            ("http://h/a@b", "http://h/a@b"),
        ] {
            let endpoint =
                Endpoint { url: url.to_owned(), source: String::new(), is_ambient: false };
            assert_eq!(endpoint.shown(), shown, "{url}");
        }
    }
}

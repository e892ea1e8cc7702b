//! Who asks: the chain of places that may have credentials, and the roles that are assumed with
//! what it finds.
//!
//! The order is the Java agent's: the configuration file, the environment, a web identity (EKS), a
//! container's role (ECS, EKS Pod Identity), a profile (also one with a process or a role), the
//! instance's role. The Rust SDK by itself would look at profiles before the two in the middle.
//! Static keys of the file end the matter. No credential is ever shown. All but those are asked for
//! by a `keeper`.

/// Makes a provider of a type, of its function that finds credentials.
macro_rules! provider {
    ($name:ident, $find:ident) => {
        impl aws_credential_types::provider::ProvideCredentials for $name {
            fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                future::ProvideCredentials::new(self.$find())
            }
        }
    };
}

mod keeper;
mod profiles;
mod refused;

use std::error::Error as _;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};

pub(super) use self::keeper::Keepers;
use self::keeper::Source;
use self::profiles::Profiles;
pub(super) use self::refused::Refused;
use crate::config::site;
use crate::config::{AwsConfig, RoleConfig, StaticKeys};

/// The name of the sessions of assumed roles, as with the Java agent: trust policies and logs of
/// its users know it.
pub(crate) const ROLE_SESSION_NAME: &str = "AWSKinesisAgent";

/// How long an assumed role lasts, as with the Java agent. It is renewed before.
const ROLE_SESSION_LENGTH: Duration = Duration::from_hours(1);

/// Where STS is asked if nothing says where.
const STS_REGION_DEFAULT: &str = "us-east-1";

/// The variables that the Java SDK takes alongside the usual ones.
const JAVA_KEY_ID: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"];
const JAVA_SECRET: [&str; 2] = ["AWS_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"];

/// The keys of the configuration file, as a provider.
pub(super) fn static_provider(keys: &StaticKeys) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new(
        &keys.access_key_id,
        &keys.secret_access_key,
        None,
        None,
        "configuration",
    ))
}

/// Everything behind the configuration file. Nothing is asked before the first request.
pub(super) fn chain(config: &ProviderConfig, keepers: &Keepers) -> SharedCredentialsProvider {
    let web = WebIdentityTokenCredentialsProvider::builder().configure(config).build();
    let container = EcsCredentialsProvider::builder().configure(config).build();
    let instance = ImdsCredentialsProvider::builder().configure(config).build();
    let source = Source::new("the chain of credentials");
    let chain = Chain {
        providers: vec![
            ("the environment", shared(EnvironmentVariableCredentialsProvider::new())),
            ("the environment", shared(provide_credentials_fn(java_variables))),
            ("STS for the web identity", shared(web)),
            ("the container's credentials", shared(container)),
            ("the profile (credential_process, SSO or a role)", shared(Profiles::new(config))),
            ("the instance's credentials", shared(instance)),
        ],
        asking: source.clone(),
    };
    keepers.keep(source, chain)
}

fn shared(provider: impl ProvideCredentials + 'static) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(provider)
}

/// The first that has credentials; it says which it is asking.
#[derive(Debug)]
struct Chain {
    providers: Vec<(&'static str, SharedCredentialsProvider)>,
    asking: Source,
}

impl Chain {
    async fn first(&self) -> provider::Result {
        let mut without = Vec::new();
        for (name, provider) in &self.providers {
            self.asking.set(name);
            match provider.provide_credentials().await {
                Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
                    let cause =
                        error.source().map_or_else(|| error.to_string(), ToString::to_string);
                    without.push(format!("{name}: {cause}"));
                }
                other => return other,
            }
        }
        Err(CredentialsError::not_loaded(without.join("; ")))
    }
}

provider!(Chain, first);

/// `AWS_ACCESS_KEY` and `AWS_SECRET_KEY`, which the Java SDK takes as well.
async fn java_variables() -> provider::Result {
    java_keys(|name| std::env::var(name).ok())
}

fn java_keys(variable: impl Fn(&str) -> Option<String>) -> provider::Result {
    let value = |name: &str| {
        variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let first = |names: [&str; 2]| names.into_iter().find_map(value);
    let (Some(id), Some(secret)) = (first(JAVA_KEY_ID), first(JAVA_SECRET)) else {
        return Err(CredentialsError::not_loaded("AWS_ACCESS_KEY or AWS_SECRET_KEY is not set"));
    };
    Ok(Credentials::new(id, secret, value("AWS_SESSION_TOKEN"), None, "environment"))
}

/// Assumes a role with what `shared` has. STS is asked at `sts.endpoint`, else in the region.
pub(super) async fn assume(
    role: &RoleConfig,
    config: &AwsConfig,
    shared: &SdkConfig,
    keepers: &Keepers,
) -> SharedCredentialsProvider {
    let mut provider = AssumeRoleProvider::builder(&role.arn)
        .session_name(ROLE_SESSION_NAME)
        .session_length(ROLE_SESSION_LENGTH)
        .configure(&sts_config(config, shared));
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    keepers.keep(Source::new(&format!("STS for {}", role.arn)), provider.build().await)
}

/// What a client of STS is made of.
pub(super) fn sts_config(config: &AwsConfig, shared: &SdkConfig) -> SdkConfig {
    let endpoint = config.sts_endpoint.as_deref();
    let named = endpoint.and_then(site::from_endpoint).map(|name| Region::new(name.to_owned()));
    let region = named
        .or_else(|| shared.region().cloned())
        .unwrap_or_else(|| Region::from_static(STS_REGION_DEFAULT));
    let mut builder = shared.to_builder().region(region);
    if let Some(url) = endpoint {
        builder.set_endpoint_url(Some(url.to_owned()));
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(variables: &[(&str, &str)]) -> Option<(String, String, Option<String>)> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        java_keys(variable).ok().map(|keys| {
            let token = keys.session_token().map(str::to_owned);
            (keys.access_key_id().to_owned(), keys.secret_access_key().to_owned(), token)
        })
    }

    #[test]
    fn the_names_of_the_java_sdk_are_taken_as_well() {
        let (id, secret) = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY");
        let plain = keys(&[(id, "a"), (secret, "b")]);
        assert_eq!(plain, Some(("a".to_owned(), "b".to_owned(), None)));
        let mixed =
            keys(&[("AWS_ACCESS_KEY_ID", "a"), (secret, " b "), ("AWS_SESSION_TOKEN", "t")]);
        assert_eq!(mixed, Some(("a".to_owned(), "b".to_owned(), Some("t".to_owned()))));
        for missing in [&[(id, "a")][..], &[(secret, "b")], &[(id, " "), (secret, "b")], &[]] {
            assert_eq!(keys(missing), None);
        }
    }
}

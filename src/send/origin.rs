//! Where the region and the credentials of a flow will come from, as far as that can be told
//! without asking anybody. Pure: variables and files are asked for through arguments.

use std::path::{Path, PathBuf};

use super::client::REGION_DEFAULT;
use crate::config::region::{Name, look};
use crate::config::site::{Service, Site};
use crate::config::{AwsConfig, FlowAwsConfig};
use crate::shown::shown;

const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// How [`credentials`] begins where there are none.
const NO_CREDENTIALS: &str = "none (";

/// Where there are no keys on this machine, and it may be an EC2 instance.
const ASK_INSTANCE: &str = "none found here; on EC2 the role of the instance is asked";

/// The instance is not asked if this is true.
const NO_INSTANCE: &str = "AWS_EC2_METADATA_DISABLED";

/// Something that is missing, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) message: String,
    pub(crate) help: String,
    /// It may be there on another machine.
    pub(crate) may_work: bool,
}

/// Why the region cannot be right, if that can be told: nothing names one, or a variable names one
/// that does not exist. A custom endpoint goes without.
pub(crate) fn no_region(
    service: Service,
    site: &Site<'_>,
    is_custom: bool,
    profile: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<Missing> {
    if site.region.is_some() || service != Service::Kinesis || is_custom {
        return None;
    }
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let variables = REGION_VARIABLES.iter().copied();
    let named = variables.into_iter().find_map(|name| Some((set(name)?, name)));
    let named = named.or_else(|| Some((profile?.to_owned(), "the region of the profile")));
    let Some((region, name)) = named else {
        let may_work = !is_instance_off(&variable);
        let elsewhere = if may_work { "; only EC2 instances detect it" } else { "" };
        return Some(Missing {
            message: format!("no region configured for the stream{elsewhere}"),
            help: format!("set \"region\" or \"{}\", or AWS_REGION", service.region_key()),
            may_work,
        });
    };
    match look(&region) {
        Name::Malformed { help } => Some(Missing {
            message: format!("{name} is {region:?}, which is not a valid region"),
            help,
            may_work: false,
        }),
        Name::Known | Name::Unknown { .. } => None,
    }
}

/// Says so if there are no credentials anywhere; `said` is what [`credentials`] says.
pub(crate) fn no_credentials(said: &str) -> Option<Missing> {
    said.starts_with(NO_CREDENTIALS).then(|| Missing {
        message: "there are no credentials to sign requests with".to_owned(),
        help: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of kinetail, \
               configure a profile, or run with a role"
            .to_owned(),
        may_work: false,
    })
}

fn is_instance_off(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable(NO_INSTANCE).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// The region, and what says so.
pub(crate) fn region(
    service: Service,
    site: &Site<'_>,
    profile: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> String {
    if let Some((region, key)) = site.region {
        return format!("{region} ({key})");
    }
    if service == Service::Firehose {
        return format!(
            "{REGION_DEFAULT} (the Java agent's default for Firehose; set {} explicitly)",
            service.region_key()
        );
    }
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let named = REGION_VARIABLES.iter().find_map(|name| Some((set(name)?, name)));
    if let Some((region, name)) = named {
        return format!("{region} ({name})");
    }
    if let Some(region) = profile {
        return format!("{region} (the profile)");
    }
    // Where an emulator is in use the instance is not asked.
    if site.is_custom() {
        return format!("that of the profile, else {REGION_DEFAULT}");
    }
    if is_instance_off(&variable) {
        return "none".to_owned();
    }
    "from the AWS profile or instance metadata (resolved at startup)".to_owned()
}

/// The first place in the chain that is likely to have credentials. `has_keys` is whether the
/// profile says where to get any, if that is known.
pub(crate) fn credentials(
    config: &AwsConfig,
    has_keys: Option<bool>,
    variable: impl Fn(&str) -> Option<String>,
    is_file: impl Fn(&Path) -> bool,
) -> String {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    if config.static_keys.is_some() {
        return "static keys in the configuration (awsAccessKeyId)".to_owned();
    }
    let secret = ["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"].into_iter().any(|n| set(n).is_some());
    if let Some(name) =
        ["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"].into_iter().find(|n| set(n).is_some())
        && secret
    {
        return format!("environment ({name})");
    }
    if let (Some(file), Some(role)) = (set("AWS_WEB_IDENTITY_TOKEN_FILE"), set("AWS_ROLE_ARN")) {
        return format!("web identity token {file}, role {role}");
    }
    let container =
        ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    if let Some(name) = container.into_iter().find(|name| set(name).is_some()) {
        return format!("the container's role ({name})");
    }
    let (instance, otherwise) = if is_instance_off(&variable) {
        ("none (AWS_EC2_METADATA_DISABLED=true)", "")
    } else {
        (ASK_INSTANCE, ", else on EC2 the role of the instance")
    };
    let profile = set("AWS_PROFILE");
    let keys = set("AWS_SHARED_CREDENTIALS_FILE").or_else(|| set("AWS_CREDENTIAL_PROFILES_FILE"));
    let file = [(keys, "credentials"), (set("AWS_CONFIG_FILE"), "config")]
        .into_iter()
        .filter_map(|(named, default)| profile_file(named, set("HOME"), default))
        .find(|path| is_file(path));
    match (file, profile) {
        (Some(file), profile) if has_keys == Some(false) => {
            let profile = profile.unwrap_or_else(|| "default".to_owned());
            format!("{instance}; profile {profile} of {} has none", shown(&file))
        }
        (Some(file), profile) => {
            let profile = profile.unwrap_or_else(|| "default".to_owned());
            format!("profile {profile} in {}{otherwise}", shown(&file))
        }
        (None, Some(profile)) => {
            format!("{instance} (profile {profile} not found)")
        }
        (None, None) => instance.to_owned(),
    }
}

/// The same with the role of a flow, if it has one.
pub(crate) fn credentials_of(
    config: &AwsConfig,
    flow: &FlowAwsConfig,
    variable: impl Fn(&str) -> Option<String>,
    is_file: impl Fn(&Path) -> bool,
) -> String {
    let source = credentials(config, None, variable, is_file);
    match &flow.role {
        Some(role) => format!("role {}, assumed with: {source}", role.arn),
        None => source,
    }
}

/// A URL as a person needs it to find the other side: with the port, without a user, a password, a
/// query.
pub(crate) fn with_port(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let has_port = host.rsplit(']').next().unwrap_or_default().contains(':');
    let port = match (has_port, scheme) {
        (true, _) => "",
        (false, "http") => ":80",
        (false, _) => ":443",
    };
    format!("{scheme}://{host}{port}")
}

fn profile_file(named: Option<String>, home: Option<String>, default: &str) -> Option<PathBuf> {
    let in_home = || home.map(|home| PathBuf::from(home).join(".aws").join(default));
    named.map(PathBuf::from).or_else(in_home)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RoleConfig, StaticKeys};

    fn variables<'v>(set: &'v [(&'v str, &'v str)]) -> impl Fn(&str) -> Option<String> {
        let set: Vec<(String, String)> =
            set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        move |name| set.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn credentials_are_named_in_the_order_of_the_chain() {
        let config = AwsConfig::default();
        let source = |set: &[(&str, &str)], file: &str| {
            credentials(&config, None, variables(set), |path| path == Path::new(file))
        };
        let home = ("HOME", "/h");
        let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/c");
        let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "arn:r")];
        let keys = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hidden")];
        assert_eq!(source(&[home], "/none"), ASK_INSTANCE);
        assert_eq!(
            source(&[home, ("AWS_EC2_METADATA_DISABLED", "true")], "/none"),
            "none (AWS_EC2_METADATA_DISABLED=true)"
        );
        assert_eq!(
            source(&[home], "/h/.aws/config"),
            "profile default in /h/.aws/config, else on EC2 the role of the instance"
        );
        assert_eq!(
            source(&[("AWS_SHARED_CREDENTIALS_FILE", "/c"), ("AWS_PROFILE", "p")], "/c"),
            "profile p in /c, else on EC2 the role of the instance"
        );
        assert_eq!(
            source(&[("AWS_CREDENTIAL_PROFILES_FILE", "/j")], "/j"),
            "profile default in /j, else on EC2 the role of the instance"
        );
        assert_eq!(
            source(&[("AWS_PROFILE", "p")], ""),
            format!("{ASK_INSTANCE} (profile p not found)")
        );
        let container = "the container's role (AWS_CONTAINER_CREDENTIALS_FULL_URI)";
        assert_eq!(source(&[home, full], "/h/.aws/config"), container);
        let set = [home, full, web[0], web[1]];
        assert_eq!(source(&set, "/h/.aws/config"), "web identity token /t, role arn:r");
        let set = [full, web[0], web[1], keys[0], keys[1]];
        assert_eq!(source(&set, ""), "environment (AWS_ACCESS_KEY_ID)");
        let set = [("AWS_ACCESS_KEY_ID", " "), keys[1], full];
        assert_eq!(source(&set, ""), container);
        let static_keys = Some(StaticKeys {
            access_key_id: "a".to_owned(),
            secret_access_key: "hidden".to_owned(),
        });
        let config = AwsConfig { static_keys, ..AwsConfig::default() };
        let source = credentials(&config, None, variables(&keys), |_| true);
        assert_eq!(source, "static keys in the configuration (awsAccessKeyId)");
    }

    #[test]
    fn an_endpoint_is_shown_with_its_port_and_without_secrets() {
        for (url, shown) in [
            (
                "https://kinesis.eu-west-1.amazonaws.com",
                "https://kinesis.eu-west-1.amazonaws.com:443",
            ),
            ("http://user:secret@localhost:4566/x?token=y", "http://localhost:4566"),
            ("http://[::1]/", "http://[::1]:80"),
            ("http://[::1]:4566", "http://[::1]:4566"),
        ] {
            assert_eq!(with_port(url), shown);
        }
    }

    #[test]
    fn the_role_of_a_flow_is_named_with_what_it_is_assumed_with() {
        let role = RoleConfig { arn: "arn:aws:iam::1:role/r".to_owned(), external_id: None };
        let flow = FlowAwsConfig { role: Some(role), ..FlowAwsConfig::default() };
        let text = credentials_of(&AwsConfig::default(), &flow, |_| None, |_| false);
        let expected = format!("role arn:aws:iam::1:role/r, assumed with: {ASK_INSTANCE}");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_region_is_told_with_what_says_so() {
        let flow = FlowAwsConfig::default();
        let text = |service, config: &AwsConfig, set: &[(&str, &str)]| {
            region(service, &Site::of(service, config, &flow), None, variables(set))
        };
        let config = AwsConfig { region: Some("eu-west-1".to_owned()), ..AwsConfig::default() };
        assert_eq!(text(Service::Kinesis, &config, &[]), "eu-west-1 (region)");
        let none = AwsConfig::default();
        let set = [("AWS_REGION", "eu-west-2"), ("AWS_DEFAULT_REGION", "x")];
        assert_eq!(text(Service::Kinesis, &none, &set), "eu-west-2 (AWS_REGION)");
        let firehose = text(Service::Firehose, &none, &set);
        assert!(firehose.starts_with("us-east-1 (the Java agent's default"), "{firehose}");
        assert!(firehose.contains("firehose.region"), "{firehose}");
        assert_eq!(text(Service::Firehose, &config, &set), "eu-west-1 (region)");
        assert!(!text(Service::Kinesis, &none, &[]).contains("us-east-1"));
    }

    #[test]
    fn what_is_missing_is_an_error_unless_another_machine_may_have_it() {
        let flow = FlowAwsConfig::default();
        let off = (NO_INSTANCE, "true");
        let found = |config: &AwsConfig, profile, set: &[(&str, &str)]| {
            let site = Site::of(Service::Kinesis, config, &flow);
            let missing =
                no_region(Service::Kinesis, &site, site.is_custom(), profile, variables(set));
            missing.map(|missing| (missing.message, missing.may_work))
        };
        let none = AwsConfig::default();
        let nothing = "no region configured for the stream".to_owned();
        assert_eq!(found(&none, None, &[off]), Some((nothing.clone(), false)));
        let on_ec2 = format!("{nothing}; only EC2 instances detect it");
        assert_eq!(found(&none, None, &[]), Some((on_ec2, true)));
        assert_eq!(found(&none, Some("eu-west-1"), &[off]), None);
        assert_eq!(found(&none, None, &[off, ("AWS_REGION", "eu-west-1")]), None);
        let wrong = found(&none, None, &[("AWS_REGION", "eu-west1")]).unwrap();
        assert_eq!(wrong.0, "AWS_REGION is \"eu-west1\", which is not a valid region");
        let kinesis_endpoint = Some("http://127.0.0.1:1".to_owned());
        let emulator = AwsConfig { kinesis_endpoint, ..AwsConfig::default() };
        assert_eq!(found(&emulator, None, &[off]), None);
        let said = credentials(&none, Some(false), variables(&[off, ("HOME", "/h")]), |_| true);
        assert!(no_credentials(&said).is_some(), "{said}");
        let said = credentials(&none, Some(true), variables(&[off, ("HOME", "/h")]), |_| true);
        assert!(no_credentials(&said).is_none(), "{said}");
    }
}

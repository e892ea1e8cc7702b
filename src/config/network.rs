//! Endpoints, regions, static keys, certificates and the admin address.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::diagnostics::{Findings, Kind};
use super::endpoint::{self, endpoint, is_custom};
use super::file::{FlowFile, TopLevelFile};
use super::proxy::proxy;
use super::region::{self, Name};
use super::schema::{self, Shape};
use super::site::Service;
use super::slot::Slot;
use super::{AdminSocket, AwsConfig, FlowAwsConfig, RoleConfig, StaticKeys, UserAgent};

/// Where `/metrics` and its neighbours are served unless the configuration says otherwise.
pub const ADMIN_ADDRESS_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9470);

/// Characters in a region's name. The longest today has 16.
const REGION_CHARS_MAX: usize = 64;

/// Bytes in the path of a socket (`sun_path` in unix(7), without the zero at its end).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Characters in an external id (`AssumeRole` in the API reference of STS).
const EXTERNAL_ID_CHARS: std::ops::RangeInclusive<usize> = 2..=1224;

pub(super) fn aws(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> AwsConfig {
    let role = (file.assume_role_arn, file.assume_role_external_id);
    let kinesis = endpoint(file.kinesis_endpoint, Some(Service::Kinesis), findings);
    let firehose = endpoint(file.firehose_endpoint, Some(Service::Firehose), findings);
    let cloudwatch = endpoint(file.cloudwatch_endpoint, Some(Service::CloudWatch), findings);
    let endpoints = [&kinesis, &firehose, &cloudwatch];
    let any_custom = endpoints.into_iter().any(|url| is_custom(url.as_deref()));
    for (region, slot, url) in [
        (file.kinesis_region, file.kinesis_endpoint, &kinesis),
        (file.firehose_region, file.firehose_endpoint, &firehose),
        (file.cloudwatch_region, file.cloudwatch_endpoint, &cloudwatch),
    ] {
        endpoint::check_region(slot, url.as_deref(), region, findings);
    }
    let variants = Variants::of(file.use_fips_endpoint, file.use_dual_stack_endpoint, findings);
    for slot in
        [file.kinesis_endpoint, file.firehose_endpoint, file.cloudwatch_endpoint, file.sts_endpoint]
    {
        variants.conflict(slot, findings);
    }
    AwsConfig {
        region: region(file.region, any_custom, findings),
        kinesis_region: region(file.kinesis_region, is_custom(kinesis.as_deref()), findings),
        firehose_region: region(file.firehose_region, is_custom(firehose.as_deref()), findings),
        cloudwatch_region: region(
            file.cloudwatch_region,
            is_custom(cloudwatch.as_deref()),
            findings,
        ),
        // Known when all flows are.
        flow_region: None,
        kinesis_endpoint: kinesis,
        firehose_endpoint: firehose,
        cloudwatch_endpoint: cloudwatch,
        sts_endpoint: endpoint(file.sts_endpoint, None, findings),
        static_keys: static_keys(file, findings),
        role: role_of(role, None, findings),
        user_agent: user_agent(file, findings),
        fips: variants.fips,
        dual_stack: variants.dual_stack,
        proxy: proxy(file, findings),
        ca_file: ca_file(file.ca_file, findings),
    }
}

/// What a flow says; the rest it has from the whole file.
pub(super) fn flow_aws(
    file: &FlowFile<'_>,
    all: Option<&AwsConfig>,
    findings: &mut Findings<'_>,
) -> FlowAwsConfig {
    let role = all.and_then(|all| all.role.as_ref());
    let service =
        if file.delivery_stream.node().is_some() { Service::Firehose } else { Service::Kinesis };
    let url = endpoint(file.endpoint, Some(service), findings);
    endpoint::check_region(file.endpoint, url.as_deref(), file.region, findings);
    let is_custom = is_custom(url.as_deref());
    let own = Variants::of(file.use_fips_endpoint, file.use_dual_stack_endpoint, findings);
    let inherited = all.map_or(own, |all| Variants {
        fips: own.fips.or(all.fips),
        dual_stack: own.dual_stack.or(all.dual_stack),
    });
    inherited.conflict(file.endpoint, findings);
    FlowAwsConfig {
        region: region(file.region, is_custom, findings),
        endpoint: url,
        role: role_of((file.assume_role_arn, file.assume_role_external_id), role, findings),
        fips: own.fips,
        dual_stack: own.dual_stack,
    }
}

/// Which of the endpoints of a region are used. `None` is what the environment or the profile says.
#[derive(Debug, Clone, Copy)]
struct Variants {
    fips: Option<bool>,
    dual_stack: Option<bool>,
}

impl Variants {
    fn of(fips: Slot<'_>, dual_stack: Slot<'_>, findings: &mut Findings<'_>) -> Self {
        let mut given = |slot: Slot<'_>| {
            schema::note(slot.name(), || Shape::Boolean);
            slot.node()?;
            Some(slot.boolean(findings, false))
        };
        Self { fips: given(fips), dual_stack: given(dual_stack) }
    }

    /// The endpoint rules of the SDK refuse an endpoint that is set alongside either of the keys.
    fn conflict(self, endpoint: Slot<'_>, findings: &mut Findings<'_>) {
        let set = [("useFipsEndpoint", self.fips), ("useDualStackEndpoint", self.dual_stack)];
        let set = set.into_iter().find(|(_, value)| *value == Some(true));
        let Some((key, _)) = set.filter(|_| endpoint.scalar_text().is_some_and(|t| !t.is_empty()))
        else {
            return;
        };
        let message = format!("'{}' cannot be combined with '{key}'", endpoint.name());
        endpoint.error(findings, Kind::Conflict, message).help(format!(
            "remove one of them: '{key}' selects an endpoint of AWS by the region; an endpoint \
             that is set is used as written"
        ));
    }
}

/// Whether the file can be used is known when it is read.
fn ca_file(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let text = slot.text_not_empty(findings)?;
    slot.refuse_odd_path(text, findings);
    Some(PathBuf::from(text))
}

/// The role that two keys name. An external id belongs to one role: with a role of its own a flow
/// does not inherit another's, without one it may give the inherited role another id.
fn role_of(
    (arn, external_id): (Slot<'_>, Slot<'_>),
    inherited: Option<&RoleConfig>,
    findings: &mut Findings<'_>,
) -> Option<RoleConfig> {
    let own_arn = role_arn(arn, findings);
    let own_id = external_role_id(external_id, findings);
    match (own_arn, own_id, inherited) {
        (Some(arn), external_id, _) => Some(RoleConfig { arn, external_id }),
        (None, Some(id), Some(role)) => {
            Some(RoleConfig { arn: role.arn.clone(), external_id: Some(id) })
        }
        (None, Some(_), None) => {
            // A role that is wrong was reported already.
            if arn.node().is_none() {
                let message =
                    format!("'{}' is ignored without '{}'", external_id.name(), arn.name());
                external_id
                    .warn(findings, Kind::NoEffect, message)
                    .help("set the role ARN, or remove the key");
            }
            None
        }
        (None, None, inherited) => inherited.cloned(),
    }
}

fn role_arn(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let text = slot.text_not_empty(findings)?;
    let mut parts = text.splitn(6, ':');
    let is_role = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| !partition.is_empty())
        && parts.next() == Some("iam")
        && parts.next() == Some("")
        && parts.next().is_some_and(|account| account.bytes().all(|b| b.is_ascii_digit()))
        && parts.next().and_then(|role| role.strip_prefix("role/")).is_some_and(|r| !r.is_empty());
    if is_role && !text.contains(char::is_whitespace) {
        return Some(text.to_owned());
    }
    let message = format!("'{}': invalid role ARN {}", slot.name(), slot.quoted(findings));
    slot.hopeless(findings, Kind::Invalid, message).help(
        "write the ARN, for example arn:aws:iam::123456789012:role/ship-logs; until then there are \
         no credentials",
    );
    slot.is_java(findings).then(|| text.to_owned())
}

fn external_role_id(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let text = slot.text_not_empty(findings)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if !EXTERNAL_ID_CHARS.contains(&text.len()) || !text.chars().all(legal) {
        let message = format!("'{}': invalid external ID", slot.name());
        slot.hopeless(findings, Kind::Invalid, message)
            .help("expected 2 to 1224 letters, digits and _+=,.@:/-");
    }
    Some(text.to_owned())
}

fn user_agent(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> UserAgent {
    let mut header = |slot: Slot<'_>| {
        let text = slot.text_not_empty(findings)?.trim();
        let legal = |char: &char| char.is_ascii_graphic() || *char == ' ';
        let printable: String = text.chars().filter(legal).collect();
        if printable != text {
            let message =
                format!("'{}': invalid header value {}", slot.name(), slot.quoted(findings));
            slot.tolerated(findings, Kind::Invalid, message)
                .help("use printable ASCII characters; others are omitted");
        }
        let printable = printable.trim();
        (!printable.is_empty()).then(|| printable.to_owned())
    };
    match (header(file.user_agent_override), header(file.user_agent)) {
        (Some(all), _) => UserAgent::Replaced(all),
        (None, Some(first)) => UserAgent::Prefixed(first),
        (None, None) => UserAgent::Sdk,
    }
}

/// Both, or the usual chain, as in the Java agent.
fn static_keys(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> Option<StaticKeys> {
    let (id, secret) = (file.aws_access_key_id, file.aws_secret_access_key);
    match (id.text_not_empty(findings), secret.text_not_empty(findings)) {
        (Some(access_key_id), Some(secret_access_key)) => {
            if let Some((what, help)) = wrong_key(access_key_id) {
                let message = format!("'{}' is {what}", id.name());
                id.warn(findings, Kind::Invalid, message).help(help);
            }
            Some(StaticKeys {
                access_key_id: access_key_id.to_owned(),
                secret_access_key: secret_access_key.to_owned(),
            })
        }
        (None, None) => None,
        (Some(_), None) => lonely(id, secret, findings),
        (None, Some(_)) => lonely(secret, id, findings),
    }
}

/// What can be told of a key by its looks. An emulator takes any.
fn wrong_key(id: &str) -> Option<(&'static str, &'static str)> {
    if id.ends_with("EXAMPLE") || matches!(id, "ACCESSKEY" | "YOUR_ACCESS_KEY") {
        return Some(("AWS's own sample", "write the key that you have, or use a role"));
    }
    if id.len() == 20 && id.starts_with("ASIA") {
        return Some((
            "a temporary key, which requires a session token",
            "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the \
             environment, or use a role",
        ));
    }
    None
}

fn lonely(given: Slot<'_>, other: Slot<'_>, findings: &mut Findings<'_>) -> Option<StaticKeys> {
    // A value of the wrong type was reported already.
    if !other.is_not_text() {
        let message = format!("'{}' is ignored without '{}'", given.name(), other.name());
        given
            .warn(findings, Kind::NoEffect, message)
            .help("set both or neither; using the default AWS credential chain");
    }
    None
}

/// An empty name is no name, as in the Java agent. Where the endpoint is not AWS's own a region may
/// be called as anybody likes.
fn region(slot: Slot<'_>, is_custom: bool, findings: &mut Findings<'_>) -> Option<String> {
    let text = slot.text_not_empty(findings)?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let message = format!("'{}': invalid region {}", slot.name(), slot.quoted(findings));
    // The Java agent starts with whatever can stand in the name of a host.
    let host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let in_host = text.len() <= REGION_CHARS_MAX && text.bytes().all(host);
    let is_legal = text.len() <= REGION_CHARS_MAX && text.chars().all(legal);
    let is_usable = is_legal || in_host && slot.is_java(findings);
    match region::look(text) {
        Name::Known => {}
        Name::Malformed { help } if !is_usable => {
            slot.error(findings, Kind::Invalid, message).help(help);
            return None;
        }
        Name::Malformed { .. } | Name::Unknown { .. } if is_custom => {}
        Name::Malformed { help } => {
            slot.broken(findings, Kind::Invalid, message).help(help);
        }
        Name::Unknown { help } => {
            let message = format!("'{}': unknown value {}", slot.name(), slot.quoted(findings));
            slot.warn(findings, Kind::Invalid, message)
                .help(format!("{help} A new region can be right all the same"));
        }
    }
    Some(text.to_owned())
}

/// The admin address, or `None` for `off`.
pub(super) fn admin(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> Option<SocketAddr> {
    let slot = file.admin_address;
    let allow_remote = file.admin_allow_remote.boolean(findings, false);
    let Some(text) = slot.text(findings) else {
        return Some(ADMIN_ADDRESS_DEFAULT);
    };
    if text.eq_ignore_ascii_case("off") {
        return None;
    }
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        None => text.to_owned(),
    };
    let Ok(address) = numeric.parse::<SocketAddr>() else {
        let value = slot.quoted(findings);
        let message = format!("'{}': invalid socket address {value}", slot.name());
        slot.error(findings, Kind::Invalid, message).help(format!(
            "write an address such as {ADMIN_ADDRESS_DEFAULT} or [::1]:9470, or off"
        ));
        return Some(ADMIN_ADDRESS_DEFAULT);
    };
    if !address.ip().is_loopback() && !allow_remote {
        let message = format!("'{}': {address} is reachable from other hosts", slot.name());
        slot.error(findings, Kind::Conflict, message).help(
            "use a loopback address, or set \"admin.allowRemote\": true to expose file names and \
             metrics to the network",
        );
    }
    Some(address)
}

/// The path of the socket for commands.
pub(super) fn admin_socket(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> AdminSocket {
    let slot = file.admin_socket;
    let Some(path) = slot.text_not_empty(findings) else { return AdminSocket::Usual };
    if path == "off" {
        return AdminSocket::Off;
    }
    if path.len() > SOCKET_PATH_BYTES_MAX {
        let message = format!(
            "'{}' has {} bytes, and the path of a socket at most {SOCKET_PATH_BYTES_MAX}",
            slot.name(),
            path.len()
        );
        slot.error(findings, Kind::OutOfRange, message)
            .help("write a shorter path, such as /run/kinetail/kinetail.sock");
    }
    AdminSocket::At(PathBuf::from(path))
}

//! `kinesisStream` and `deliveryStream`: where a flow sends.

use super::Destination;
use super::diagnostics::{Findings, Kind};
use super::file::FlowFile;
use super::parse::Node;
use super::slot::Slot;

/// Characters in the name of a Kinesis stream (`CreateStream` in the API reference).
const STREAM_NAME_CHARS_MAX: usize = 128;

/// Characters in the name of a delivery stream (`CreateDeliveryStream` in the API reference).
const DELIVERY_STREAM_NAME_CHARS_MAX: usize = 64;

pub(super) fn destination(
    file: &FlowFile<'_>,
    item: &Node,
    findings: &mut Findings<'_>,
) -> Option<Destination> {
    let (kinesis, firehose) = (file.kinesis_stream, file.delivery_stream);
    let kinesis_name = kinesis.text(findings).is_some();
    if firehose.text(findings).is_some() {
        if kinesis_name {
            let message =
                "'kinesisStream' is ignored: 'deliveryStream' takes precedence".to_owned();
            kinesis
                .warn(findings, Kind::Conflict, message)
                .help("remove one; to ship to both, define two flows");
        }
        let name = stream_name(firehose, DELIVERY_STREAM_NAME_CHARS_MAX, findings)?;
        return Some(Destination::Firehose { delivery_stream: name });
    }
    if kinesis_name {
        let name = stream_name(kinesis, STREAM_NAME_CHARS_MAX, findings)?;
        return Some(Destination::Kinesis { stream: name });
    }
    let nameless = [firehose, kinesis].into_iter().find(|slot| slot.is_null());
    if let Some(slot) = nameless.filter(|slot| slot.is_java(findings)) {
        let message = format!("'{}' is null: the flow has no destination", slot.name());
        slot.broken(findings, Kind::Missing, message).help(
            "it starts, as in the Java agent, and what it reads waits for a stream called \"null\"",
        );
        let name = "null".to_owned();
        return Some(if slot.name() == firehose.name() {
            Destination::Firehose { delivery_stream: name }
        } else {
            Destination::Kinesis { stream: name }
        });
    }
    // A value of the wrong type was reported already.
    if kinesis.node().is_none() && firehose.node().is_none() {
        let message = "the flow has no destination".to_owned();
        findings
            .error(Kind::Missing, &item.span, message)
            .help("set \"kinesisStream\" or \"deliveryStream\"");
    }
    None
}

fn stream_name(slot: Slot<'_>, chars_max: usize, findings: &mut Findings<'_>) -> Option<String> {
    let name = slot.text(findings)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !name.is_empty() && name.len() <= chars_max && name.chars().all(legal) {
        return Some(name.to_owned());
    }
    let arn_help = "use the stream name: the part of the ARN after '/'";
    let last = name.rsplit('/').next().unwrap_or_default();
    let help = if name.starts_with("arn:") && name.contains(":deliverystream/") {
        format!("{arn_help}, of a delivery stream: write \"deliveryStream\": \"{last}\"")
    } else if name.starts_with("arn:") && name.contains(":stream/") {
        format!("{arn_help}: write \"kinesisStream\": \"{last}\"")
    } else if name.starts_with("arn:") {
        arn_help.to_owned()
    } else if name.ends_with([',', ';']) {
        "remove the comma".to_owned()
    } else {
        format!("a name has 1 to {chars_max} letters, digits, '_', '.' and '-'")
    };
    let message = format!("'{}': invalid stream name {}", slot.name(), slot.quoted(findings));
    // A thread is called after the stream, which no NUL can be in.
    if name.contains('\0') || !slot.is_java(findings) {
        slot.error(findings, Kind::Invalid, message).help(help);
        return None;
    }
    slot.broken(findings, Kind::Invalid, message).help(format!(
        "the service will reject it and delivery of this flow is delayed, as in the Java agent; \
         {help}"
    ));
    Some(name.to_owned())
}

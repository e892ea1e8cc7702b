//! `TIMESTAMP`.

use jiff::tz::TimeZone;

use super::super::diagnostics::{Findings, Kind};
use super::super::file::mirror;
use super::super::slot::Slot;
use super::{Item, list_of_names, name_of, require};
use crate::process::steps::{Otherwise, ParseTime, Step, TimeFormat};

mirror! {
    /// The keys of TIMESTAMP.
    TimestampFile {
        field: "field" own,
        format: "format" own,
        otherwise: "otherwise" own,
        precision: "precision" own,
        to: "to" own,
        zone: "zone" own,
    }
}

const PRECISIONS: &[(&str, u8)] = &[("seconds", 0), ("millis", 3), ("micros", 6), ("nanos", 9)];

const OTHERWISE: &[(&str, Otherwise)] =
    &[("keep", Otherwise::Keep), ("now", Otherwise::Now), ("remove", Otherwise::Remove)];

pub(super) fn build(item: Item<'_>, findings: &mut Findings<'_>) -> Option<Box<dyn Step>> {
    let file = TimestampFile::of(item.entries);
    require(item, file.field, findings, "the member that has the time");
    let formats =
        list_of_names(file.format, findings).unwrap_or_else(|| vec!["rfc3339".to_owned()]);
    let formats = formats.iter().filter_map(|text| format(text, file.format, findings)).collect();
    let zone = zone(file.zone, findings);
    let digits = file.precision.choice(findings, PRECISIONS, 3);
    let otherwise = file.otherwise.choice(findings, OTHERWISE, Otherwise::Keep);
    let field = name_of(file.field, findings)?;
    let to = name_of(file.to, findings).unwrap_or_else(|| field.clone());
    Some(Box::new(ParseTime { field, to, formats, zone: zone?, digits, otherwise }))
}

fn format(text: &str, slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<TimeFormat> {
    match text {
        "rfc3339" => Some(TimeFormat::Rfc3339),
        "unixMillis" => Some(TimeFormat::UnixMillis),
        "unixSeconds" => Some(TimeFormat::UnixSeconds),
        _ if text.contains('%') => {
            let format = TimeFormat::Strptime(text.to_owned());
            let Some(fault) = fault(&format) else { return Some(format) };
            let message = format!("'{}' {} {fault}", slot.name(), slot.quoted(findings));
            slot.error(findings, Kind::Invalid, message).help(
                "each part must be read, and year, month and day, or month and day, be there; \
                 %z reads +0200, and zone is for times without it",
            );
            None
        }
        _ => {
            let message = format!("'{}': invalid format {}", slot.name(), slot.quoted(findings));
            slot.error(findings, Kind::Invalid, message).help(
                "use rfc3339, unixSeconds, unixMillis, or a strptime format such as \
                 %d/%b/%Y:%H:%M:%S %z",
            );
            None
        }
    }
}

fn zone(slot: Slot<'_>, findings: &mut Findings<'_>) -> Option<TimeZone> {
    let Some(text) = slot.text_not_empty(findings) else { return Some(TimeZone::UTC) };
    let offset = jiff::fmt::strtime::parse("%:z", text).ok().and_then(|time| time.offset());
    let zone = match offset {
        Some(offset) => Some(TimeZone::fixed(offset)),
        None if matches!(text, "UTC" | "Z" | "GMT") => Some(TimeZone::UTC),
        None => TimeZone::get(text).ok(),
    };
    if zone.is_none() {
        let message = format!("'{}': invalid time zone {}", slot.name(), slot.quoted(findings));
        let help = if jiff::tz::db().is_definitively_empty() {
            "this system has no time zones: install its package tzdata, or write an offset such \
             as +02:00"
        } else {
            "write a name such as Europe/Berlin, or an offset such as +02:00"
        };
        slot.error(findings, Kind::Invalid, message).help(help);
    }
    zone
}

/// Some time, with every part that a format may have.
const SOME_TIME: i64 = 1_795_960_800;

/// What is wrong with a format that can never give a time.
fn fault(format: &TimeFormat) -> Option<&'static str> {
    let TimeFormat::Strptime(text) = format else { return None };
    let some = jiff::Timestamp::from_second(SOME_TIME).unwrap_or_default();
    let Ok(written) = jiff::fmt::strtime::format(text, &some.to_zoned(TimeZone::UTC)) else {
        return Some("has a part that strptime does not know");
    };
    if jiff::fmt::strtime::parse(text, &written).is_err() {
        return Some("has a part that can be written but not read, such as %Z");
    }
    let read = format.read(&written, &TimeZone::UTC, some);
    read.is_none().then_some("has no date")
}

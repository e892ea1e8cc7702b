//! `TIMESTAMP`.

use jiff::tz::{Offset, TimeZone};
use kinetail_records::steps::{Otherwise, ParseTime, TimeFormat};
use kinetail_records::{ConverterConfig, Name};

use super::{one, table};

fn time(formats: Vec<TimeFormat>, digits: u8, otherwise: Otherwise) -> ConverterConfig {
    let zone = TimeZone::fixed(Offset::from_hours(2).unwrap());
    let field = Name::new("t");
    one(ParseTime { to: field.clone(), field, formats, zone, digits, otherwise })
}

fn strptime(format: &str) -> TimeFormat {
    TimeFormat::Strptime(format.to_owned())
}

#[test]
fn times_of_rfc_3339_and_what_is_close_to_them() {
    let bad = |text: &str| format!("{text} ? it contains no time in the configured formats");
    table(
        &[time(vec![TimeFormat::Rfc3339], 3, Otherwise::Keep)],
        &[
            (r#"{"t":"2026-11-29T10:00:00Z"}"#, r#"{"t":"2026-11-29T10:00:00.000Z"}"#),
            (r#"{"t":"2026-11-29T10:00:00.123456789Z"}"#, r#"{"t":"2026-11-29T10:00:00.123Z"}"#),
            (r#"{"t":"2026-11-29T10:00:00+02:00"}"#, r#"{"t":"2026-11-29T08:00:00.000Z"}"#),
            (r#"{"t":"2026-11-29T10:00:00+0200"}"#, r#"{"t":"2026-11-29T08:00:00.000Z"}"#),
            (r#"{"t":"2026-11-29 10:00:00Z"}"#, r#"{"t":"2026-11-29T10:00:00.000Z"}"#),
            (r#"{"t":"2026-11-29 10:00:00,5"}"#, r#"{"t":"2026-11-29T08:00:00.500Z"}"#),
            (r#"{"t":"2026-11-29 10:00:00 +0200"}"#, r#"{"t":"2026-11-29T08:00:00.000Z"}"#),
            (r#"{"t":"2026-11-29T10:00:00"}"#, r#"{"t":"2026-11-29T08:00:00.000Z"}"#),
            (r#"{"t":" 2026-11-29T10:00:00Z "}"#, r#"{"t":"2026-11-29T10:00:00.000Z"}"#),
            (r#"{"t":"2024-02-29T00:00:00Z"}"#, r#"{"t":"2024-02-29T00:00:00.000Z"}"#),
            (r#"{"t":"2016-12-31T23:59:60Z"}"#, r#"{"t":"2016-12-31T23:59:59.000Z"}"#),
            (
                r#"{"a":1,"t":"2026-11-29T10:00:00Z","b":2}"#,
                r#"{"a":1,"t":"2026-11-29T10:00:00.000Z","b":2}"#,
            ),
            (r#"{"t":"2026-13-01T00:00:00Z"}"#, &bad(r#"{"t":"2026-13-01T00:00:00Z"}"#)),
            (r#"{"t":"2026-02-30T00:00:00Z"}"#, &bad(r#"{"t":"2026-02-30T00:00:00Z"}"#)),
            (r#"{"t":"yesterday"}"#, &bad(r#"{"t":"yesterday"}"#)),
            (r#"{"t":""}"#, &bad(r#"{"t":""}"#)),
            (r#"{"t":null}"#, &bad(r#"{"t":null}"#)),
            (r#"{"t":{}}"#, &bad(r#"{"t":{}}"#)),
            (r#"{"t":1764410400}"#, &bad(r#"{"t":1764410400}"#)),
            (r#"{"u":1}"#, r#"{"u":1} ? it has no such member, or the member is not a string"#),
            ("text", "text ? invalid JSON at byte 0"),
        ],
    );
}

#[test]
fn times_by_formats_and_numbers() {
    table(
        &[time(
            vec![strptime("%d/%b/%Y:%H:%M:%S %z"), strptime("%Y%m%d"), TimeFormat::UnixSeconds],
            0,
            Otherwise::Keep,
        )],
        &[
            (r#"{"t":"29/Nov/2026:10:00:00 +0100"}"#, r#"{"t":"2026-11-29T09:00:00Z"}"#),
            (r#"{"t":1795960800}"#, r#"{"t":"2026-11-29T14:00:00Z"}"#),
            (r#"{"t":"1795960800.75"}"#, r#"{"t":"2026-11-29T14:00:00Z"}"#),
            (r#"{"t":-1}"#, r#"{"t":"1969-12-31T23:59:59Z"}"#),
            (r#"{"t":0}"#, r#"{"t":"1970-01-01T00:00:00Z"}"#),
            (r#"{"t":1e9}"#, r#"{"t":1e9} ? it contains no time in the configured formats"#),
            (
                r#"{"t":999999999999999999999999999999999999999999999999}"#,
                "{\"t\":999999999999999999999999999999999999999999999999} ? it contains no time in \
                 the configured formats",
            ),
        ],
    );
    table(
        &[time(vec![TimeFormat::UnixMillis], 9, Otherwise::Keep)],
        &[
            (r#"{"t":1795960800500}"#, r#"{"t":"2026-11-29T14:00:00.500000000Z"}"#),
            (r#"{"t":"1795960800500.25"}"#, r#"{"t":"2026-11-29T14:00:00.500250000Z"}"#),
        ],
    );
    // Without a year it is the newest that is not ahead of the clock.
    table(
        &[time(vec![strptime("%b %e %H:%M:%S")], 6, Otherwise::Keep)],
        &[
            (r#"{"t":"Nov 29 16:00:00"}"#, r#"{"t":"2026-11-29T14:00:00.000000Z"}"#),
            (r#"{"t":"Nov  9 16:00:00"}"#, r#"{"t":"2026-11-09T14:00:00.000000Z"}"#),
            (r#"{"t":"Nov 30 10:00:00"}"#, r#"{"t":"2026-11-30T08:00:00.000000Z"}"#),
            (r#"{"t":"Dec 31 23:59:59"}"#, r#"{"t":"2025-12-31T21:59:59.000000Z"}"#),
            (r#"{"t":"Feb 29 00:00:00"}"#, r#"{"t":"2024-02-28T22:00:00.000000Z"}"#),
        ],
    );
}

#[test]
fn what_holds_no_time_is_kept_removed_or_gets_the_clock() {
    let formats = || vec![TimeFormat::Rfc3339];
    table(
        &[time(formats(), 3, Otherwise::Now)],
        &[
            (r#"{"t":"x"}"#, r#"{"t":"2026-11-29T14:00:00.500Z"}"#),
            ("{}", r#"{"t":"2026-11-29T14:00:00.500Z"}"#),
        ],
    );
    table(
        &[time(formats(), 3, Otherwise::Remove)],
        &[(r#"{"t":"x","a":1}"#, r#"{"a":1} ? it contains no time in the configured formats"#)],
    );
    // A member in an object gets the time where it is.
    let (zone, field) = (TimeZone::UTC, Name::new("h.t"));
    let (to, otherwise) = (field.clone(), Otherwise::Now);
    let step = ParseTime { field, to, formats: formats(), zone, digits: 0, otherwise };
    table(
        &[one(step)],
        &[
            (
                r#"{"h":{"t":"2026-11-29 10:00:00","u":1}}"#,
                r#"{"h":{"t":"2026-11-29T10:00:00Z","u":1}}"#,
            ),
            (r#"{"h":{"t":"x"}}"#, r#"{"h":{"t":"2026-11-29T14:00:00Z"}}"#),
            (r#"{"h":{}}"#, r#"{"h":{},"h.t":"2026-11-29T14:00:00Z"}"#),
        ],
    );
    let zone = TimeZone::UTC;
    let (field, to) = (Name::new("h.t"), Name::new("at"));
    let step =
        ParseTime { field, to, formats: formats(), zone, digits: 3, otherwise: Otherwise::Keep };
    table(
        &[one(step)],
        &[(r#"{"h":{"t":"2026-11-29T10:00:00Z"}}"#, r#"{"h":{},"at":"2026-11-29T10:00:00.000Z"}"#)],
    );
}

//! `TIMESTAMP`: reads the time in a member, whatever its format, and writes it as RFC 3339.

use jiff::civil::DateTime;
use jiff::fmt::StdIoWrite;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::{Context, Step, Stop, Unparsable};
use crate::record::{Name, Record};
use crate::scan_json;

/// The step.
#[derive(Debug, Clone)]
pub struct ParseTime {
    /// `field`: the member with the time.
    pub field: Name,
    /// `to`: the member that gets it, the same one unless another is given.
    pub to: Name,
    /// `format`: tried in this order.
    pub formats: Vec<TimeFormat>,
    /// `zone`: where a time is that says nothing about it.
    pub zone: TimeZone,
    /// `precision`: digits behind the seconds.
    pub digits: u8,
    /// `otherwise`.
    pub otherwise: Otherwise,
}

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// As RFC 3339 has it, also with a blank, a comma, or without an offset.
    Rfc3339,
    /// As `strptime` reads it.
    Strptime(String),
    /// Milliseconds since 1970.
    UnixMillis,
    /// Seconds since 1970, perhaps with a fraction.
    UnixSeconds,
}

/// What becomes of a member that holds no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// It stays.
    Keep,
    /// It gets the time of the conversion.
    Now,
    /// It is removed.
    Remove,
}

impl Step for ParseTime {
    fn name(&self) -> &'static str {
        "TIMESTAMP"
    }

    fn apply(&mut self, record: &mut Record, context: &Context) -> Result<(), Stop> {
        record.parse()?;
        let now = Timestamp::from_millisecond(context.unix_millis).unwrap_or_default();
        let value = record.get(self.field.text());
        let read = value.and_then(|value| self.read(value, now));
        let had_value = value.is_some();
        if let Some(time) = read {
            if self.to != self.field {
                record.remove(self.field.text());
            }
            self.write(record, time);
            return Ok(());
        }
        match self.otherwise {
            Otherwise::Keep => {}
            Otherwise::Now => {
                self.write(record, now);
                return Ok(());
            }
            Otherwise::Remove => record.remove(self.field.text()),
        }
        Err(if had_value { Unparsable::NoTime } else { Unparsable::NoField }.into())
    }
}

impl ParseTime {
    fn write(&self, record: &mut Record, time: Timestamp) {
        let printer = DateTimePrinter::new().precision(Some(self.digits));
        record.put(&self.to, |out| {
            out.push(b'"');
            // A vector takes whatever is written.
            let written = printer.print_timestamp(&time, StdIoWrite(&mut *out));
            debug_assert!(written.is_ok(), "memory can be written");
            out.push(b'"');
        });
    }

    fn read(&self, value: &[u8], now: Timestamp) -> Option<Timestamp> {
        let mut decoded = Vec::new();
        scan_json::append_text(value, &mut decoded);
        let text = std::str::from_utf8(&decoded).ok()?.trim();
        if text.len() > TIME_BYTES_MAX {
            return None;
        }
        self.formats.iter().find_map(|format| format.read(text, &self.zone, now))
    }
}

impl TimeFormat {
    /// Reads a time that is in `zone` unless it says another.
    #[must_use]
    pub fn read(&self, text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rfc3339 => rfc3339(text, zone),
            Self::Strptime(format) => strptime(format, text, zone, now),
            Self::UnixMillis => unix(text, 3),
            Self::UnixSeconds => unix(text, 0),
        }
    }
}

/// No time is written in more bytes.
const TIME_BYTES_MAX: usize = 200;

/// A decimal number of seconds, or of thousandths of them, since 1970.
fn unix(text: &str, scale: usize) -> Option<Timestamp> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let nanos = format!("{whole}{fraction:0<width$.width$}", width = 9 - scale);
    let nanos: i128 = nanos.parse().ok()?;
    Timestamp::from_nanosecond(if negative { -nanos } else { nanos }).ok()
}

fn rfc3339(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    // Log4j and Python write a comma.
    let dotted = text.replacen(',', ".", 1);
    if let Ok(time) = dotted.parse::<Timestamp>() {
        return Some(time);
    }
    // `+0200`, and a zone behind a blank.
    let compact: String = dotted.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    for text in [&dotted, &compact] {
        let format = ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d%H:%M:%S%.f%z"];
        for format in format {
            if let Ok(time) = BrokenDownTime::parse(format, text) {
                return time.to_timestamp().ok();
            }
        }
    }
    let local: DateTime = dotted.parse().ok()?;
    zone.to_timestamp(local).ok()
}

fn strptime(format: &str, text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let mut time = BrokenDownTime::parse(format, text).ok()?;
    if time.year().is_none() && time.month().is_some() {
        return newest_past(&mut time, zone, now);
    }
    if time.offset().is_some() {
        return time.to_timestamp().ok();
    }
    match time.to_datetime() {
        Ok(local) => zone.to_timestamp(local).ok(),
        // Only `%s` says it all.
        Err(_) => time.to_timestamp().ok(),
    }
}

/// Syslog writes no year: it is the newest that is not more than a day ahead of the clock.
fn newest_past(time: &mut BrokenDownTime, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let latest = now.checked_add(Span::new().hours(24)).ok()?;
    let this = zone.to_datetime(latest).year();
    // The 29th of February comes every fourth year, or every eighth.
    (0..9).find_map(|back| {
        time.set_year(Some(this - back)).ok()?;
        let found = match time.offset() {
            Some(_) => time.to_timestamp(),
            None => zone.to_timestamp(time.to_datetime().ok()?),
        };
        found.ok().filter(|found| *found <= latest)
    })
}

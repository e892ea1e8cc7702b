//! The traditional lines of a syslog daemon, with the old time stamp or that of RFC 3339.

use super::Values;
use super::scan::{Scan, is_word};

/// The fields of both formats.
pub(super) const FIELDS: [&str; 5] = ["timestamp", "hostname", "program", "processid", "message"];

/// `Oct  9 22:33:20 host program[pid]: message`.
pub(super) fn rfc3164(line: &[u8]) -> Option<Values<'_>> {
    let start = Scan::new(line);
    let mut scan = start;
    scan.month()?;
    scan.whitespace()?;
    scan.month_day()?;
    scan.whitespace()?;
    scan.time()?;
    after_timestamp(start.taken_until(scan), scan)
}

/// `2026-10-09T22:33:20.123+00:00 host program[pid]: message`.
pub(super) fn rfc3339(line: &[u8]) -> Option<Values<'_>> {
    let start = Scan::new(line);
    let mut scan = start;
    for (digits, separator) in [(4, b"-"), (2, b"-"), (2, b"T"), (2, b":"), (2, b":")] {
        number(&mut scan, digits)?;
        scan.literal(separator)?;
    }
    number(&mut scan, 2)?;
    if scan.starts_with(b'.') {
        scan.literal(b".")?;
        scan.digits()?;
    }
    if scan.starts_with(b'Z') {
        scan.literal(b"Z")?;
    } else {
        scan.byte(|byte| byte == b'+' || byte == b'-')?;
        number(&mut scan, 2)?;
        scan.literal(b":")?;
        number(&mut scan, 2)?;
    }
    after_timestamp(start.taken_until(scan), scan)
}

/// Exactly so many digits, and no more.
fn number(scan: &mut Scan<'_>, digits: usize) -> Option<()> {
    (scan.digits()?.len() == digits).then_some(())
}

/// Everything behind the time stamp. The process number may be missing, with its brackets.
fn after_timestamp<'t>(timestamp: &'t [u8], mut scan: Scan<'t>) -> Option<Values<'t>> {
    scan.literal(b" ")?;
    if scan.starts_with(b'<') {
        facility(&mut scan)?;
        scan.literal(b" ")?;
    }
    let host = scan.user()?;
    scan.literal(b" ")?;
    let program = scan.run(|byte| is_word(byte) || matches!(byte, b'.' | b'/' | b'%' | b'-'))?;
    let process = if scan.starts_with(b'[') {
        scan.literal(b"[")?;
        let process = scan.positive()?;
        scan.literal(b"]")?;
        Some(process)
    } else {
        None
    };
    scan.literal(b": ")?;
    let message = scan.rest_of_line()?;
    let [timestamp, host, program, message] = [timestamp, host, program, message].map(Some);
    Some([timestamp, host, program, process, message, None, None, None, None])
}

/// The priority in angle brackets: digits, any one character, digits. The character may itself
/// be a digit, so three digits do, or the closing bracket, if there is another behind it.
fn facility(scan: &mut Scan<'_>) -> Option<()> {
    scan.literal(b"<")?;
    let digits = scan.digits()?;
    if digits.len() >= 3 && scan.starts_with(b'>') {
        let mut remainder = *scan;
        remainder.literal(b">")?;
        if remainder.starts_with(b' ') {
            *scan = remainder;
            return Some(());
        }
    }
    scan.any_char()?;
    scan.digits()?;
    scan.literal(b">")
}

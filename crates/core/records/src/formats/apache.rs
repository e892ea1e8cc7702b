//! The access and error logs of Apache's web server.

use super::Values;
use super::scan::{Scan, is_space, is_word};

/// The fields of the common log format.
pub(super) const COMMON_FIELDS: [&str; 7] =
    ["host", "ident", "authuser", "datetime", "request", "response", "bytes"];

/// The fields of the combined log format.
pub(super) const COMBINED_FIELDS: [&str; 9] =
    ["host", "ident", "authuser", "datetime", "request", "response", "bytes", "referer", "agent"];

/// The fields of the error log.
pub(super) const ERROR_FIELDS: [&str; 7] =
    ["timestamp", "module", "severity", "processid", "threadid", "client", "message"];

/// `host ident user [date] "request" status bytes`, then anything on the same line.
pub(super) fn common(line: &[u8]) -> Option<Values<'_>> {
    let mut scan = Scan::new(line);
    let values = access(&mut scan)?;
    scan.rest_of_line()?;
    Some(values)
}

/// The common format and ` "referer" "agent"`, then anything on the same line.
pub(super) fn combined(line: &[u8]) -> Option<Values<'_>> {
    let mut scan = Scan::new(line);
    let mut values = access(&mut scan)?;
    scan.literal(b" ")?;
    let referer = scan.quoted()?;
    scan.literal(b" ")?;
    let agent = scan.quoted()?;
    scan.rest_of_line()?;
    let [.., referer_value, agent_value] = &mut values;
    *referer_value = Some(referer);
    *agent_value = Some(agent);
    Some(values)
}

/// The seven fields that both access log formats begin with.
fn access<'t>(scan: &mut Scan<'t>) -> Option<Values<'t>> {
    let host = scan.host()?;
    scan.literal(b" ")?;
    let ident = scan.user()?;
    scan.literal(b" ")?;
    let user = scan.user()?;
    scan.literal(b" [")?;
    let date = access_date(scan)?;
    scan.literal(b"] ")?;
    let request = scan.quoted()?;
    scan.literal(b" ")?;
    let status = scan.integer_or_dash()?;
    scan.literal(b" ")?;
    let bytes = scan.integer_or_dash()?;
    Some([
        Some(host),
        Some(ident),
        Some(user),
        Some(date),
        Some(request),
        Some(status),
        Some(bytes),
        None,
        None,
    ])
}

/// `10/Oct/2000:13:55:36 -0700`.
fn access_date<'t>(scan: &mut Scan<'t>) -> Option<&'t [u8]> {
    let start = *scan;
    scan.month_day()?;
    scan.literal(b"/")?;
    scan.month()?;
    scan.literal(b"/")?;
    scan.positive()?;
    scan.literal(b":")?;
    scan.time()?;
    scan.byte(is_space)?;
    scan.integer()?;
    Some(start.taken_until(*scan))
}

/// `[date] [module:severity] [pid 1:tid 2] [client host:port] message`; module, thread and port
/// may be missing, each with its colon.
pub(super) fn error(line: &[u8]) -> Option<Values<'_>> {
    let mut scan = Scan::new(line);
    scan.literal(b"[")?;
    let timestamp = error_date(&mut scan)?;
    scan.literal(b"] [")?;
    let (module, severity) = module_and_severity(&mut scan)?;
    scan.literal(b"] [pid ")?;
    let process = scan.digits()?;
    let thread = if scan.starts_with(b':') {
        scan.literal(b":tid ")?;
        Some(scan.digits()?)
    } else {
        None
    };
    scan.literal(b"] [client ")?;
    let client = client(&mut scan)?;
    scan.literal(b"] ")?;
    let message = scan.rest_of_line()?;
    Some([
        Some(timestamp),
        module,
        Some(severity),
        Some(process),
        thread,
        Some(client),
        Some(message),
        None,
        None,
    ])
}

/// `Wed Oct 11 14:32:52.123456 2000`.
fn error_date<'t>(scan: &mut Scan<'t>) -> Option<&'t [u8]> {
    let start = *scan;
    scan.week_day()?;
    scan.whitespace()?;
    scan.month()?;
    scan.whitespace()?;
    scan.month_day()?;
    scan.whitespace()?;
    scan.time()?;
    scan.whitespace()?;
    scan.positive()?;
    Some(start.taken_until(*scan))
}

fn module_and_severity<'t>(scan: &mut Scan<'t>) -> Option<(Option<&'t [u8]>, &'t [u8])> {
    let word = scan.run(is_word)?;
    if !scan.starts_with(b':') {
        return Some((None, word));
    }
    scan.literal(b":")?;
    Some((Some(word), scan.run(is_word)?))
}

/// A host, perhaps with a port that is part of the value.
fn client<'t>(scan: &mut Scan<'t>) -> Option<&'t [u8]> {
    let start = *scan;
    scan.host()?;
    if scan.starts_with(b':') {
        scan.literal(b":")?;
        scan.positive()?;
    }
    Some(start.taken_until(*scan))
}

//! What log lines are put together from: for each part, valid text first, then other valid text
//! and text that is nearly valid.

use super::super::LogFormat;

/// The parts of a line, and for each of them what may stand there.
pub(super) fn parts_of(format: LogFormat) -> Vec<&'static [&'static str]> {
    match format {
        LogFormat::CommonApacheLog => [ACCESS, &[TAILS]].concat(),
        LogFormat::CombinedApacheLog => [ACCESS, AGENT, &[TAILS]].concat(),
        LogFormat::ApacheErrorLog => [ERROR_DATE, ERROR_DETAILS, &[TEXTS, TAILS]].concat(),
        LogFormat::Syslog => [SYSLOG_DATE, SYSLOG, &[TEXTS, TAILS]].concat(),
        LogFormat::Rfc3339Syslog => [&[TIMESTAMPS, &[" "]], SYSLOG, &[TEXTS, TAILS]].concat(),
    }
}

/// A part that is always there.
macro_rules! fixed {
    ($text:literal) => {
        &[$text, ""]
    };
}

#[rustfmt::skip]
const ACCESS: &[&[&str]] = &[
    HOSTS, fixed!(" "), NAMES, fixed!(" "), NAMES, fixed!(" ["), DAYS, fixed!("/"), MONTHS,
    fixed!("/"), YEARS, fixed!(":"), CLOCKS, SPACES, AMOUNTS, fixed!("] \""), TEXTS, fixed!("\" "),
    AMOUNTS, fixed!(" "), AMOUNTS,
];

const AGENT: &[&[&str]] = &[fixed!(" \""), TEXTS, fixed!("\" \""), TEXTS, fixed!("\"")];

#[rustfmt::skip]
const ERROR_DATE: &[&[&str]] = &[
    fixed!("["), WEEK_DAYS, SPACES, MONTHS, SPACES, DAYS, SPACES, CLOCKS, SPACES, YEARS,
];

#[rustfmt::skip]
const ERROR_DETAILS: &[&[&str]] = &[
    fixed!("] ["), MODULES, SEVERITIES, fixed!("] [pid "), NUMBERS, THREADS, fixed!("] [client "),
    HOSTS, PORTS, fixed!("] "),
];

const SYSLOG_DATE: &[&[&str]] = &[MONTHS, SPACES, DAYS, SPACES, CLOCKS, SPACES];

const SYSLOG: &[&[&str]] = &[FACILITIES, NAMES, fixed!(" "), PROGRAMS, COLONS];

#[rustfmt::skip]
const HOSTS: &[&str] = &[
    "1.2.3.4", "web-1.example.com", "host.", "..1", "1..2", ".", "a..b", ".a", "-", "::1", "_",
    "h\u{E9}", "a.b..", "1.2.", "",
];

const NAMES: &[&str] = &["-", "frank", "a.b", "..", "a@b", "a b", "\u{E9}", "_1-", ""];

#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "GET /a.gif HTTP/1.0", "-", "", "a\\", "\u{E9}\u{1F600}", "a\nb", "a\rb", " ", "a\u{85}b",
    "\u{2028}", "\u{A8}\u{E2}\u{2027}\u{C2}",
];

const AMOUNTS: &[&str] = &["200", "-", "-1", "+5", "+", "--", "-1junk", "1-", "", "0"];

const DAYS: &[&str] =
    &["10", "1", "01", "31", "32", "00", "0", "9", "010", "3", "39", "29", "1\u{661}"];

#[rustfmt::skip]
const MONTHS: &[&str] = &[
    "Oct", "October", "May", "Mayo", "Sept", "september", "Decem", "Jun", "June", "Junely", "J",
    "Jan", "January", "Feb", "February", "Mar", "March", "Apr", "April", "Jul", "July", "Aug",
    "August", "Sep", "September", "Nov", "November", "Dec", "December",
];

#[rustfmt::skip]
const WEEK_DAYS: &[&str] = &[
    "Wed", "Wednesday", "Mon", "Monday", "Su", "Sund", "Sun", "Sunday", "sun", "Tue", "Tuesday",
    "Thu", "Thursday", "Fri", "Friday", "Sat", "Saturday",
];

#[rustfmt::skip]
const CLOCKS: &[&str] = &[
    "13:55:36", "1:02:03", "24:00:00", "23:59:60", "23:59:61", "00:60:00", "0:0:0", "12:00:7",
    "12:00:60.5", "12:00:00,123", "12:00:00:1", "12:00:00.", "20:00:600", "2:00:00.1.2",
    "012:00:00", "12:00:", "12:00", "29:00:00",
];

const SPACES: &[&str] = &[" ", "  ", "\t", "", "\u{A0}", " \n", "\u{B}", "\u{1C}", "\u{C}\r"];

const YEARS: &[&str] = &["2000", "0200", "1", "20001", ""];

const TAILS: &[&str] = &["", " x", "x", "\n", "\r", "\u{2029}", "\u{2027}", " \"\" x", "\u{E9}"];

const NUMBERS: &[&str] = &["12", "1", "0", "01", "", "123456789012345678901234567890", "1a"];

const SEVERITIES: &[&str] = &["error", "warn_1", "", "-", "a b", "\u{E9}", "a:b"];

const MODULES: &[&str] = &["core:", "", "a_1:", ":", "a-b:", "a:b:"];

const THREADS: &[&str] = &[":tid 12", "", ":tid ", ":", ":tid 1:tid 2", ":tid x", ":tid 0"];

const PORTS: &[&str] = &[":80", "", ":080", ":", ":1:2"];

#[rustfmt::skip]
const FACILITIES: &[&str] = &[
    "", "<134> ", "<34> ", "<3.4> ", "<3\u{E9}4> ", "<1>2> ", "<123>4> ", "<1\n2> ", "<134>",
    "<1234x5> ", "<123>> ", "<123>>4> ", "<12>> ", "<.3> ", "<3.> ", "<1", "<",
];

#[rustfmt::skip]
const PROGRAMS: &[&str] = &[
    "prog", "a/b%c.d-e_", "prog[12]", "p[0]", "p[]", "p[1", "p[1]]", "p:", "", "(p)", "p[12]x",
    "[1]",
];

const COLONS: &[&str] = &[": ", ":", " : ", ":  ", ""];

#[rustfmt::skip]
const TIMESTAMPS: &[&str] = &[
    "2026-10-09T22:33:20Z", "2026-10-09T22:33:20.5+00:00", "9999-99-99T99:99:99-99:99",
    "2026-10-09T22:33:20+0000", "2026-10-09 22:33:20Z", "2026-1-09T22:33:20Z",
    "2026-10-09T22:33:20.Z", "2026-10-09T22:33:20", "12026-10-09T22:33:20Z",
    "2026-10-09T22:33:20.123-12:34", "2026-10-09T22:33:20+00:000",
];

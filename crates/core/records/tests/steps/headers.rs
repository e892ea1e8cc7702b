//! Lines that say what the columns of others are called: `#Fields` of W3C logs, and the first line
//! of CSV. Names are never guessed.

use kinetail_records::steps::{Header, Parse, ParseCsv, ParseLog, ReadyFormat, Types};
use kinetail_records::{Chain, ConverterConfig};
use serde_json::Value;

use super::{chain, one, run};

const IIS: &str =
    "2026-11-29 10:00:00 10.0.0.1 GET /a q=1 443 - ::1 Mozilla/5.0+(x) - 200 0 0 15\r\n";

const IIS_FIELDS: &str = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port \
    cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken";

const UNKNOWN: &str = "? the #Fields line of its file is unknown";

fn w3c(format: ReadyFormat) -> ConverterConfig {
    one(Parse::new(ParseLog::new(format), None, format.types()))
}

/// A line in the middle of its file.
fn middle(chain: &mut Chain, line: &str) -> String {
    chain.set_offset(1000);
    run(chain, line.as_bytes())
}

#[test]
fn fields_lines_say_what_follows() {
    let mut chain = chain(&[w3c(ReadyFormat::W3c)]);
    chain.set_path(7, "/u_ex.log");
    chain.set_offset(0);
    assert_eq!(run(&mut chain, format!("{IIS_FIELDS}\r\n").as_bytes()), "skipped: comment");
    let object: Value = serde_json::from_str(&middle(&mut chain, IIS)).unwrap();
    assert_eq!((&object["sc-status"], &object["cs-username"]), (&200.into(), &Value::Null));
    for line in ["#Software: IIS 10\r\n", "#Version: 1.0\n", "#Fields: date c-ip sc-status\r\n"] {
        assert_eq!(middle(&mut chain, line), "skipped: comment");
    }
    assert_eq!(
        middle(&mut chain, "2026-11-29 ::1 404\r\n"),
        "{\"date\":\"2026-11-29\",\"c-ip\":\"::1\",\"sc-status\":404}\n"
    );
    assert_eq!(
        middle(&mut chain, "2026-11-29 ::1\n"),
        "2026-11-29 ::1\n? column count does not match #Fields"
    );
    assert_eq!(middle(&mut chain, "#Fields: a a b\n"), "skipped: comment");
    assert_eq!(middle(&mut chain, "1 2 3\n"), "{\"a\":\"1\",\"column2\":\"2\",\"b\":\"3\"}\n");
}

#[test]
fn without_a_fields_line_nothing_is_guessed() {
    let cloud_front = concat!(
        "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.24\tGET\td111111abcdef8.cloudfr",
        "ont.net\t/index.html\t200\t-\tMozilla/5.0%20(x)\t-\t-\tHit\tSOX4xwn4XV6Q",
        "4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\td111111abcdef8.cloudfront.",
        "net\thttps\t23\t0.001\t-\tTLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\tHit\tHTT",
        "P/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-\n",
    );
    for (format, line) in [(ReadyFormat::W3c, IIS), (ReadyFormat::CloudFront, cloud_front)] {
        let mut chain = chain(&[w3c(format)]);
        assert_eq!(middle(&mut chain, line), format!("{line}{UNKNOWN}"));
        // The names of one file are not those of another.
        chain.set_path(8, "/other");
        assert_eq!(middle(&mut chain, "#Fields: a b\n"), "skipped: comment");
        chain.set_path(9, "/third");
        assert_eq!(middle(&mut chain, line), format!("{line}{UNKNOWN}"));
        // A file that starts over forgets.
        chain.set_path(8, "/other");
        assert_eq!(middle(&mut chain, "1 2\n"), "{\"a\":\"1\",\"b\":\"2\"}\n");
        chain.set_offset(0);
        assert_eq!(run(&mut chain, b"1 2\n"), format!("1 2\n{UNKNOWN}"));
    }
}

#[test]
fn a_header_that_was_found_again_counts() {
    let mut chain = chain(&[w3c(ReadyFormat::W3c)]);
    chain.set_path(7, "/u_ex.log");
    assert_eq!(chain.header(7), Some(Header::Last("#Fields:")));
    chain.learn(b"#Fields: x y\r", 7);
    assert_eq!(chain.header(7), None);
    assert_eq!(middle(&mut chain, "1 2\n"), "{\"x\":\"1\",\"y\":\"2\"}\n");
    assert_eq!(chain.header(8), Some(Header::Last("#Fields:")));
    let csv = one(Parse::new(ParseCsv::new(b',', &[], true), None, Types::Strings));
    let mut chain = super::chain(&[csv]);
    chain.set_path(7, "/a.csv");
    assert_eq!(chain.header(7), Some(Header::First));
    assert_eq!(
        middle(&mut chain, "1,2\n"),
        "1,2\n? the header line of its file is unknown, and 'names' is not set"
    );
    chain.learn("\u{FEFF}id,\"the name\"\r".as_bytes(), 7);
    assert_eq!(chain.header(7), None);
    assert_eq!(middle(&mut chain, "1,2\n"), "{\"id\":\"1\",\"the name\":\"2\"}\n");
}

//! `PARSELOG` of formats that only AWS and Windows write: the lines of their manuals, with one
//! column after the other as odd clients and other versions have it.

use kinetail_records::steps::{Parse, ParseLog, ReadyFormat};
use serde_json::Value;

use super::{chain, one, run};

const BAD: &str = "unparsable";

/// A line of which one column is another, and what becomes of a member; [`BAD`] for a line that is
/// not parsed, and "" for a member that is not there.
type Case<'c> = (usize, &'c str, &'c str, &'c str);

fn cases(
    format: ReadyFormat,
    header: Option<&str>,
    line: &[&str],
    blank: &str,
    cases: &[Case<'_>],
) {
    assert!(cases.len() >= 25, "{}", cases.len());
    let mut chain = chain(&[one(Parse::new(ParseLog::new(format), None, format.types()))]);
    chain.set_offset(0);
    if let Some(header) = header {
        assert_eq!(run(&mut chain, header.as_bytes()), "skipped: comment");
        chain.set_offset(99);
    }
    for (column, text, member, want) in cases {
        let mut columns = line.to_vec();
        columns[*column] = text;
        columns.retain(|column| !column.is_empty());
        let out = run(&mut chain, format!("{}\n", columns.join(blank)).as_bytes());
        // A line that cannot be parsed is there unchanged, with the reason.
        let Ok(object) = serde_json::from_str::<Value>(&out) else {
            assert_eq!(*want, BAD, "{text}: {out}");
            continue;
        };
        let got = object.get(member).map_or_else(String::new, Value::to_string);
        assert_eq!(got, *want, "{member} of {text}: {out}");
    }
}

/// The example of the manual of Elastic Load Balancing, with a trace.
const ALB: [&str; 30] = [
    "https",
    "2018-07-02T22:23:00.186641Z",
    "app/my-loadbalancer/50dc6c495c0c9188",
    "192.168.131.39:2817",
    "10.0.0.1:80",
    "0.086",
    "0.048",
    "0.037",
    "200",
    "200",
    "0",
    "57",
    "\"GET https://www.example.com:443/ HTTP/1.1\"",
    "\"curl/7.46.0\"",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "TLSv1.2",
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/73e2d6bc24d8a067",
    "\"Root=1-58337281-1d84f3d73c47ec4e58577259\"",
    "\"www.example.com\"",
    "\"arn:aws:acm:us-east-2:123456789012:certificate/12345678\"",
    "1",
    "2018-07-02T22:22:48.364000Z",
    "\"authenticate,forward\"",
    "\"-\"",
    "\"-\"",
    "\"10.0.0.1:80\"",
    "\"200\"",
    "\"-\"",
    "\"-\"",
    "TID_123",
];

#[test]
fn alb() {
    cases(
        ReadyFormat::Alb,
        None,
        &ALB,
        " ",
        &[
            (0, "grpcs", "type", r#""grpcs""#),
            (1, "2018-07-02T22:23:00Z", "time", r#""2018-07-02T22:23:00Z""#),
            (1, "yesterday", "", BAD),
            (3, "[2001:db8::1]:2817", "client", r#""[2001:db8::1]:2817""#),
            (4, "-", "target", "null"),
            (5, "-1", "requestProcessingTime", "-1"),
            (6, "0.000", "targetProcessingTime", "0.0"),
            (7, "-", "responseProcessingTime", "null"),
            (8, "460", "status", "460"),
            (8, "-", "status", "null"),
            (8, "OK", "", BAD),
            (9, "-", "targetStatus", "null"),
            (10, "99999999999999999999", "receivedBytes", "1e+20"),
            (11, "-", "sentBytes", "null"),
            (12, "\"- http://www.example.com:80- -\"", "path", ""),
            (12, "\"GET /a\\x22b HTTP/2.0\"", "method", r#""GET""#),
            (12, "\"GET /caf%C3%A9?q=a b HTTP/1.1\"", "path", r#""/caf%C3%A9?q=a b""#),
            (12, "\"\"", "path", ""),
            // A quote that is not closed takes the columns behind it along.
            (12, "\"GET /a HTTP/1.1", "", BAD),
            (13, "\"curl", "", BAD),
            (17, "\"Root=1-58337281", "", BAD),
            (22, "\"forward", "", BAD),
            (28, "\"-", "", BAD),
            (15, "443", "", BAD),
            (13, "\"\"", "agent", r#""""#),
            (13, "\"a \\x22b\\x22 c\"", "agent", r#""a \\x22b\\x22 c""#),
            (13, "\"Mozilla/5.0 (X11; caf\u{E9})\"", "agent", "\"Mozilla/5.0 (X11; caf\u{E9})\""),
            (14, "-", "sslCipher", "null"),
            (20, "-1", "matchedRulePriority", r#""-1""#),
            (24, "\"LambdaInvalidResponse\"", "errorReason", r#""LambdaInvalidResponse""#),
            (29, "", "connectionTraceId", ""),
            (29, "TID_1 \"a b\" c", "column32", r#""c""#),
        ],
    );
}

#[test]
fn s3() {
    let line = [
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
        "amzn-s3-demo-bucket1",
        "[06/Feb/2019:00:00:38 +0000]",
        "192.0.2.3",
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
        "3E57427F3EXAMPLE",
        "REST.GET.VERSIONING",
        "-",
        "\"GET /amzn-s3-demo-bucket1?versioning HTTP/1.1\"",
        "200",
        "-",
        "113",
        "-",
        "7",
        "-",
        "\"-\"",
        "\"S3Console/0.4\"",
        "-",
        "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234=",
        "SigV4",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "AuthHeader",
        "amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com",
        "TLSV1.2",
        "arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP",
        "Yes",
    ];
    cases(
        ReadyFormat::S3,
        None,
        &line,
        " ",
        &[
            (0, "-", "bucketOwner", "null"),
            (1, "a.b-c", "bucket", r#""a.b-c""#),
            (2, "[06/Feb/2019:00:00:38 +0000]", "time", r#""06/Feb/2019:00:00:38 +0000""#),
            (2, "[06/Feb/2019", "", BAD),
            (2, "-", "time", "null"),
            (3, "2001:db8::1", "client", r#""2001:db8::1""#),
            (3, "-", "client", "null"),
            (4, "-", "requester", "null"),
            (4, "svc:s3.amazonaws.com", "requester", r#""svc:s3.amazonaws.com""#),
            (6, "BATCH.DELETE.OBJECT", "operation", r#""BATCH.DELETE.OBJECT""#),
            (7, "a%2520b%22c", "key", r#""a%2520b%22c""#),
            (7, "caf\u{E9}", "key", "\"caf\u{E9}\""),
            (8, "\"-\"", "request", "null"),
            (8, "\"PUT /a?x=\"y\"z HTTP/1.1\"", "method", r#""PUT""#),
            (8, "\"GET /a b HTTP/1.1\"", "path", r#""/a b""#),
            (8, "\"GET", "", BAD),
            (9, "403", "status", "403"),
            (9, "-", "status", "null"),
            (9, "x", "", BAD),
            (10, "AccessDenied", "errorCode", r#""AccessDenied""#),
            (11, "-", "bytes", "null"),
            (12, "5497558138880", "objectSize", "5497558138880"),
            (15, "\"https://a.de/?q=\"x\"\"", "referer", r#""https://a.de/?q=\"x\"""#),
            (15, "\"https://a.de/", "", BAD),
            (16, "\"curl", "", BAD),
            (16, "\"\"", "agent", r#""""#),
            (16, "\"aws-sdk/1 (a; b) [c]\"", "agent", r#""aws-sdk/1 (a; b) [c]""#),
            (25, "", "aclRequired", ""),
            (25, "- new", "column27", r#""new""#),
        ],
    );
}

#[test]
fn iis() {
    let names = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username \
        c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\r\n";
    let line = [
        "2026-11-29",
        "10:00:00",
        "10.0.0.1",
        "GET",
        "/a",
        "q=1",
        "443",
        "-",
        "::1",
        "Mozilla/5.0+(x)",
        "-",
        "200",
        "0",
        "0",
        "15",
    ];
    cases(
        ReadyFormat::W3c,
        Some(names),
        &line,
        " ",
        &[
            (0, "2026-11-29", "date", r#""2026-11-29""#),
            (1, "23:59:60", "time", r#""23:59:60""#),
            (2, "fe80::1%4", "s-ip", r#""fe80::1%4""#),
            (3, "-", "cs-method", "null"),
            (3, "PROPFIND", "cs-method", r#""PROPFIND""#),
            (4, "/a%20b", "cs-uri-stem", r#""/a%20b""#),
            (4, "/caf\u{E9}", "cs-uri-stem", "\"/caf\u{E9}\""),
            (4, "/\"x\"", "cs-uri-stem", r#""/\"x\"""#),
            (5, "-", "cs-uri-query", "null"),
            (5, "a=b&c=\"d\"", "cs-uri-query", r#""a=b&c=\"d\"""#),
            (5, "|34|80004005|Error", "cs-uri-query", r#""|34|80004005|Error""#),
            (6, "-", "s-port", "null"),
            (7, "CORP\\joe", "cs-username", r#""CORP\\joe""#),
            (7, "joe@example.com", "cs-username", r#""joe@example.com""#),
            (8, "::ffff:10.0.0.1", "c-ip", r#""::ffff:10.0.0.1""#),
            (9, "-", "cs(User-Agent)", "null"),
            (9, "a+\"b\"", "cs(User-Agent)", r#""a+\"b\"""#),
            (10, "https://a.de/", "cs(Referer)", r#""https://a.de/""#),
            (11, "404", "sc-status", "404"),
            (11, "-", "sc-status", "null"),
            (13, "2148074254", "sc-win32-status", "2148074254"),
            (14, "0", "time-taken", "0"),
            (14, "15\r", "time-taken", "15"),
            (14, "", "", BAD),
            (14, "15 more", "", BAD),
            (0, "", "", BAD),
        ],
    );
}

#[test]
fn cloud_front() {
    let names = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem \
        sc-status cs(Referer) cs(User-Agent) cs-uri-query x-edge-result-type time-taken c-port\n";
    let line = [
        "2019-12-04",
        "21:02:31",
        "LAX1",
        "392",
        "192.0.2.24",
        "GET",
        "d1.cloudfront.net",
        "/index.html",
        "200",
        "-",
        "Mozilla/5.0%20(x)",
        "-",
        "Hit",
        "0.001",
        "11040",
    ];
    cases(
        ReadyFormat::CloudFront,
        Some(names),
        &line,
        "\t",
        &[
            (0, "2019-12-04", "date", r#""2019-12-04""#),
            (1, "00:00:00", "time", r#""00:00:00""#),
            (2, "SEA19-C1", "x-edge-location", r#""SEA19-C1""#),
            (3, "0", "sc-bytes", "0"),
            (3, "-", "sc-bytes", "null"),
            (3, "99999999999999999999999", "sc-bytes", "1e+23"),
            (4, "2001:db8::1", "c-ip", r#""2001:db8::1""#),
            (5, "OPTIONS", "cs-method", r#""OPTIONS""#),
            (6, "-", "cs(Host)", "null"),
            (7, "/a%2520b", "cs-uri-stem", r#""/a%2520b""#),
            (7, "/two words", "cs-uri-stem", r#""/two words""#),
            (7, "/\"q\"", "cs-uri-stem", r#""/\"q\"""#),
            (7, "/caf\u{E9}", "cs-uri-stem", "\"/caf\u{E9}\""),
            (8, "000", "sc-status", r#""000""#),
            (8, "504", "sc-status", "504"),
            (8, "-", "sc-status", "null"),
            (9, "https://a.de/", "cs(Referer)", r#""https://a.de/""#),
            (10, "-", "cs(User-Agent)", "null"),
            (10, "a%2522b", "cs(User-Agent)", r#""a%2522b""#),
            (11, "a=b&c=%25", "cs-uri-query", r#""a=b&c=%25""#),
            (12, "OriginShieldHit", "x-edge-result-type", r#""OriginShieldHit""#),
            (13, "12.5", "time-taken", "12.5"),
            (13, "-", "time-taken", "null"),
            (14, "11040\r", "c-port", "11040"),
            (14, "", "", BAD),
            (14, "1\t2", "", BAD),
        ],
    );
}

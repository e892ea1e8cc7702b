//! `PARSELOG`: lines that the programs of Debian 12 wrote for odd clients (see `lines`), and lines
//! of the manuals of those that only AWS and Windows run.

use kinetail_records::steps::{Parse, ParseLog, ParseRegex, ReadyFormat, Type, Types};
use kinetail_records::{Chain, Converted, ConverterConfig, NamedPattern};
use serde_json::{Value, json};

use super::{chain, one, run, table};

fn log(format: ReadyFormat) -> ConverterConfig {
    one(Parse::new(ParseLog::new(format), None, format.types()))
}

/// Each line of a file as an object: all of them are read.
fn all(format: ReadyFormat, lines: &[u8]) -> Vec<Value> {
    let mut chain = chain(&[log(format)]);
    let object = |line: &[u8]| {
        let out = run(&mut chain, line);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{out}: {error}"))
    };
    lines.split_inclusive(|byte| *byte == b'\n').map(object).collect()
}

fn find<'v>(objects: &'v [Value], key: &str, want: &str) -> &'v Value {
    objects
        .iter()
        .find(|object| object[key] == want)
        .unwrap_or_else(|| panic!("no {key} is {want}"))
}

#[test]
fn nginx() {
    let lines = include_bytes!("lines/nginx.log");
    let objects = all(ReadyFormat::Nginx, lines);
    for object in &objects {
        assert!(object["status"].is_u64() && object["bytes"].is_u64(), "{object}");
        assert!(["127.0.0.1", "::1"].contains(&object["client"].as_str().unwrap()), "{object}");
        assert_eq!(object["time"].as_str().unwrap().len(), 26);
    }
    for user in ["joe@example.com", "CORP\\joe", "two words", "quo\"te", "br[ack]et"] {
        find(&objects, "user", user);
    }
    let quoted = find(&objects, "agent", "Mozilla/5.0 (X11; Linux x86_64) \"quoted\" agent");
    assert!(quoted["path"].is_string());
    find(&objects, "agent", "caf\u{E9} \u{20AC}");
    find(&objects, "agent", "tab\there");
    find(&objects, "path", "/ [29/Nov/2026:10:00:00 +0000] \"GET /fake HTTP/1.1\" 200 1");
    assert!(objects.iter().any(|object| object["request"].is_null()));
    let main = all(ReadyFormat::Nginx, include_bytes!("lines/nginx_main.log"));
    find(&main, "forwardedFor", "10.0.0.1, 10.0.0.2");
    let errors = all(ReadyFormat::NginxError, include_bytes!("lines/nginx_error.log"));
    assert!(errors.iter().all(|error| error["pid"].is_u64() && error["severity"].is_string()));
    assert!(errors.iter().any(|error| error["connection"].is_u64()));
}

#[test]
fn apache() {
    for lines in [
        &include_bytes!("lines/apache_combined.log")[..],
        include_bytes!("lines/apache_common.log"),
        include_bytes!("lines/apache_vhost.log"),
    ] {
        let objects = all(ReadyFormat::Apache, lines);
        for object in &objects {
            let client = object["client"].as_str().unwrap();
            assert!(["127.0.0.1", "::1"].contains(&client), "{object}");
            assert!(object["status"].is_u64(), "{object}");
        }
        find(&objects, "user", "two words");
        find(&objects, "user", "CORP\\joe");
        find(&objects, "path", "/\"quote\"");
    }
    let virtual_hosts = all(ReadyFormat::Apache, include_bytes!("lines/apache_vhost.log"));
    assert!(virtual_hosts.iter().all(|object| object["virtualHost"] == "localhost:80"));
    let errors = all(ReadyFormat::ApacheError, include_bytes!("lines/apache_error.log"));
    assert!(errors.iter().all(|error| error["pid"].is_u64() && error["module"].is_string()));
    assert!(
        errors
            .iter()
            .any(|error| error["client"].as_str().is_some_and(|c| c.starts_with("127.0.0.1:")))
    );
    table(
        &[log(ReadyFormat::ApacheError)],
        &[
            (
                "[Wed Oct 11 14:32:52 2000] [error] [client 127.0.0.1] msg",
                concat!(
                    r#"{"time":"Wed Oct 11 14:32:52 2000","module":null,"severity"#,
                    r#"":"error","pid":null,"tid":null,"client":"127.0.0.1","mess"#,
                    r#"age":"msg"}"#,
                ),
            ),
            (
                "[Wed Oct 11 14:32:52.1 2000] [:error] [pid 7] [client ::1:80] [x] y",
                concat!(
                    r#"{"time":"Wed Oct 11 14:32:52.1 2000","module":null,"severi"#,
                    r#"ty":"error","pid":7,"tid":null,"client":"::1:80","message""#,
                    r#":"[x] y"}"#,
                ),
            ),
            ("no", "no ? it is of another format from byte 0 on"),
            ("", " ? it is of another format from byte 0 on"),
            ("[a", "[a ? it is of another format from byte 1 on"),
        ],
    );
}

#[test]
fn haproxy() {
    let objects = all(ReadyFormat::HaProxy, include_bytes!("lines/haproxy.log"));
    find(&objects, "server", "nginx");
    find(&objects, "server", "<NOSRV>");
    find(&objects, "termination", "PR--");
    let bad = find(&objects, "request", "<BADREQ>");
    assert!(bad["method"].is_null());
    let plain = find(&objects, "frontend", "tcp-in");
    assert!(plain["bytes"].is_u64() && plain.get("status").is_none(), "{plain}");
    table(
        &[log(ReadyFormat::HaProxy)],
        &[
            (
                concat!(
                    "10.0.0.1:34549 [15/Oct/2003:15:19:06.103] frt/f2: Connection",
                    " error during SSL handshake",
                ),
                concat!(
                    r#"{"client":"10.0.0.1","port":34549,"time":"15/Oct/2003:15:1"#,
                    r#"9:06.103","frontend":"frt","bind":"f2","message":"Connecti"#,
                    r#"on error during SSL handshake"}"#,
                ),
            ),
            (
                concat!(
                    "::1:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/",
                    "0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} \"GE",
                    "T /cut",
                ),
                concat!(
                    r#"{"client":"::1","port":33317,"time":"06/Feb/2009:12:14:14."#,
                    r#"655","frontend":"http-in","backend":"static","server":"srv"#,
                    r#"1","timers":"10/0/30/69/109","status":200,"bytes":2750,"re"#,
                    r#"questCookie":null,"responseCookie":null,"termination":"---"#,
                    r#"-","connections":"1/1/1/1/0","queues":"0/0","headers":"{1w"#,
                    r#"t.eu} {}","request":"GET /cut"}"#,
                ),
            ),
            ("x", "x ? it is of another format from byte 1 on"),
        ],
    );
}

#[test]
fn syslog() {
    let objects = all(ReadyFormat::Syslog, include_bytes!("lines/syslog.log"));
    for (program, pid) in [
        ("sshd(pam_unix)", 1.into()),
        ("kernel", 0.into()),
        ("(systemd)", 5.into()),
        ("getty@tty1", 77.into()),
        ("app", Value::Null),
        ("postfix/smtpd", 99.into()),
        ("java-app.jar", 1.into()),
    ] {
        assert_eq!(find(&objects, "program", program)["pid"], pid, "{program}");
    }
    find(&objects, "message", "{\"a\":\"b: c\"}");
    find(&objects, "message", "[   12.345678] usb 1-1: new");
    find(&objects, "message", "no colon here");
    let file = all(ReadyFormat::Syslog, include_bytes!("lines/syslog_file.log"));
    assert!(file.iter().all(|object| object["time"].as_str().unwrap().starts_with("2026-11-29T")));
    let protocol = all(ReadyFormat::Syslog5424, include_bytes!("lines/syslog5424.log"));
    assert!(protocol.iter().all(|object| object["severity"].is_string()));
    find(&protocol, "program", "haproxy");
    table(
        &[log(ReadyFormat::Syslog)],
        &[
            (
                "<34>Oct  9 22:33:20 h su: 'su root' failed",
                concat!(
                    r#"{"facility":4,"severity":"crit","time":"Oct  9 22:33:20",""#,
                    r#"host":"h","program":"su","pid":null,"message":"'su root' f"#,
                    r#"ailed"}"#,
                ),
            ),
            (
                "Oct 9 22:33:20 h last message repeated 2 times",
                concat!(
                    r#"{"time":"Oct 9 22:33:20","host":"h","program":null,"pid":n"#,
                    r#"ull,"message":"last message repeated 2 times"}"#,
                ),
            ),
            (
                "2026-11-29T10:00:00+0200 h p[9]: m\r",
                concat!(
                    r#"{"time":"2026-11-29T10:00:00+0200","host":"h","program":"p"#,
                    r#"","pid":9,"message":"m"}"#,
                ),
            ),
            (
                "<+34>Oct 9 22:33:20 h p: m",
                "<+34>Oct 9 22:33:20 h p: m ? it is of another format from byte 0 on",
            ),
            (
                "<0034>Oct 9 22:33:20 h p: m",
                "<0034>Oct 9 22:33:20 h p: m ? it is of another format from byte 0 on",
            ),
            (
                "<999>Oct 9 22:33:20 h p: m",
                "<999>Oct 9 22:33:20 h p: m ? it is of another format from byte 0 on",
            ),
            ("hello world again", "hello world again ? it is of another format from byte 0 on"),
            ("", " ? it is of another format from byte 0 on"),
        ],
    );
}

#[test]
fn syslog_of_rfc_5424() {
    table(
        &[log(ReadyFormat::Syslog5424)],
        &[
            (
                concat!(
                    r#"<165>1 2003-10-11T22:14:15.003Z h app 7 ID47 [a@1 k="v \"q"#,
                    r#"\" \] \\" l="2"][b] text"#,
                ),
                concat!(
                    r#"{"facility":20,"severity":"notice","time":"2003-10-11T22:1"#,
                    r#"4:15.003Z","host":"h","program":"app","pid":7,"messageId":"#,
                    r#""ID47","data":{"a@1":{"k":"v \"q\" ] \\","l":"2"},"b":{}},"#,
                    r#""message":"text"}"#,
                ),
            ),
            (
                "<34>1 - - - - - - \u{FEFF}caf\u{E9}",
                concat!(
                    "{\"facility\":4,\"severity\":\"crit\",\"time\":null,\"host\"",
                    ":null,\"program\":null,\"pid\":null,\"messageId\":null,\"mes",
                    "sage\":\"caf\u{E9}\"}",
                ),
            ),
            (
                "<34>1 - - - - - -",
                concat!(
                    r#"{"facility":4,"severity":"crit","time":null,"host":null,"p"#,
                    r#"rogram":null,"pid":null,"messageId":null,"message":""}"#,
                ),
            ),
            ("<34>2 - - - - - - x", "<34>2 - - - - - - x ? it is of another format from byte 4 on"),
            (
                "<34>1 - - - - - [a x",
                "<34>1 - - - - - [a x ? it is of another format from byte 19 on",
            ),
        ],
    );
}

/// The pattern is that of the cookbook.
#[test]
fn unified_logging_of_a_jvm() {
    let pattern = concat!(
        r"\[(?<time>[^\]]*)\]\[(?<uptime>[^\]]*)s\]\[(?<level>\w+) *\]\[(?<tags>[^\] ]*)",
        r" *\] (?<message>.*)",
    );
    let parser = ParseRegex::new(&NamedPattern::compile(pattern).unwrap());
    let types = Types::Named(vec![("uptime".to_owned(), Type::Number)]);
    let mut chain = chain(&[one(Parse::new(parser, None, types))]);
    let lines = include_str!("lines/jvm_gc.log");
    for line in lines.lines() {
        let object: Value = serde_json::from_str(&run(&mut chain, line.as_bytes())).unwrap();
        assert!(object["uptime"].is_f64(), "{object}");
        assert!(["info", "debug"].contains(&object["level"].as_str().unwrap()), "{object}");
    }
    assert!(lines.lines().count() > 60 && lines.contains("[safepoint   ]"));
}

const ALB_LINE: &str = concat!(
    r#"h2 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 10.0.1"#,
    r#".252:48160 10.0.0.66:9000 0.000 0.002 0.000 200 - 5 257 "GET https://10.0."#,
    r#"2.105:773/a?b=%22c%22 HTTP/2.0" "Moz (x; y) 1" ECDHE-RSA-AES128-GCM-SHA256"#,
    r#" TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/m"#,
    r#"y-targets/73e2d6bc24d8a067 "Root=1-58337327-72bd00b0343d75b906739c42" "-" "#,
    r#""-" 1 2018-07-02T22:22:48.364000Z "redirect" "https://example.com:80/" "-""#,
    r#" "10.0.0.66:9000" "200" "-" "-" TID_x new"#,
);

#[test]
fn logs_of_aws() {
    let mut chain: Chain = chain(&[log(ReadyFormat::Alb)]);
    let object: Value = serde_json::from_str(&run(&mut chain, ALB_LINE.as_bytes())).unwrap();
    assert_eq!(object["targetProcessingTime"].to_string(), "0.002");
    assert_eq!((&object["status"], &object["targetStatus"]), (&200.into(), &Value::Null));
    assert_eq!(object["path"], "https://10.0.2.105:773/a?b=%22c%22");
    assert_eq!(object["agent"], "Moz (x; y) 1");
    assert_eq!(object["connectionTraceId"], "TID_x");
    assert_eq!(object["column31"], "new");
    let s3 = concat!(
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be amzn-s3-demo-bucket1 ",
        "[06/Feb/2019:00:00:38 +0000] 192.0.2.3 arn:aws:iam::123456789012:user/x ",
        "3E57427F3EXAMPLE REST.GET.OBJECT a%2520b \"GET /amzn-s3-demo-bucket1/a%20b?x HTTP/1.1\" ",
        "200 - 113 1000 7 - \"-\" \"S3Console/0.4 (q) x\" - ",
        "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/ SigV4 ",
        "ECDHE-RSA-AES128-GCM-SHA256 AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com ",
        "TLSV1.2 - -\n",
    );
    let mut chain = super::chain(&[log(ReadyFormat::S3)]);
    let object: Value = serde_json::from_str(&run(&mut chain, s3.as_bytes())).unwrap();
    assert_eq!(object["time"], "06/Feb/2019:00:00:38 +0000");
    assert_eq!(object["agent"], "S3Console/0.4 (q) x");
    assert_eq!((&object["bytes"], &object["turnAroundTime"]), (&113.into(), &Value::Null));
    assert_eq!(object["tlsVersion"], "TLSV1.2");
    table(
        &[log(ReadyFormat::S3)],
        &[
            ("a b c", "a b c ? it is of another format from byte 4 on"),
            ("", " ? it is of another format from byte 0 on"),
        ],
    );
}

#[test]
fn values_of_the_journal_that_are_no_text() {
    let mut chain = chain(&[log(ReadyFormat::JournalExport)]);
    let field = |name: &str, value: &[u8]| {
        let length = u64::try_from(value.len()).unwrap().to_le_bytes();
        [name.as_bytes(), b"\n", &length, value, b"\n"].concat()
    };
    let long = [b'x'; 200];
    let entry = [
        b"__CURSOR=c\n".to_vec(),
        field("MESSAGE", b"a\nMESSAGE=b\n\nc"),
        field("COREDUMP", b"\xFF\0"),
        field("LONG", &long),
        field("EMPTY", b""),
        b"PRIORITY=6\n\n".to_vec(),
    ]
    .concat();
    let Converted::Record(out) = chain.convert(&entry) else { panic!() };
    let object: Value = serde_json::from_slice(out).unwrap();
    let want = json!({
        "__CURSOR": "c", "MESSAGE": "a\nMESSAGE=b\n\nc", "COREDUMP": "\u{FFFD}\0",
        "LONG": "x".repeat(200), "EMPTY": "", "PRIORITY": 6,
    });
    assert_eq!(object, want);
    // A length that the entry does not have, or nothing behind the value.
    for broken in
        [&b"MESSAGE\n\x03\0\0\0\0\0\0\0ab"[..], b"A\n\x01\0\0\0\0\0\0\0abc\n", b"A\n\x01\0"]
    {
        assert_eq!(chain.convert(broken), Converted::Record(broken));
    }
    assert_eq!(chain.take_unparsable().0, 3);
}

#[test]
fn an_entry_of_the_journal() {
    table(
        &[log(ReadyFormat::JournalExport)],
        &[
            (
                "__CURSOR=s=1;i=2\n_PID=7\nPRIORITY=6\nMESSAGE=a=b \"q\"\n",
                r#"{"__CURSOR":"s=1;i=2","_PID":7,"PRIORITY":6,"MESSAGE":"a=b \"q\""}"#,
            ),
            ("", " ? it does not match"),
            ("no", "no ? no key=value at byte 0"),
            ("a=1", "a=1 ? no key=value at byte 0"),
        ],
    );
}

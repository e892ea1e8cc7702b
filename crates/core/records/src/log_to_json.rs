//! `LOGTOJSON`: the parts of a log line as an object of strings.
//!
//! The parts come from one of the predefined formats or from the groups of a pattern. A line
//! that is not of the shape is skipped, and every line is when names and parts differ in number.

use kinetail_java_regex::{Matcher, Pattern};

use super::JsonFormat;
use super::chain::{ConvertError, Refused};
use super::formats::LogFormat;
use super::json::ObjectWriter;
use super::skip::Skip;

/// Why nothing can be written.
const NULL_NAME: &str = "customFieldNames contains null";

/// The converter.
#[derive(Debug)]
pub(super) struct LogToJson {
    source: Source,
    has_a_name_for_each_part: bool,
    /// One of the names is null, and nothing can be written.
    has_null_name: bool,
    dash_is_null: bool,
    writer: ObjectWriter,
}

/// Where the parts of a line come from.
#[derive(Debug)]
enum Source {
    Format(LogFormat),
    Pattern(Box<Matcher>),
}

impl LogToJson {
    /// A converter; without names the fields have those of the format.
    pub(super) fn new(
        log_format: LogFormat,
        pattern: Option<&Pattern>,
        field_names: Option<&[String]>,
        format: JsonFormat,
    ) -> Self {
        let names: Vec<&str> = match field_names {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => log_format.field_names().to_vec(),
        };
        let parts = match pattern {
            Some(pattern) => pattern.groups(),
            None => log_format.field_names().len(),
        };
        let source = match pattern {
            Some(pattern) => Source::Pattern(Box::new(Matcher::new(pattern))),
            None => Source::Format(log_format),
        };
        Self {
            source,
            has_a_name_for_each_part: names.len() == parts,
            has_null_name: false,
            dash_is_null: log_format.dash_is_null(),
            writer: ObjectWriter::new(&names, format),
        }
    }

    /// The same, with or without a name that is null: then lines are looked at, and what would be
    /// converted is sent raw.
    pub(super) fn with_null_name(self, has_null_name: bool) -> Self {
        Self { has_null_name, ..self }
    }

    /// Appends the converted record.
    ///
    /// # Errors
    /// Why it is to be skipped, or sent raw.
    pub(super) fn convert(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), Refused> {
        if !self.has_a_name_for_each_part {
            return Err(Refused::Skip(Skip::FieldCount));
        }
        let line = text.strip_suffix('\n').unwrap_or(text);
        let dash_is_null = self.dash_is_null;
        let not_a_dash = |value: &&[u8]| !(dash_is_null && *value == b"-");
        match &mut self.source {
            Source::Format(format) => {
                let values = format.parse(line).ok_or(Refused::Skip(Skip::NoMatch))?;
                self.writer
                    .write(out, |field| values.get(field).copied().flatten().filter(not_a_dash));
            }
            Source::Pattern(matcher) => {
                if !matcher.matches(line)? {
                    return Err(Refused::Skip(Skip::NoMatch));
                }
                self.writer.write(out, |field| {
                    let (start, end) = matcher.group(field + 1)?;
                    line.as_bytes().get(start..end).filter(not_a_dash)
                });
            }
        }
        if self.has_null_name {
            return Err(Refused::Raw(ConvertError::Configuration(NULL_NAME)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile_match_pattern;
    use super::LogFormat::{
        ApacheErrorLog, CombinedApacheLog, CommonApacheLog, Rfc3339Syslog, Syslog,
    };
    use super::{JsonFormat, LogFormat, LogToJson, Refused, Skip};

    const COMMON_LINE: &str = concat!(
        "1.2.3.4 - frank [10/Oct/2000:13:55:36 -0700]",
        r#" "GET /a.gif HTTP/1.0" 200 2326"#
    );
    const COMMON_JSON: &str = concat!(
        r#"{"host":"1.2.3.4","ident":null,"authuser":"frank","#,
        r#""datetime":"10/Oct/2000:13:55:36 -0700","#,
        r#""request":"GET /a.gif HTTP/1.0","response":"200","bytes":"2326"}"#
    );
    const COMBINED_TAIL: &str = r#" "http://e.com/s.html" "Mozilla/4.08 [en]""#;

    /// The converted record without its line feed, or why it was skipped.
    fn run(mut converter: LogToJson, input: &str) -> Result<String, Skip> {
        let mut out = Vec::new();
        converter.convert(input, &mut out).map_err(|refused| match refused {
            Refused::DeadLetter(error) => panic!("{error}"),
            Refused::Skip(reason) => reason,
            Refused::Raw(error) => panic!("{error}"),
        })?;
        let json = String::from_utf8(out).unwrap();
        Ok(json.strip_suffix('\n').expect("a line feed at the end").to_owned())
    }

    fn convert(format: LogFormat, input: &str) -> Result<String, Skip> {
        run(LogToJson::new(format, None, None, JsonFormat::Compact), input)
    }

    fn by_pattern(
        format: LogFormat,
        pattern: &str,
        names: &[&str],
        input: &str,
    ) -> Result<String, Skip> {
        let pattern = compile_match_pattern(pattern).unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        run(LogToJson::new(format, Some(&pattern), Some(&names), JsonFormat::Compact), input)
    }

    /// The value of one field of a line that is of the format.
    fn value(format: LogFormat, input: &str, field: &str) -> serde_json::Value {
        let json = convert(format, input).unwrap_or_else(|reason| panic!("{input:?}: {reason}"));
        let object: serde_json::Value = serde_json::from_str(&json).unwrap();
        object.get(field).unwrap_or_else(|| panic!("{field} is not in {json}")).clone()
    }

    #[test]
    fn section_2_4_common_apache() {
        let with_tail = format!("{COMMON_LINE}{COMBINED_TAIL}\n");
        for input in [COMMON_LINE, &format!("{COMMON_LINE}\n"), &with_tail] {
            assert_eq!(convert(CommonApacheLog, input).as_deref(), Ok(COMMON_JSON), "{input:?}");
        }
        let timed_out = r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "-" 408 -"#;
        assert_eq!(value(CommonApacheLog, timed_out, "request"), serde_json::Value::Null);
        assert_eq!(value(CommonApacheLog, timed_out, "bytes"), serde_json::Value::Null);
        assert_eq!(value(CommonApacheLog, timed_out, "response"), "408");
        let junk = COMMON_LINE.replace("2326", "-1junk");
        assert_eq!(value(CommonApacheLog, &junk, "bytes"), "-1");
    }

    #[test]
    fn section_2_4_common_apache_lines_that_are_skipped() {
        for (from, to) in [
            ("GET /a.gif HTTP/1.0", ""),
            ("GET /a", "GET \\\"/a"),
            ("1.2.3.4", "::1"),
            ("frank", "a@b"),
            ("frank", "a b"),
            (" 2326", ""),
            ("2326", "2326\r"),
            ("2326", "2326\u{85}"),
        ] {
            let input = format!("{}\n", COMMON_LINE.replace(from, to));
            assert_eq!(convert(CommonApacheLog, &input), Err(Skip::NoMatch), "{input:?}");
        }
        assert_eq!(convert(CommonApacheLog, &format!("{COMMON_LINE}\n\n")), Err(Skip::NoMatch));
    }

    #[test]
    fn section_2_4_combined_apache() {
        let json = COMMON_JSON
            .replace('}', r#","referer":"http://e.com/s.html","agent":"Mozilla/4.08 [en]"}"#);
        for extra in ["", "\n", " \"ANY_RANDOM_DATA\"\n"] {
            let input = format!("{COMMON_LINE}{COMBINED_TAIL}{extra}");
            assert_eq!(convert(CombinedApacheLog, &input).as_deref(), Ok(&*json), "{input:?}");
        }
        assert_eq!(convert(CombinedApacheLog, COMMON_LINE), Err(Skip::NoMatch));
        let no_referer = format!(r#"{COMMON_LINE} "" "agent""#);
        assert_eq!(convert(CombinedApacheLog, &no_referer), Err(Skip::NoMatch));
    }

    #[test]
    fn section_2_4_apache_error() {
        let line = "[Wed Oct 11 14:32:52.123 2000] [core:error] [pid 1:tid 2] \
                    [client 72.15.99.187:12345] msg\n";
        assert_eq!(
            convert(ApacheErrorLog, line).as_deref(),
            Ok(concat!(
                r#"{"timestamp":"Wed Oct 11 14:32:52.123 2000","module":"core","#,
                r#""severity":"error","processid":"1","threadid":"2","#,
                r#""client":"72.15.99.187:12345","message":"msg"}"#
            ))
        );
        let no_thread = line.replace(":tid 2", "");
        assert_eq!(value(ApacheErrorLog, &no_thread, "threadid"), serde_json::Value::Null);
        let no_module = line.replace("core:", "");
        assert_eq!(value(ApacheErrorLog, &no_module, "module"), serde_json::Value::Null);
        assert_eq!(value(ApacheErrorLog, &no_module, "severity"), "error");
        let dash = line.replace("msg", "-");
        assert_eq!(value(ApacheErrorLog, &dash, "message"), serde_json::Value::Null);
        let old_style = "[Wed Oct 11 14:32:52 2000] [error] [client 127.0.0.1] msg\n";
        assert_eq!(convert(ApacheErrorLog, old_style), Err(Skip::NoMatch));
    }

    #[test]
    fn section_2_4_syslog() {
        assert_eq!(
            convert(Syslog, "Oct  9 22:33:20 my-host.x prog[12]: hi\n").as_deref(),
            Ok(concat!(
                r#"{"timestamp":"Oct  9 22:33:20","hostname":"my-host.x","#,
                r#""program":"prog","processid":"12","message":"hi"}"#
            ))
        );
        let snort = "Mar 12 12:01:02 server4 snort: Ports to decode telnet on: 21 23 25 119";
        assert_eq!(
            convert(Syslog, snort).as_deref(),
            Ok(concat!(
                r#"{"timestamp":"Mar 12 12:01:02","hostname":"server4","program":"snort","#,
                r#""processid":null,"message":"Ports to decode telnet on: 21 23 25 119"}"#
            ))
        );
        assert_eq!(value(Syslog, "Oct 9 22:33:20 h p: -", "message"), "-");
        assert_eq!(value(Syslog, "Oct 9 22:33:20 <134> h p: x", "hostname"), "h");
        for line in [
            "Oct 9 22:33:20 h p[0]: x",
            "Oct 9 22:33:20 h p:x",
            "<34>Oct 9 22:33:20 h p: x",
            "Oct 9 22:33:20 <34> h p: x",
            "Oct 9 22:33:20 h p: x\r",
        ] {
            assert_eq!(convert(Syslog, line), Err(Skip::NoMatch), "{line:?}");
        }
    }

    #[test]
    fn section_2_4_rfc3339_syslog() {
        assert_eq!(
            convert(Rfc3339Syslog, "2026-10-09T22:33:20.5+02:00 h p[7]: m\n").as_deref(),
            Ok(concat!(
                r#"{"timestamp":"2026-10-09T22:33:20.5+02:00","hostname":"h","#,
                r#""program":"p","processid":"7","message":"m"}"#
            ))
        );
        let no_colon = "2026-10-09T22:33:20+0000 h p: m";
        assert_eq!(convert(Rfc3339Syslog, no_colon), Err(Skip::NoMatch));
    }

    #[test]
    fn section_2_4_match_patterns() {
        let pattern = r#"^([\d.]+) (\S+) (\S+) \[([\w:/]+\s[+\-]\d{4})\] "(.+?)" (\d{3})"#;
        let names = ["column1", "column2", "column3", "column4", "column5", "column6"];
        let line =
            "123.45.67.89 - - [27/Oct/2000:09:27:09 -0400] \"GET /java/javaResources.html\" 200\n";
        assert_eq!(
            by_pattern(CommonApacheLog, pattern, &names, line).as_deref(),
            Ok(concat!(
                r#"{"column1":"123.45.67.89","column2":null,"column3":null,"#,
                r#""column4":"27/Oct/2000:09:27:09 -0400","#,
                r#""column5":"GET /java/javaResources.html","column6":"200"}"#
            ))
        );
        let optional = r"^(\S+) ?(\S+)?";
        for (format, input, want) in [
            (Syslog, "x", r#"{"a":"x","b":null}"#),
            (Syslog, "- -", r#"{"a":"-","b":"-"}"#),
            (CommonApacheLog, "- -", r#"{"a":null,"b":null}"#),
        ] {
            let got = by_pattern(format, optional, &["a", "b"], input);
            assert_eq!(got.as_deref(), Ok(want), "{format:?} {input:?}");
        }
        assert_eq!(by_pattern(Syslog, optional, &["a", "b"], "x y z"), Err(Skip::NoMatch));
        assert_eq!(
            by_pattern(Syslog, r"(?<x>\w)(?<y>\w)", &["a", "b"], "12").as_deref(),
            Ok(r#"{"a":"1","b":"2"}"#)
        );
    }

    #[test]
    fn section_2_4_names_and_groups_that_differ_in_number_skip_every_record() {
        assert_eq!(by_pattern(Syslog, r"(\S+)", &["a", "b"], "x"), Err(Skip::FieldCount));
        assert_eq!(by_pattern(Syslog, r"(\S+)", &[], "x"), Err(Skip::FieldCount));
        let names = ["a".to_owned()];
        let converter = LogToJson::new(Syslog, None, Some(&names), JsonFormat::Compact);
        assert_eq!(run(converter, "Oct 9 22:33:20 h p: m"), Err(Skip::FieldCount));
    }

    #[test]
    fn section_2_4_custom_names_rename_by_position() {
        let names = ["t", "h", "p", "i", "m"].map(String::from);
        let converter = LogToJson::new(Syslog, None, Some(&names), JsonFormat::Pretty);
        assert_eq!(
            run(converter, "Oct 9 22:33:20 h p: m\n").as_deref(),
            Ok("{\n  \"t\" : \"Oct 9 22:33:20\",\n  \"h\" : \"h\",\n  \"p\" : \"p\",\n  \
                \"i\" : null,\n  \"m\" : \"m\"\n}")
        );
    }
}

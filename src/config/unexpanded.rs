//! Values that are used literally, which is probably a mistake: a variable, a home directory,
//! a template or a placeholder that something should have replaced before kinetail reads the file.

use super::diagnostics::{Findings, Kind, quote};
use super::file::{FlowFile, TopLevelFile};
use super::parse::{Entry, Node, Value};

/// Nothing is in a value that has to be replaced: these are regular expressions and plain bytes.
const PLAIN: &[&str] = &[
    "delimiter",
    "exclude",
    "fileFooterPattern",
    "include",
    "keep",
    "matchPattern",
    "multiLineStartPattern",
    "multiline",
    "pattern",
    "patterns",
    "truncatedRecordTerminator",
];

/// What is made if it is not there: a directory with such a name is useless.
const MADE: &[&str] = &["checkpointFile", "log.file"];

/// What may be meant as is.
const FREE: &[&str] = &[
    "cloudwatch.namespace",
    "customFieldNames",
    "fields",
    "format",
    "metadata",
    "replacement",
    "userAgent",
    "userAgentOverride",
];

/// Something that nothing expands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unexpanded {
    /// The part of the value.
    pub(crate) part: String,
    /// What to do.
    pub(crate) help: &'static str,
}

const HOME: &str = "'~' is not expanded: use the full path, such as /home/user/app.log";
const VARIABLE: &str = "variables are not replaced: write the value, or ${NAME} and \
                        \"expandEnvironment\": true";
const TEMPLATE: &str = "unfilled template placeholder: write the value";
const TAG: &str = "unreplaced placeholder: write the value";
const COMMAND: &str = "commands are not run: write the value";
const SAMPLE: &str = "it is from a sample: write the name of your own";

/// What has the name of something in AWS.
const NAMES: &[&str] = &["assumeRoleARN", "deliveryStream", "kinesisStream"];

/// Finds such a part in a value.
pub(crate) fn find(text: &str) -> Option<Unexpanded> {
    let found = |part: &str, help| Some(Unexpanded { part: part.to_owned(), help });
    if text == "~" || text.starts_with('~') && text.contains('/') {
        return found(text.split('/').next().unwrap_or_default(), HOME);
    }
    for (open, close, help) in [
        ("${", "}", VARIABLE),
        ("$(", ")", VARIABLE),
        ("`", "`", COMMAND),
        ("{{", "}}", TEMPLATE),
        ("<%", "%>", TEMPLATE),
    ] {
        if let Some(part) = between(text, open, close) {
            return found(part, help);
        }
    }
    if let Some(part) = between(text, "<", ">").filter(|part| is_tag(part)) {
        return found(part, TAG);
    }
    let mut start = 0;
    for part in text.split('/') {
        if let Some(name) = dollar_name(part).filter(|name| start == 0 || is_constant(name)) {
            return found(&format!("${name}"), VARIABLE);
        }
        start += part.len() + 1;
    }
    // `%LOGDIR%`, `@LOGDIR@`.
    [('%', VARIABLE), ('@', TAG)].into_iter().find_map(|(sign, help)| {
        let mut names = text.split(sign).skip(1);
        names
            .find(|name| is_constant(name) && text.contains(&format!("{sign}{name}{sign}")))
            .and_then(|name| found(&format!("{sign}{name}{sign}"), help))
    })
}

/// A name out of AWS's samples, or one that is like them: `yourkinesisstream`, `YOUR_STREAM_NAME`.
fn is_sample(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let stands_in = |word: &str| {
        matches!(word, "your" | "yours" | "changeme" | "placeholder")
            || matches!(word, "xxx" | "xxxx" | "xxxxx")
    };
    let yours = ["kinesis", "delivery", "firehose", "stream", "role", "iam", "data"];
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(stands_in)
        || name.strip_prefix("your").is_some_and(|rest| yours.iter().any(|of| rest.starts_with(of)))
}

/// The first part that stands between these, with them.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let start = text.find(open)?;
    let rest = text.get(start..)?;
    let end = open.len() + rest.get(open.len()..)?.find(close)? + close.len();
    (end > open.len() + close.len()).then(|| rest.get(..end)).flatten()
}

/// `<your-stream>`: words between angle brackets.
fn is_tag(part: &str) -> bool {
    let inner = part.trim_matches(['<', '>']);
    let legal = |c: char| c.is_alphanumeric() || " _-.".contains(c);
    inner.starts_with(char::is_alphabetic) && inner.chars().all(legal)
}

/// The name behind a dollar sign at the start of a part of a path.
fn dollar_name(part: &str) -> Option<&str> {
    let rest = part.strip_prefix('$')?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let name = rest.get(..end)?;
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then_some(name)
}

/// `LOG_DIR`, as variables are called.
fn is_constant(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Looks at the values of the keys that count.
pub(super) fn check(entries: &[Entry], findings: &mut Findings<'_>) {
    for entry in entries {
        if entry.key == "flows" {
            if let Value::List(flows) = &entry.node.value {
                for flow in flows {
                    check_flow(flow, findings);
                }
            }
        } else if TopLevelFile::KEYS.contains(&entry.key.as_str()) {
            check_entry(entry, findings);
        }
    }
}

/// Looks at the values of a flow.
pub(super) fn check_flow(flow: &Node, findings: &mut Findings<'_>) {
    let Value::Map(entries) = &flow.value else {
        return;
    };
    for entry in entries.iter().filter(|entry| FlowFile::KEYS.contains(&entry.key.as_str())) {
        if let (true, Value::List(items)) =
            (entry.key == "dataProcessingOptions", &entry.node.value)
        {
            let maps = items.iter().filter_map(|item| match &item.value {
                Value::Map(entries) => Some(entries),
                Value::List(_) | Value::Null | Value::Scalar(_) => None,
            });
            for entry in maps.flatten() {
                check_entry(entry, findings);
            }
        } else {
            check_entry(entry, findings);
        }
    }
}

fn check_entry(entry: &Entry, findings: &mut Findings<'_>) {
    if !PLAIN.contains(&entry.key.as_str()) {
        check_node(&entry.key, &entry.node, findings);
    }
}

/// The depth is bounded by the parser of the file.
fn check_node(key: &str, node: &Node, findings: &mut Findings<'_>) {
    match &node.value {
        Value::List(items) => {
            for item in items {
                check_node(key, item, findings);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                check_node(key, &entry.node, findings);
            }
        }
        Value::Null => {}
        Value::Scalar(text) => {
            if let Some(found) = find(text) {
                tell(key, node, &found, findings);
            } else if NAMES.contains(&key) && is_sample(text) {
                let message = format!("'{key}' {} is a placeholder", findings.quote(node));
                findings.broken(Kind::Invalid, &node.span, message).help(SAMPLE);
            }
        }
    }
}

fn tell(key: &str, node: &Node, found: &Unexpanded, findings: &mut Findings<'_>) {
    // What is wrong with it in the first place was told already, and this is why.
    if findings.helped_at(&node.span, found.help) {
        return;
    }
    let part = if findings.is_secret(&node.span) {
        "a part of the value".to_owned()
    } else {
        quote(&found.part)
    };
    let message = format!("'{key}': {part} is used literally");
    let finding = if MADE.contains(&key) {
        findings.error(Kind::Invalid, &node.span, message)
    } else if FREE.contains(&key) {
        findings.warn(Kind::Invalid, &node.span, message)
    } else {
        findings.broken(Kind::Invalid, &node.span, message)
    };
    finding.help(found.help);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_expands_is_found_and_other_signs_are_left_alone() {
        for (text, part) in [
            ("~/logs/*.log", "~"),
            ("~app/logs/*.log", "~app"),
            ("${LOGDIR}/*.log", "${LOGDIR}"),
            ("/var/${APP}/x", "${APP}"),
            ("kinesis.${AWS::Region}.amazonaws.com", "${AWS::Region}"),
            ("$KINESIS_ENDPOINT", "$KINESIS_ENDPOINT"),
            ("https://$KINESIS_ENDPOINT", "$KINESIS_ENDPOINT"),
            ("/var/$APP/x.log", "$APP"),
            ("$(hostname)", "$(hostname)"),
            ("/var/log/`hostname`.log", "`hostname`"),
            ("@LOGDIR@/x", "@LOGDIR@"),
            ("%LOGDIR%/x", "%LOGDIR%"),
            ("{{ region }}", "{{ region }}"),
            ("<%= stream %>", "<%= stream %>"),
            ("<your-stream>", "<your-stream>"),
        ] {
            assert_eq!(find(text).map(|found| found.part).as_deref(), Some(part), "{text}");
        }
        for text in [
            "/var/log/app.log~",
            "/home/~old/x",
            "/var/log/Foo$Bar.log",
            "/var/log/$bar.log",
            "/var/log/{a,b}.log",
            "/var/log/100%.log",
            "/a<b/c>d",
            "a%20b%20c",
            "/a`b.log",
            "/home/me@HOST/x",
            "/mail/a@b@c",
            "$",
            "",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn names_out_of_samples_are_known_and_others_are_not() {
        for text in [
            "yourkinesisstream",
            "yourdeliverystream",
            "YOUR_STREAM_NAME",
            "your-stream",
            "YourStreamName",
            "xxx",
            "arn:aws:iam::123456789012:role/YOUR_ROLE",
            "arn:aws:iam::123456789012:role/path/your-role",
        ] {
            assert!(is_sample(text), "{text}");
        }
        for text in ["yourself", "app-logs", "todo", "young", "arn:aws:iam::1:role/ship", "xx", ""]
        {
            assert!(!is_sample(text), "{text}");
        }
    }
}

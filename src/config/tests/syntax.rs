//! Texts that are no document: each with the place, the message and the help that leads out.

use super::*;

/// Text, line and column, message, a part of the help.
type Row = (&'static str, (usize, usize), &'static str, &'static str);

fn run(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (text, place, message, help) in rows {
        let report = report(text);
        let first = report.diagnostics.first().unwrap();
        let found = (first.place.line, first.place.column);
        let shown = first.place.excerpt.is_some();
        let helps = first.help.as_deref().unwrap_or_default().contains(help);
        if found != *place || first.message != *message || !helps || !shown {
            wrong.push(format!("{text:?}\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

const NO_BLANK: &str = "missing space after ':'";
const NOT_IN_LINE: &str = "this line does not begin where the entry above it begins";
const UNKNOWN_ESCAPE: &str = "while parsing a quoted scalar, found unknown escape character";
const IS_MISSING: &str = "required value missing: 'filePattern'";

#[test]
fn yaml_says_what_the_person_meant() {
    run(YAML);
}

const YAML: &[Row] = &[
    (
        "flows:\n  - filePattern: *.log\n    kinesisStream: s\n",
        (2, 18),
        "a value that begins with '*' refers to another place in YAML",
        "quote it: '*.log'",
    ),
    (
        "flows:\n  - filePattern: *.log # all\n    kinesisStream: s\n",
        (2, 18),
        "a value that begins with '*' refers to another place in YAML",
        "quote it: '*.log'",
    ),
    ("flows:\n  - filePattern: &x/y\n    kinesisStream: s\n", (2, 5), IS_MISSING, "quote values"),
    ("flows:\n  - filePattern: !x/y\n    kinesisStream: s\n", (2, 5), IS_MISSING, "quote values"),
    ("flows:\n  - filePattern: #x/y\n    kinesisStream: s\n", (2, 5), IS_MISSING, "quote values"),
    (
        "flows:\n  - filePattern: %x/y\n    kinesisStream: s\n",
        (2, 18),
        "a value cannot begin with this character in YAML",
        "quote it: '%x/y'",
    ),
    (
        "flows:\n  - filePattern: @x/y\n    kinesisStream: s\n",
        (2, 18),
        "a value cannot begin with this character in YAML",
        "quote it: '@x/y'",
    ),
    (
        "flows:\n  - filePattern: [a-z]*.log\n    kinesisStream: s\n",
        (2, 18),
        "a value that begins with this character is a list or a map in YAML",
        "quote it: '[a-z]*.log'",
    ),
    (
        "flows:\n  - filePattern: {a,b}.log\n    kinesisStream: s\n",
        (2, 18),
        "a value that begins with this character is a list or a map in YAML",
        "quote it: '{a,b}.log'",
    ),
    (
        "flows:\n  - filePattern: /a/b\n    multiLineStartPattern: \"^\\d{4}\"\n",
        (3, 28),
        UNKNOWN_ESCAPE,
        "write '^\\d{4}' in single quotes, or the backslash twice (\\\\d)",
    ),
    (
        "flows:\n- filePattern: \"C:\\logs\\a\"\n  kinesisStream: s\n",
        (2, 16),
        UNKNOWN_ESCAPE,
        "write 'C:\\logs\\a' in single quotes",
    ),
    (
        "flows:\n\t- filePattern: /a/b\n\t  kinesisStream: s\n",
        (2, 1),
        "a tab cannot indent a line of YAML",
        "indent with blanks",
    ),
    (
        "flows:\n  - filePattern: /a/b\n\tkinesisStream: s\n",
        (3, 1),
        "a tab cannot indent a line of YAML",
        "indent with blanks",
    ),
    (
        "flows:\n  - filePattern:/a/b\n    kinesisStream: s\n",
        (2, 16),
        NO_BLANK,
        "write filePattern: /a/b",
    ),
    (
        "flows:\n  - filePattern: /a/b\n    kinesisStream:s\n    region: us-east-1\n",
        (3, 18),
        NO_BLANK,
        "write kinesisStream: s",
    ),
    ("region:us-east-1\nflows:\n  - a: 1\n", (1, 7), NO_BLANK, "write region: us-east-1"),
    (
        "flows:\n  - filePattern:/a/b\n",
        (2, 5),
        "'flows': expected a map for each item, found \"filePattern:/a/b\"",
        "write filePattern: /a/b, with a space after ':'",
    ),
    ("region = us-east-1\n", (1, 1), "expected a map at the top level", "write region: us-east-1"),
    (
        "flows:\n  - filePattern: /a/b\n   kinesisStream: s\n",
        (3, 4),
        NOT_IN_LINE,
        "begin it in column 5",
    ),
    (
        "flows:\n  - filePattern: /a/b\n     kinesisStream: s\n",
        (3, 6),
        NOT_IN_LINE,
        "begin it in column 5",
    ),
    (
        "flows:\n  - filePattern: /a/b\n    kinesisStream: s\n  region: x\n",
        (4, 3),
        NOT_IN_LINE,
        "begin it in column 5",
    ),
    (
        "flows:\n  - filePattern: '/a/b\n    kinesisStream: s\n",
        (2, 18),
        "unclosed quote",
        "write ' where the value ends",
    ),
    (
        "flows:\n  - filePattern: \"/a/b\n    kinesisStream: s\n",
        (2, 18),
        "unclosed quote",
        "write \" where the value ends",
    ),
    (
        "flows:\n  - filePattern: /a/b: c\n    kinesisStream: s\n",
        (2, 18),
        "mapping values are not allowed in this context",
        "quote values that contain ': ': '/a/b: c'",
    ),
    (
        "flows:\n  - {filePattern: /a/b, kinesisStream: s\n",
        (2, 5),
        "unclosed bracket '{'",
        "close it",
    ),
    (
        "flows:\n  -filePattern: /a/b\n   kinesisStream: s\n",
        (2, 3),
        "missing space after '-'",
        "write - filePattern: /a/b",
    ),
    ("flows\n  - filePattern: /a/b\n", (1, 1), "missing ':' after 'flows'", "write flows:"),
    (
        "\"flows\": [{\"filePattern\": \"/a/b\" \"kinesisStream\": \"s\"}]\n",
        (1, 34),
        "invalid trailing content after double-quoted scalar",
        "JSON without the outermost '{' and '}'",
    ),
    (
        "---\nflows: []\n---\nflows: []\n",
        (4, 1),
        "expected a single YAML document",
        "remove the line '---'",
    ),
    (
        "flows:\n  filePattern: /a/b\n  kinesisStream: s\n",
        (1, 1),
        "'flows': expected a list, found a map",
        "\"- \"",
    ),
];

#[test]
fn json_says_what_the_person_meant() {
    run(JSON);
}

const JSON: &[Row] = &[
    (
        "{\n  \"region\": \"us-east-1\"\n  \"flows\": []\n}",
        (2, 24),
        "missing comma",
        "add a comma between this entry and the next one",
    ),
    (
        "{\"flows\": [{\"filePattern\": \"/a/b\"} {\"filePattern\": \"/a/c\"}]}",
        (1, 35),
        "missing comma",
        "add a comma",
    ),
    ("\u{feff}{\n  \"region\": \"us-east-1\",\n}", (2, 24), "trailing comma", "remove the comma"),
    (
        "{\n  # the region\n  \"region\": \"us-east-1\"\n}",
        (2, 3),
        "'#' does not start a comment in JSON; use '//'",
        "//",
    ),
    (
        "{'region': 'us-east-1'}",
        (1, 2),
        "JSON keys and strings require double quotes (\")",
        "replace them",
    ),
    (
        "{\u{201c}region\u{201d}: 1}",
        (1, 2),
        "JSON keys and strings require double quotes (\")",
        "replace them",
    ),
    (
        "{\"flows\": [{\"multiLineStartPattern\": \"^\\d{4}\"}]}",
        (1, 40),
        "invalid escape in a JSON string",
        "write the backslash twice: \\\\d in the file means \\d",
    ),
    ("{\"region\" \"x\"}", (1, 10), "missing ':' between key and value", "key"),
    ("{\"region\" = \"x\"}", (1, 11), "missing ':' between key and value", "key"),
    ("{\"region\": }", (1, 11), "missing value", "add one"),
    (
        "{\"cloudwatch.emitMetrics\": True}",
        (1, 28),
        "JSON has true, false and null, in small letters, and no other words",
        "true, false or null",
    ),
    (
        "{\n  \"flows\": [\n    {\"filePattern\": \"/a\"}\n}",
        (4, 1),
        "']' has to close this, not '}'",
        "count the brackets",
    ),
    ("{\n  \"flows\": [\n", (2, 12), "this '[' is never closed", "write ']' where it ends"),
    ("{\n  \"region\": \"us-east-1,\n}", (2, 13), "the string is not closed on its line", "\""),
    ("{ /* x\n}", (1, 3), "the comment is never closed; '*/' is missing", "*/"),
    ("{\u{a0}\"region\": 1}", (1, 2), "unexpected invisible character U+00A0", "space"),
    ("[{\"filePattern\": \"/a\"}]", (1, 1), "expected a map at the top level", "'{'"),
];

#[test]
fn a_line_that_may_hold_a_secret_is_not_quoted_in_the_help() {
    let report = report("awsSecretAccessKey: *abc/def\n");
    assert!(!report.to_string().contains("abc/def"), "{report}");
    let report = self::report("awsSecretAccessKey:abc/def\nregion: x\n");
    assert!(!report.to_string().contains("abc/def"), "{report}");
}

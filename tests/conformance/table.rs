//! Reading of a table of cases. The head of each table says how it is written.

use super::{Case, Given, Want};

/// The cases of a table.
pub(super) fn read(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut given = Given::Flow(String::new());
    for row in rows(text) {
        let case = row_to_case(&row, given);
        given = case.given.clone();
        cases.push(case);
    }
    cases
}

/// The lines of each row: the title, then keys and values. A line that begins with two blanks goes
/// on with the one before.
fn rows(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut rows: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix("== ") {
            rows.push((title.to_owned(), Vec::new()));
            continue;
        }
        let (_, entries) = rows.last_mut().expect("a table begins with a row");
        if let Some(more) = line.strip_prefix("  ") {
            let (_, value) = entries.last_mut().expect("something to go on with");
            value.push('\n');
            value.push_str(more);
            continue;
        }
        let (key, value) = line.split_once(':').expect("a key and a colon");
        let value = value.strip_prefix(' ').unwrap_or(value);
        entries.push((key.to_owned(), value.to_owned()));
    }
    rows
}

fn row_to_case((title, entries): &(String, Vec<(String, String)>), last: Given) -> Case {
    let (section, name) = title.split_once(' ').expect("a section and a name");
    let (section, name) = (section.to_owned(), name.to_owned());
    let (mut given, mut input, mut told) = (last, Vec::new(), None);
    let mut records = Vec::new();
    for (key, value) in entries {
        match key.as_str() {
            "file" => given = Given::File(value.clone()),
            "flow" => given = Given::Flow(value.clone()),
            "options" => given = Given::Options(value.clone()),
            "in" => input = unescape(value),
            "out" => records.push(unescape(value)),
            "error" => told = Some(Want::Error(value.clone())),
            "warning" => told = Some(Want::Warning(value.clone())),
            key => panic!("{title}: unknown key {key}"),
        }
    }
    Case { section, name, given, input, want: told.unwrap_or(Want::Records(records)) }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (letter, behind) = escape.split_at_checked(1).expect("a letter behind the backslash");
        rest = behind;
        match letter {
            "n" => bytes.push(b'\n'),
            "r" => bytes.push(b'\r'),
            "t" => bytes.push(b'\t'),
            "\\" => bytes.push(b'\\'),
            "x" => {
                let (digits, behind) = rest.split_at_checked(2).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = behind;
            }
            "u" => {
                let digits = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let (digits, behind) = digits.expect("digits in braces");
                let char = char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap();
                bytes.extend_from_slice(char.to_string().as_bytes());
                rest = behind;
            }
            letter => panic!("unknown escape {letter:?} in {text:?}"),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[test]
fn a_table_is_read_as_its_head_says() {
    let text = [
        "# head",
        "",
        "== 1.2 a name",
        "flow: \"a\": 1,",
        "  \"b\": 2",
        r"in: a\x20\\\n",
        r"out: \u{E9}\n",
        "== 1.2 another",
        "out: a",
        "out: b",
        "== 3 third",
        "options:",
        "error: x: y",
    ]
    .join("\n");
    let cases = read(&text);
    assert_eq!(cases.len(), 3);
    assert_eq!((cases[0].section.as_str(), cases[0].name.as_str()), ("1.2", "a name"));
    assert_eq!(cases[0].input, b"a \\\n");
    assert!(matches!(&cases[1].given, Given::Flow(members) if members == "\"a\": 1,\n\"b\": 2"));
    let Want::Records(records) = &cases[0].want else { panic!("no records") };
    assert_eq!(records, &["\u{E9}\n".as_bytes()]);
    assert!(matches!(&cases[2].want, Want::Error(fragment) if fragment == "x: y"));
    assert!(matches!(&cases[2].given, Given::Options(items) if items.is_empty()));
}

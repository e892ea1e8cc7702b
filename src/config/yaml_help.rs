//! What to do about a text that is not YAML. The parser knows where it stopped, and says so in
//! words of its own trade; what the person meant can often be seen in the line.

use std::ops::Range;

use super::parse::SyntaxError;

/// So many lines before the place are searched for what led there: a value may span lines.
const LINES_BEFORE: usize = 3;

/// So many characters of a value are shown with quotes around it.
const SHOWN_CHARS_MAX: usize = 60;

const GENERAL: &str = "indent with spaces, consistently; quote values that contain ': '";

/// What is wrong, where, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) message: String,
    pub(super) at: Range<usize>,
    pub(super) help: String,
}

/// A line of the text, and where it begins.
#[derive(Debug, Clone, Copy)]
struct Line<'t> {
    text: &'t str,
    start: usize,
}

/// Explains an error of the parser.
pub(super) fn explain(text: &str, error: SyntaxError) -> Explained {
    let SyntaxError { message, at } = error;
    let lines = lines_before(text, at);
    let here = lines.last().copied().unwrap_or(Line { text: "", start: at });
    let as_it_is = |message: String, help: String| Explained { message, at: at..at, help };
    if message.contains("escape") {
        return as_it_is(message, escape_help(here, at));
    }
    let tab_may_follow = lines_before(text, here.start + here.text.len() + 1);
    let with_next = if message.contains("tab") { &tab_may_follow } else { &lines };
    if let Some(found) = with_next.iter().find_map(|line| tab(*line)) {
        return found;
    }
    if message.contains("single YAML document") {
        return as_it_is(message, "remove the line '---' before it".to_owned());
    }
    if let Some(found) = lines.iter().rev().find_map(|line| template(*line)) {
        return found;
    }
    let special = lines.iter().rev().find_map(|line| special_value(*line));
    if message.contains("anchor") || message.contains("alias") || message.contains("tag") {
        if let Some(found) = special {
            return found;
        }
    } else if let Some(found) = lines.iter().rev().find_map(|line| no_blank(*line)) {
        return found;
    } else if let Some(found) = special {
        return found;
    }
    if let Some(found) = lines.iter().rev().find_map(|line| open_quote(*line)) {
        return found;
    }
    if text.trim_start().starts_with('"') {
        let help = "it looks like JSON without the outermost '{' and '}'";
        return as_it_is(message, help.to_owned());
    }
    if message.contains("unclosed") {
        let help = "close it, or quote values that begin with this character";
        return as_it_is(message, help.to_owned());
    }
    if let Some(found) = lines.iter().rev().find_map(|line| no_sign(*line)) {
        return found;
    }
    if let Some(found) = out_of_line(&lines) {
        return found;
    }
    if let Some(found) = colon_in_value(here) {
        return Explained { message, at: found.0, help: found.1 };
    }
    as_it_is(message, GENERAL.to_owned())
}

/// The line of a place and those right before it.
fn lines_before(text: &str, at: usize) -> Vec<Line<'_>> {
    let at = text.floor_char_boundary(at);
    let mut end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |n| at + n);
    let mut lines = Vec::new();
    while lines.len() <= LINES_BEFORE {
        let before = text.get(..end).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.get(start..).unwrap_or_default().trim_end_matches('\r');
        lines.push(Line { text: line, start });
        let Some(newline) = start.checked_sub(1) else {
            break;
        };
        end = newline;
    }
    lines.reverse();
    lines
}

fn escape_help(line: Line<'_>, at: usize) -> String {
    let rest = line.text.get(at.saturating_sub(line.start)..).unwrap_or_default();
    let escape = rest.find('\\').and_then(|backslash| rest.get(backslash + 1..)?.chars().next());
    let quoted = line.text.split_once('"').and_then(|(_, rest)| Some(rest.rsplit_once('"')?.0));
    let twice = escape.map_or_else(|| "\\\\".to_owned(), |char| format!("\\\\{char}"));
    match quoted.filter(|value| !value.contains(['\'', '"'])) {
        Some(value) => format!(
            "in double quotes a backslash begins an escape: write '{}' in single quotes, or the \
             backslash twice ({twice})",
            short(value)
        ),
        None => format!(
            "in double quotes a backslash begins an escape: write single quotes, or the backslash \
             twice ({twice})"
        ),
    }
}

/// A tab among the blanks that a line begins with.
fn tab(line: Line<'_>) -> Option<Explained> {
    let indent = line.text.len() - line.text.trim_start().len();
    let tab = line.text.get(..indent)?.find('\t')?;
    Some(Explained {
        message: "a tab cannot indent a line of YAML".to_owned(),
        at: line.start + tab..line.start + tab + 1,
        help: "indent with blanks".to_owned(),
    })
}

/// A value with a placeholder that a template engine should have replaced: in YAML the braces begin
/// a map.
fn template(line: Line<'_>) -> Option<Explained> {
    let (value, start) = value(line)?;
    let braces = [("{{", "}}"), ("{%", "%}"), ("<%", "%>")];
    let (_, close) = braces.into_iter().find(|(open, _)| value.starts_with(open))?;
    let at = value.find(close)? + close.len();
    Some(Explained {
        message: "a template placeholder was not replaced".to_owned(),
        at: start..start + at,
        help: "fill the template in first, or write the value".to_owned(),
    })
}

/// A value that begins with a character that means something in YAML.
fn special_value(line: Line<'_>) -> Option<Explained> {
    let (value, start) = value(line)?;
    let meaning = match value.chars().next()? {
        '*' => "a value that begins with '*' refers to another place in YAML",
        '&' => "in YAML, '&' at the start of a value defines an anchor",
        '!' => "in YAML, '!' at the start of a value defines a type",
        '%' | '@' | '`' => "a value cannot begin with this character in YAML",
        '[' | '{' if is_glob(value) => {
            "a value that begins with this character is a list or a map in YAML"
        }
        _ => return None,
    };
    let quote = if value.contains('\'') { '"' } else { '\'' };
    Some(Explained {
        message: meaning.to_owned(),
        at: start..start + value.len(),
        help: format!("quote it: {quote}{}{quote}", short(value)),
    })
}

/// Whether something follows the bracket that closes the first one, on the same line.
fn is_glob(value: &str) -> bool {
    let closing = if value.starts_with('[') { ']' } else { '}' };
    value.split_once(closing).is_some_and(|(_, rest)| {
        let rest = rest.trim_end();
        !rest.is_empty() && !rest.starts_with([',', ' ', ']', '}'])
    })
}

/// `key:value`, which is one word in YAML.
fn no_blank(line: Line<'_>) -> Option<Explained> {
    let (entry, start) = entry(line);
    let (key, rest) = entry.split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    // `http://x` is no key with a value.
    let is_other = rest.starts_with('/') && !is_ours(key);
    if !is_key || rest.is_empty() || rest.starts_with([' ', '\t', ':']) || is_other {
        return None;
    }
    let colon = start + key.len();
    Some(Explained {
        message: "missing space after ':'".to_owned(),
        at: colon..colon + 1,
        help: format!("write {key}: {}", short(rest)),
    })
}

/// `-key: value`, or a key of ours with nothing behind it.
fn no_sign(line: Line<'_>) -> Option<Explained> {
    let (entry, start) = entry(line);
    if let Some(rest) = entry.strip_prefix('-')
        && rest.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return Some(Explained {
            message: "missing space after '-'".to_owned(),
            at: start..start + 1,
            help: format!("write - {}", short(rest)),
        });
    }
    is_ours(entry).then(|| Explained {
        message: format!("missing ':' after '{entry}'"),
        at: start..start + entry.len(),
        help: format!("write {entry}:"),
    })
}

/// A quote that begins a value and is not closed on its line.
fn open_quote(line: Line<'_>) -> Option<Explained> {
    let (value, start) = value(line)?;
    let quote = value.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    let rest = value.get(1..).unwrap_or_default();
    (!rest.contains(quote)).then(|| Explained {
        message: "unclosed quote".to_owned(),
        at: start..start + value.len(),
        help: format!("write {quote} where the value ends"),
    })
}

/// The last line, if its entry does not begin where that of the line before begins.
fn out_of_line(lines: &[Line<'_>]) -> Option<Explained> {
    let mut full = lines.iter().rev().filter(|line| {
        let text = line.text.trim_start();
        !text.is_empty() && !text.starts_with('#')
    });
    let (here, before) = (*full.next()?, *full.next()?);
    let column = |line: Line<'_>| entry(line).1 - line.start + 1;
    let (wrong, right) = (column(here), column(before));
    let (is_item, may_nest) = (
        here.text.trim_start().starts_with("- "),
        before.text.trim_end().ends_with([':', '|', '>']),
    );
    if wrong == right || is_item || may_nest || !before.text.contains(": ") {
        return None;
    }
    Some(Explained {
        message: "this line does not begin where the entry above it begins".to_owned(),
        at: here.start + wrong - 1..here.start + here.text.trim_end().len(),
        help: format!(
            "begin it in column {right}, as the line above, or in that of the map it belongs to"
        ),
    })
}

/// Whether it is a key that kinetail knows.
fn is_ours(key: &str) -> bool {
    use super::file::{CONVERTERS, FlowFile, TopLevelFile};
    let keys =
        FlowFile::KEYS.iter().chain(TopLevelFile::KEYS).chain(CONVERTERS.iter().copied().flatten());
    keys.into_iter().any(|known| *known == key)
}

/// What to do about a scalar that should have been an entry of a map, such as `key:value`.
pub(super) fn scalar_help(text: &str) -> Option<String> {
    let sign = text.find([':', '='])?;
    let (key, rest) = text.split_at(sign);
    let (key, rest) = (key.trim(), rest.get(1..)?.trim());
    is_ours(key).then(|| format!("write {key}: {}, with a space after ':'", short(rest)))
}

/// A value with `: ` in it.
fn colon_in_value(line: Line<'_>) -> Option<(Range<usize>, String)> {
    let (value, start) = value(line)?;
    if value.starts_with(['"', '\'', '[', '{', '|', '>']) || !value.contains(": ") {
        return None;
    }
    let quote = if value.contains('\'') { '"' } else { '\'' };
    let help = format!(
        "quote values that contain ': ': {quote}{}{quote}; or the line is indented too far",
        short(value)
    );
    Some((start..start + value.len(), help))
}

/// A line without its indentation and the dash of a list.
fn entry(line: Line<'_>) -> (&str, usize) {
    let mut entry = line.text.trim_start();
    while let Some(rest) = entry.strip_prefix("- ") {
        entry = rest.trim_start();
    }
    (entry.trim_end(), line.start + line.text.len() - entry.len())
}

/// What follows the key of a line, or behind the dash of an item.
fn value(line: Line<'_>) -> Option<(&str, usize)> {
    let (entry, start) = entry(line);
    if entry.starts_with('#') {
        return None;
    }
    let value = match entry.split_once(": ") {
        Some((key, value)) if !key.contains([' ', '*', '[', '{']) => value,
        _ => entry,
    };
    let value = value.trim_start();
    let start = start + entry.len() - value.len();
    let value = value.split(" #").next().unwrap_or_default().trim_end();
    (!value.is_empty()).then_some((value, start))
}

fn short(value: &str) -> String {
    let mut short: String = value.chars().take(SHOWN_CHARS_MAX).map(printable).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

fn printable(char: char) -> char {
    if char.is_control() { '\u{fffd}' } else { char }
}

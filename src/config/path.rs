//! Paths and patterns that are right as such and cannot be meant: URLs, paths of Windows, several
//! paths in one value, regular expressions.

/// Why a path cannot be meant, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) what: &'static str,
    pub(super) help: String,
    /// It may be meant all the same.
    pub(super) may_work: bool,
}

/// Looks at a path of any kind.
pub(super) fn odd_path(text: &str) -> Option<Odd> {
    let odd = |what, help: &str| Some(Odd { what, help: help.to_owned(), may_work: false });
    if let Some((scheme, rest)) = text.split_once("://") {
        let is_scheme = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
        if is_scheme && scheme.len() > 1 {
            return if scheme == "file" {
                odd("is a URL", &format!("write the path alone: {rest}"))
            } else {
                odd("is a URL", "only local files are supported; use a path")
            };
        }
    }
    let drive = text.as_bytes();
    let is_drive =
        matches!(drive, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    if is_drive || text.starts_with(r"\\") {
        return odd(
            "is a path of Windows",
            "write a path of this machine, such as /var/log/app.log",
        );
    }
    if text.starts_with(char::is_whitespace) {
        return odd("begins with a space", "remove the space: it would be part of the name");
    }
    if text.ends_with(char::is_whitespace) {
        let help = "remove the space: it would be part of the name";
        return Some(Odd { what: "ends with a space", help: help.to_owned(), may_work: true });
    }
    let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('"') || quoted('\'') {
        return odd("has quotes in it", "remove the inner quotes: they would be part of the name");
    }
    None
}

/// Looks at a `filePattern`.
pub(super) fn odd_pattern(text: &str) -> Option<Odd> {
    if let Some(odd) = odd_path(text) {
        return Some(odd);
    }
    let may = |what, help: &str| Some(Odd { what, help: help.to_owned(), may_work: true });
    // `http://` may be a part of a path, as in the Java agent.
    let rest = text.replace("://", "");
    if [",/", ", /", ";/", "; /", ":/", " /", "|/"].iter().any(|between| rest.contains(between)) {
        return may(
            "looks like several patterns",
            "a flow has one pattern: use {a,b} for names in one directory, or define more flows",
        );
    }
    if text.ends_with([',', ';']) {
        return may("ends with a comma", "remove it: it would be part of the name");
    }
    let regex = [r"\.", r"\d", r"\w", r"\s", ".*\\", ".+"];
    if regex.iter().any(|part| text.contains(part))
        || text.starts_with('^')
        || text.ends_with('$')
        || has_alternatives(text)
    {
        return may(
            "looks like a regular expression",
            "it is a glob: '*' is any text, '?' one character, {a,b} one of some, a dot is a dot",
        );
    }
    if has_date(text) {
        return may(
            "looks like it has a date in it",
            "dates are not filled in: write '*' in their place, which also finds the next one",
        );
    }
    None
}

/// `(a|b)`.
fn has_alternatives(text: &str) -> bool {
    let rest = text.split_once('(').and_then(|(_, rest)| rest.split_once('|'));
    rest.is_some_and(|(_, rest)| rest.contains(')'))
}

/// `%Y-%m-%d`, as strftime(3) has it, or `yyyy-MM-dd`, as Java has it.
fn has_date(text: &str) -> bool {
    let is_part = |rest: &str| {
        let mut chars = rest.chars();
        chars.next().is_some_and(|char| "FHMYdjmy".contains(char))
            && !chars.next().is_some_and(|char| char.is_ascii_alphanumeric())
    };
    text.split('%').skip(1).any(is_part) || text.contains("yyyy") || text.contains("YYYY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_of_this_machine_says_so() {
        for (text, what) in [
            ("s3://bucket/logs/*", "is a URL"),
            ("file:///var/log/a.log", "is a URL"),
            ("http://host/a.log", "is a URL"),
            (r"C:\logs\*.log", "is a path of Windows"),
            ("c:/logs/*.log", "is a path of Windows"),
            (r"\\server\share\*.log", "is a path of Windows"),
            (" /var/log/a.log", "begins with a space"),
            ("/var/log/a.log ", "ends with a space"),
            ("'/var/log/a.log'", "has quotes in it"),
            ("/var/log/a.log,/var/log/b.log", "looks like several patterns"),
            ("/var/log/a.log /var/log/b.log", "looks like several patterns"),
            ("/var/log/a.log:/var/log/b.log", "looks like several patterns"),
            ("/var/log/a.log,", "ends with a comma"),
            (r"/var/log/.*\.log", "looks like a regular expression"),
            (r"/var/log/app-\d+.log", "looks like a regular expression"),
            ("/var/log/app.log$", "looks like a regular expression"),
            ("/var/log/(app|web).log", "looks like a regular expression"),
            ("/var/log/app-%Y-%m-%d.log", "looks like it has a date in it"),
            ("/var/log/app-%Y%m%d.log", "looks like it has a date in it"),
            ("/var/log/%F/app.log", "looks like it has a date in it"),
            ("/var/log/app-yyyy-MM-dd.log", "looks like it has a date in it"),
        ] {
            assert_eq!(odd_pattern(text).map(|odd| odd.what), Some(what), "{text}");
        }
        for text in [
            "/var/log/*.log",
            "/var/log/app.*",
            "/var/log/{a,b}.log",
            "/a/http://b",
            "/var/log/My App/a.log",
            "logs/*.log",
            "/var/log/a[0-9].log",
            "/var/log/100%.log",
            "/var/log/a%20dir/a.log",
            "/var/log/a%db%20.log",
            "/var/log/app(1).log",
            "/var/log/a|b.log",
        ] {
            assert_eq!(odd_pattern(text), None, "{text}");
        }
    }
}

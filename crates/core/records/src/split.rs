//! Cutting a text into columns, as Java's `String.split` does it.
//!
//! The rules that surprise: empty columns at the end do not exist, a text in which the delimiter
//! does not occur is one column even when it is empty, and a match of no width at the very start
//! cuts nothing off.

use std::ops::Range;

use kinetail_java_regex::{Finder, Matcher, OverLimit, PatternError, Separator};
use memchr::memmem;

/// What stands between two columns.
#[derive(Debug, Clone)]
pub enum CsvDelimiter {
    /// These bytes, which are UTF-8. Without any, every UTF-16 unit is a column of its own.
    Literal(Vec<u8>),
    /// Whatever this matches.
    Pattern(Finder),
}

impl CsvDelimiter {
    /// Reads a delimiter as the Java agent does: as a Java regular expression. Most delimiters
    /// mean just themselves (`,`, `::`, `\t`, `\|`) and become literals.
    ///
    /// # Errors
    ///
    /// As [`super::compile_match_pattern`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.chars().all(|char| char == '|') {
            // Alternatives that are all empty match between any two characters, as "" does.
            return Ok(Self::Literal(Vec::new()));
        }
        Ok(match Finder::compile(text)? {
            Separator::Literal(literal) => Self::Literal(literal.into_bytes()),
            Separator::Finder(finder) => Self::Pattern(finder),
        })
    }
}

/// A delimiter made ready for searching, with the space for its results.
#[derive(Debug)]
pub(super) struct Splitter {
    search: Search,
    /// The columns of the last text, as byte ranges.
    columns: Vec<Range<usize>>,
    /// How many columns are of interest.
    wanted: usize,
}

/// The ways to find a delimiter, the fastest first.
#[derive(Debug)]
enum Search {
    Byte(u8),
    Bytes(Box<memmem::Finder<'static>>),
    Pattern(Box<Matcher>),
    EveryUnit {
        /// The text with each character outside the basic plane replaced.
        units: String,
    },
}

impl Splitter {
    /// A splitter that keeps the first `wanted` columns of a text.
    pub(super) fn new(delimiter: &CsvDelimiter, wanted: usize) -> Self {
        let search = match delimiter {
            CsvDelimiter::Literal(bytes) => match bytes.as_slice() {
                [] => Search::EveryUnit { units: String::new() },
                [byte] => Search::Byte(*byte),
                bytes => Search::Bytes(Box::new(memmem::Finder::new(bytes).into_owned())),
            },
            CsvDelimiter::Pattern(finder) => Search::Pattern(Box::new(Matcher::searching(finder))),
        };
        Self { search, columns: Vec::with_capacity(wanted), wanted }
    }

    /// Cuts `text` into columns.
    ///
    /// # Errors
    /// It would take too long.
    pub(super) fn split<'s>(&'s mut self, text: &'s str) -> Result<Columns<'s>, OverLimit> {
        let mut cutter = Cutter::new(&mut self.columns, self.wanted);
        let bytes = text.as_bytes();
        let text = match &mut self.search {
            Search::Byte(byte) => {
                cutter.cut(text, memchr::memchr_iter(*byte, bytes).map(|at| at..at + 1));
                text
            }
            Search::Bytes(finder) => {
                let width = finder.needle().len();
                cutter.cut(text, finder.find_iter(bytes).map(|at| at..at + width));
                text
            }
            Search::Pattern(matcher) => {
                matcher.find_each(text, |delimiter| cutter.cut_at(delimiter))?;
                cutter.finish(text);
                text
            }
            Search::EveryUnit { units } => {
                let text = spread_surrogates(text, units);
                let starts = text.char_indices().map(|(at, _)| at..at);
                cutter.cut(text, starts.chain(std::iter::once(text.len()..text.len())));
                text
            }
        };
        Ok(Columns { text, columns: &self.columns })
    }
}

/// The columns of one text.
#[derive(Debug)]
pub(super) struct Columns<'s> {
    text: &'s str,
    columns: &'s [Range<usize>],
}

impl<'s> Columns<'s> {
    /// The column with this number, if the text has so many.
    pub(super) fn get(&self, column: usize) -> Option<&'s [u8]> {
        self.text.as_bytes().get(self.columns.get(column)?.clone())
    }
}

/// Collects columns until all that can be known about the wanted ones is known.
#[derive(Debug)]
struct Cutter<'c> {
    columns: &'c mut Vec<Range<usize>>,
    wanted: usize,
    /// How many of the collected columns have something other than empty columns behind them or
    /// are not empty themselves.
    kept: usize,
    /// Where the next column begins.
    start: usize,
    /// Nothing that follows can make a difference.
    done: bool,
}

impl<'c> Cutter<'c> {
    fn new(columns: &'c mut Vec<Range<usize>>, wanted: usize) -> Self {
        columns.clear();
        Self { columns, wanted, kept: 0, start: 0, done: false }
    }

    /// Cuts `text` at these delimiters.
    fn cut(&mut self, text: &str, delimiters: impl Iterator<Item = Range<usize>>) {
        for delimiter in delimiters {
            if self.cut_at(delimiter) {
                return;
            }
        }
        self.finish(text);
    }

    /// Cuts at one delimiter; true when no later one can make a difference.
    fn cut_at(&mut self, delimiter: Range<usize>) -> bool {
        if delimiter.end > 0 {
            self.done = self.push(self.start..delimiter.start);
            self.start = delimiter.end;
        }
        self.done
    }

    /// Takes what is left behind the last delimiter.
    fn finish(&mut self, text: &str) {
        let found_none = self.start == 0;
        if !self.done && !self.push(self.start..text.len()) && !found_none {
            self.columns.truncate(self.kept);
        }
    }

    /// Takes the next column; true when no later one can make a difference.
    fn push(&mut self, column: Range<usize>) -> bool {
        let is_empty = column.is_empty();
        if self.columns.len() < self.wanted {
            self.columns.push(column);
        }
        if !is_empty {
            self.kept = self.columns.len();
        }
        self.kept == self.wanted
    }
}

/// Java splits a character outside the basic plane into its two surrogates, and a surrogate
/// alone is written as `?`.
fn spread_surrogates<'s>(text: &'s str, units: &'s mut String) -> &'s str {
    const FIRST_LEAD_OF_FOUR_BYTES: u8 = 0xF0;
    if !text.bytes().any(|byte| byte >= FIRST_LEAD_OF_FOUR_BYTES) {
        return text;
    }
    units.clear();
    for char in text.chars() {
        match char.len_utf16() {
            1 => units.push(char),
            _ => units.push_str("??"),
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CsvDelimiter, Splitter};

    fn split(text: &str, delimiter: &str, wanted: usize) -> Vec<Option<String>> {
        let delimiter = CsvDelimiter::parse(delimiter).unwrap();
        let mut splitter = Splitter::new(&delimiter, wanted);
        splitter.split("what,,was::left").unwrap().get(0);
        let columns = splitter.split(text).unwrap();
        let text_of = |column| {
            columns.get(column).map(|bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap())
        };
        (0..wanted).map(text_of).collect()
    }

    fn all(text: &str, delimiter: &str) -> Vec<String> {
        split(text, delimiter, 20).into_iter().flatten().collect()
    }

    /// The right-hand side is what `String.split` of JDK 17 answered.
    #[test]
    fn columns_are_those_of_java() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("a,b", ",", &["a", "b"]),
            (",a", ",", &["", "a"]),
            ("a,,b,,", ",", &["a", "", "b"]),
            (",,", ",", &[]),
            ("", ",", &[""]),
            ("", "", &[""]),
            ("abc", "", &["a", "b", "c"]),
            ("1|2", "|", &["1", "|", "2"]),
            ("1|2", "\\|", &["1", "2"]),
            ("a\u{1F600}b", "", &["a", "?", "?", "b"]),
            ("a::b:c", "::", &["a", "b:c"]),
            ("a:::b", "::", &["a", ":b"]),
            ("a,b", ",*", &["a", "", "b"]),
            (",a", ",?", &["", "", "a"]),
            ("a b  c", "\\s*", &["a", "", "b", "", "c"]),
            ("a1b22c", "\\d+", &["a", "b", "c"]),
            ("1a", "\\d", &["", "a"]),
            ("\u{E9}a\u{E9}", "a*", &["\u{E9}", "", "\u{E9}"]),
            ("a, b ,c", " *, *", &["a", "b", "c"]),
        ];
        for (text, delimiter, want) in cases {
            assert_eq!(all(text, delimiter), *want, "{text:?} by {delimiter:?}");
        }
    }

    #[test]
    fn an_empty_column_is_there_only_if_something_follows_beyond_the_wanted_ones() {
        let columns = |a: Option<&str>, b: Option<&str>| [a.map(String::from), b.map(String::from)];
        assert_eq!(split("1,,,,x", ",", 2), columns(Some("1"), Some("")));
        assert_eq!(split("1,,,,", ",", 2), columns(Some("1"), None));
        assert_eq!(split("1,,,,x", "[,]", 2), columns(Some("1"), Some("")));
        assert_eq!(split("1,,,,", "[,]", 2), columns(Some("1"), None));
    }

    #[test]
    fn plain_and_escaped_delimiters_become_literals() {
        for (text, want) in [
            (",", ","),
            ("\t", "\t"),
            ("\\t", "\t"),
            ("\\|", "|"),
            ("\\|\\|", "||"),
            ("::", "::"),
            ("\\u0001", "\u{1}"),
            ("\\x01", "\u{1}"),
            ("\\\\", "\\"),
            ("\\Q.*\\E", ".*"),
            ("\u{E9}", "\u{E9}"),
            ("", ""),
            ("|", ""),
            ("||", ""),
        ] {
            let delimiter = CsvDelimiter::parse(text).unwrap();
            assert!(
                matches!(&delimiter, CsvDelimiter::Literal(bytes) if bytes == want.as_bytes()),
                "{text:?} gave {delimiter:?}"
            );
        }
        for text in ["\\s", ".", "a|b", "[,;]", ",+", "(?i)x", "^,", "()", ",(?=x)"] {
            let delimiter = CsvDelimiter::parse(text).unwrap();
            assert!(matches!(delimiter, CsvDelimiter::Pattern(_)), "{text:?} gave {delimiter:?}");
        }
    }

    #[test]
    fn what_is_no_regular_expression_is_an_error() {
        for text in ["(", "*", "[", "a{", "\\", ",\\X"] {
            assert!(CsvDelimiter::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        /// Forall texts: splitting by a literal is splitting by the regex that matches only it.
        #[test]
        fn literals_and_regexes_agree(text in "[,:a\u{E9}]{0,12}", wanted in 0..5_usize) {
            for (literal, regex) in [(",", "[,]"), ("::", "[:]:"), ("", "x{0}")] {
                prop_assert_eq!(split(&text, literal, wanted), split(&text, regex, wanted));
            }
        }
    }
}

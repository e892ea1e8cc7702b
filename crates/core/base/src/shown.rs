//! Text from outside as it is shown to people: names of files, what a service answers.
//!
//! Whoever may name a file may put line ends into the name, to forge lines of a log, and sequences
//! that terminals obey. So what controls a terminal or the order of its text is escaped: the
//! control characters of ASCII and of Latin-1 (C0, DEL, C1), the marks that turn the direction of
//! writing round, and the line and paragraph separators. So are invisible characters, with which
//! two names look alike: those without a width, fillers, tags. All other text is shown as it is,
//! also the joiners and selectors that scripts and emoji are written with.

use std::borrow::Cow;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::{self, Display, Write};

/// A name, with what is no UTF-8 in it as `\xff`.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a OsStr);

/// Shows a path or a part of one.
pub fn shown<T: AsRef<OsStr> + ?Sized>(name: &T) -> Shown<'_> {
    Shown(name.as_ref())
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_encoded_bytes().utf8_chunks() {
            Escaping::of(f).write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Anything that can be shown, in one line.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<T>(pub T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping::of(f), "{}", self.0)
    }
}

/// An error with every cause behind it: errors of the SDK say what happened only in their causes.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Escapes what is written to it and hands it on.
#[derive(Debug)]
pub struct Escaping<'w, W> {
    to: &'w mut W,
    keeps_lines: bool,
}

impl<'w, W: Write> Escaping<'w, W> {
    /// Whatever is written becomes one line.
    pub fn of(to: &'w mut W) -> Self {
        Self { to, keeps_lines: false }
    }
}

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, char)) = rest
            .char_indices()
            .find(|(_, char)| is_control(*char) && !(self.keeps_lines && *char == '\n'))
        {
            let (before, from) = rest.split_at(at);
            self.to.write_str(before)?;
            match char {
                '\n' => self.to.write_str("\\n")?,
                '\r' => self.to.write_str("\\r")?,
                '\t' => self.to.write_str("\\t")?,
                char => write!(self.to, "{}", char.escape_unicode())?,
            }
            rest = from.get(char.len_utf8()..).unwrap_or_default();
        }
        self.to.write_str(rest)
    }
}

/// Text of several lines, whose ends stay.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|char| is_control(char) && char != '\n') {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    let mut escaping = Escaping { to: &mut escaped, keeps_lines: true };
    let written = escaping.write_str(text);
    debug_assert!(written.is_ok(), "a String takes everything");
    Cow::Owned(escaped)
}

/// JSON, with what it may hold as it is and a terminal obeys in the escapes of JSON. Outside of its
/// strings JSON has no such characters but line ends and tabs, which stay.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let stays = |char: char| char.is_ascii() && char != '\x7f' || !is_control(char);
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if stays(char) {
            escaped.push(char);
            continue;
        }
        // Above U+FFFF JSON has two of UTF-16.
        for unit in char.encode_utf16(&mut [0; 2]) {
            let written = write!(escaped, "\\u{unit:04x}");
            debug_assert!(written.is_ok(), "a String takes everything");
        }
    }
    Cow::Owned(escaped)
}

/// A number with what it counts, in the singular or the plural: `1 record`, `2 records`.
#[must_use]
pub fn counted<N: Copy + Display + From<u8> + PartialEq>(count: N, noun: &str) -> String {
    if count == N::from(1) {
        return format!("1 {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) => format!("{count} {stem}ies"),
        None if noun.ends_with("ch") => format!("{count} {noun}es"),
        None => format!("{count} {noun}s"),
    }
}

/// Whether a character does something to a terminal, or to the text around it, or is not seen.
#[must_use]
pub fn is_control(char: char) -> bool {
    char.is_control() || is_direction(char) || is_unseen(char)
}

/// Turns the direction of writing round, or ends a line or a paragraph.
fn is_direction(char: char) -> bool {
    matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Has no width and no meaning of its own: the soft hyphen, spaces of no width and the byte order
/// mark, operators that are not seen, fillers of Hangul, marks of annotations and tags.
fn is_unseen(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn one_is_not_many() {
        let told = [(0_u64, "record"), (1, "record"), (2, "batch"), (1, "batch"), (3, "retry")];
        let told = told.map(|(count, noun)| counted(count, noun));
        assert_eq!(told, ["0 records", "1 record", "2 batches", "1 batch", "3 retries"]);
    }

    #[test]
    fn ordinary_names_are_shown_as_they_are() {
        for name in ["/var/log/app.log", "größe 日本 🦀\\n", "a\u{200d}b", ""] {
            assert_eq!(shown(name).to_string(), name);
            assert_eq!(Escaped(name).to_string(), name);
            assert_eq!((lines(name), json(name)), (name.into(), name.into()));
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (name, text) in [
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("gol.\u{202e}txt\u{2066}", "gol.\\u{202e}txt\\u{2066}"),
            ("\u{2028}", "\\u{2028}"),
            ("a\u{200b}b\u{ad}\u{feff}", "a\\u{200b}b\\u{ad}\\u{feff}"),
            ("\u{180e}\u{2060}\u{3164}\u{e0041}", "\\u{180e}\\u{2060}\\u{3164}\\u{e0041}"),
        ] {
            assert_eq!(shown(name).to_string(), text);
            assert_eq!(Escaped(name).to_string(), text);
        }
        assert_eq!(shown(OsStr::from_bytes(b"a\xff\x9b\n")).to_string(), "a\\xff\\x9b\\n");
        assert_eq!(lines("a\n\u{1b}b\n"), "a\n\\u{1b}b\n");
        assert_eq!(json("{\n\t\"a\u{9b}\u{202e}\u{7f}é\"}"), "{\n\t\"a\\u009b\\u202e\\u007fé\"}");
    }

    #[test]
    fn what_is_escaped_is_the_same_text_to_a_reader_of_json() {
        let all = (0..=0x10_ffff).filter_map(char::from_u32).filter(|char| is_control(*char));
        for char in all.clone().filter(|char| !char.is_ascii()) {
            let escaped = json(&char.to_string()).into_owned();
            let units = escaped.split("\\u").skip(1);
            let units: Vec<u16> =
                units.map(|unit| u16::from_str_radix(unit, 16).unwrap()).collect();
            assert_eq!(String::from_utf16(&units).unwrap(), char.to_string());
        }
        assert_eq!(all.count(), 65 + 3 + 7 + 4 + 26 + 128);
    }
}

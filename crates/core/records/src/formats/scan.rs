//! A cursor over a line, and the building blocks that the log formats share.
//!
//! Each method takes one part off the front and returns it, or returns `None` when the line does
//! not begin with such a part; the line is then not of the format, so nothing is put back.

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'t> {
    rest: &'t [u8],
}

impl<'t> Scan<'t> {
    pub(super) fn new(line: &'t [u8]) -> Self {
        Self { rest: line }
    }

    /// What was taken off the front of this cursor to get to `later`.
    pub(super) fn taken_until(self, later: Self) -> &'t [u8] {
        let length = self.rest.len().saturating_sub(later.rest.len());
        self.rest.get(..length).unwrap_or_default()
    }

    pub(super) fn starts_with(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    /// Exactly these bytes.
    pub(super) fn literal(&mut self, bytes: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(bytes)?;
        Some(())
    }

    /// One byte that the test accepts.
    pub(super) fn byte(&mut self, accepts: impl Fn(u8) -> bool) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        accepts(byte).then_some(byte)
    }

    /// All bytes up to the first that the test does not accept; at least one.
    pub(super) fn run(&mut self, accepts: impl Fn(u8) -> bool) -> Option<&'t [u8]> {
        let length = self.rest.iter().position(|&byte| !accepts(byte));
        let (run, rest) = self.rest.split_at_checked(length.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        (!run.is_empty()).then_some(run)
    }

    /// Text between double quotes, with them; at least one character, of any kind but a quote.
    pub(super) fn quoted(&mut self) -> Option<&'t [u8]> {
        self.literal(b"\"")?;
        let length = memchr::memchr(b'"', self.rest)?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.get(1..)?;
        (!text.is_empty()).then_some(text)
    }

    /// Whatever is left, on one line.
    pub(super) fn rest_of_line(self) -> Option<&'t [u8]> {
        (!has_line_terminator(self.rest)).then_some(self.rest)
    }

    /// A user or host name of the simple kind: letters, digits, dots, underscores, hyphens.
    pub(super) fn user(&mut self) -> Option<&'t [u8]> {
        self.run(is_name)
    }

    /// A host name (labels joined by single dots, perhaps one more dot behind them), or anything
    /// that consists of digits and dots.
    pub(super) fn host(&mut self) -> Option<&'t [u8]> {
        let host = self.run(is_name)?;
        let is_labels = host.first() != Some(&b'.') && memchr::memmem::find(host, b"..").is_none();
        let is_address = || host.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        (is_labels || is_address()).then_some(host)
    }

    pub(super) fn digits(&mut self) -> Option<&'t [u8]> {
        self.run(|byte| byte.is_ascii_digit())
    }

    /// Digits that do not begin with zero.
    pub(super) fn positive(&mut self) -> Option<&'t [u8]> {
        self.digits().filter(|digits| digits.first() != Some(&b'0'))
    }

    /// Digits, perhaps with a sign.
    pub(super) fn integer(&mut self) -> Option<&'t [u8]> {
        let start = *self;
        if self.starts_with(b'+') || self.starts_with(b'-') {
            self.rest = self.rest.get(1..)?;
        }
        self.digits()?;
        Some(start.taken_until(*self))
    }

    /// An integer or, where there is none, a hyphen.
    pub(super) fn integer_or_dash(&mut self) -> Option<&'t [u8]> {
        let mut integer = *self;
        if let Some(value) = integer.integer() {
            *self = integer;
            return Some(value);
        }
        let start = *self;
        self.literal(b"-")?;
        Some(start.taken_until(*self))
    }

    pub(super) fn whitespace(&mut self) -> Option<&'t [u8]> {
        self.run(is_space)
    }

    /// A day of the month, with a leading zero or without.
    pub(super) fn month_day(&mut self) -> Option<()> {
        match self.digits()? {
            [b'1'..=b'9'] | [b'0', b'1'..=b'9'] | [b'1' | b'2', _] | [b'3', b'0' | b'1'] => {
                Some(())
            }
            _ => None,
        }
    }

    /// An English name of a month, short or long. What follows must not be a letter, a digit or
    /// an underscore; in every format it is a slash or a space.
    pub(super) fn month(&mut self) -> Option<()> {
        self.name_of(&MONTHS)
    }

    /// An English name of a day of the week, short or long.
    pub(super) fn week_day(&mut self) -> Option<()> {
        self.name_of(&WEEK_DAYS)
    }

    /// The first three letters of one of the names, or the whole name.
    fn name_of(&mut self, names: &[&[u8]]) -> Option<()> {
        let (short, rest) = self.rest.split_first_chunk::<3>()?;
        let ending = names.iter().find_map(|name| name.strip_prefix(short))?;
        self.rest = rest.strip_prefix(ending).unwrap_or(rest);
        Some(())
    }

    /// Hours, minutes and seconds. The seconds may be 60, may have one digit and may have a
    /// fraction.
    pub(super) fn time(&mut self) -> Option<()> {
        match self.digits()? {
            [_] | [b'0' | b'1', _] | [b'2', b'0'..=b'3'] => {}
            _ => return None,
        }
        self.literal(b":")?;
        if !matches!(self.digits()?, [b'0'..=b'5', _]) {
            return None;
        }
        self.literal(b":")?;
        if !matches!(self.digits()?, [_] | [b'0'..=b'5', _] | [b'6', b'0']) {
            return None;
        }
        if matches!(self.rest.first(), Some(b':' | b'.' | b',')) {
            self.rest = self.rest.get(1..)?;
            self.digits()?;
        }
        Some(())
    }
}

const MONTHS: [&[u8]; 12] = [
    b"January",
    b"February",
    b"March",
    b"April",
    b"May",
    b"June",
    b"July",
    b"August",
    b"September",
    b"October",
    b"November",
    b"December",
];

const WEEK_DAYS: [&[u8]; 7] =
    [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];

/// Java's `\w`.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Java's `\s`.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn is_name(byte: u8) -> bool {
    is_word(byte) || byte == b'.' || byte == b'-'
}

/// Whether there is a character that Java's `.` does not match.
fn has_line_terminator(text: &[u8]) -> bool {
    if memchr::memchr2(b'\n', b'\r', text).is_some() {
        return true;
    }
    // U+0085 is C2 85; U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
    !text.is_ascii()
        && memchr::memchr2_iter(0xC2, 0xE2, text).any(|at| {
            matches!(text.get(at..), Some([0xC2, 0x85, ..] | [0xE2, 0x80, 0xA8 | 0xA9, ..]))
        })
}

/// The length in bytes of the UTF-8 character that begins with this byte.
pub(super) fn char_length(lead: u8) -> usize {
    match lead {
        0..=0xBF => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
    }
}

impl<'t> Scan<'t> {
    /// One character that is not a line terminator: Java's `.`.
    pub(super) fn any_char(&mut self) -> Option<&'t [u8]> {
        let length = char_length(*self.rest.first()?);
        let (char, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (!has_line_terminator(char)).then_some(char)
    }
}

//! What follows a backslash in a Java regular expression, in brackets and outside.

use super::error::PatternError;
use super::parse::Parser;
use super::property::set_named;

/// `\h`, without its brackets.
const HORIZONTAL_SPACE: &str = r"\t \xA0\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}";
/// `\s`, without its brackets.
const SPACE: &str = r"\t\n\x0B\f\r ";
/// `\v`, without its brackets.
const VERTICAL_SPACE: &str = r"\n\x0B\f\r\x{85}\x{2028}\x{2029}";

/// The meaning of an escape.
#[derive(Debug)]
pub(super) enum Escaped {
    /// This character and nothing else.
    Char(char),
    /// A class of characters, in brackets of its own.
    Class(String),
    /// Something that depends on where it stands.
    Letter(char),
}

impl Parser {
    /// Reads what follows a backslash.
    pub(super) fn escaped(&mut self) -> Result<Escaped, PatternError> {
        let Some(token) = self.next() else {
            return Err(self.error("nothing after the backslash"));
        };
        let class = |set: &str| Ok(Escaped::Class(format!("[{set}]")));
        match token.char {
            'a' => Ok(Escaped::Char('\u{7}')),
            'e' => Ok(Escaped::Char('\u{1B}')),
            'f' => Ok(Escaped::Char('\u{C}')),
            'n' => Ok(Escaped::Char('\n')),
            'r' => Ok(Escaped::Char('\r')),
            't' => Ok(Escaped::Char('\t')),
            'h' => class(HORIZONTAL_SPACE),
            'H' => class(&format!("^{HORIZONTAL_SPACE}")),
            'v' => class(VERTICAL_SPACE),
            'V' => class(&format!("^{VERTICAL_SPACE}")),
            // These are Unicode's under the flag `U`, and ASCII otherwise.
            letter @ ('d' | 'D' | 's' | 'S' | 'w' | 'W') if self.flags.unicode_classes => {
                class(&format!("\\{letter}"))
            }
            'd' => class("0-9"),
            'D' => class("^0-9"),
            's' => class(SPACE),
            'S' => class(&format!("^{SPACE}")),
            'w' => class("0-9A-Za-z_"),
            'W' => class("^0-9A-Za-z_"),
            'p' => self.property(""),
            'P' => self.property("^"),
            '0' => self.octal().map(Escaped::Char),
            'c' => self.control().map(Escaped::Char),
            'u' => self.utf16().map(Escaped::Char),
            'x' => self.hexadecimal().map(Escaped::Char),
            letter @ ('1'..='9' | 'A'..='Z' | 'a'..='z') => Ok(Escaped::Letter(letter)),
            char => Ok(Escaped::Char(char)),
        }
    }

    /// `\p` and `\P`.
    fn property(&mut self, negation: &str) -> Result<Escaped, PatternError> {
        let name = self.property_name()?;
        let class = format!("[{negation}{}]", set_named(&name, self.flags));
        if super::class::ranges_of(&class).is_none() {
            return Err(self.unsupported(&format!("the character property `{name}`")));
        }
        Ok(Escaped::Class(class))
    }

    fn property_name(&mut self) -> Result<String, PatternError> {
        let in_braces = self.eat('{');
        let mut name = String::new();
        while let Some(token) = self.next() {
            match token.char {
                '}' if in_braces => return Ok(name),
                char if char.is_ascii_alphanumeric() || matches!(char, '_' | '=' | ' ' | '-') => {
                    name.push(char);
                }
                _ => break,
            }
            if !in_braces {
                return Ok(name);
            }
        }
        Err(self.error("malformed name of a character class"))
    }

    /// One to three octal digits; with three, the first is at most 3.
    fn octal(&mut self) -> Result<char, PatternError> {
        let first = self.digit(8);
        let Some(first) = first else { return Err(self.error("malformed octal escape")) };
        let mut code = first;
        let longest = if first <= 3 { 2 } else { 1 };
        for _ in 0..longest {
            let Some(digit) = self.digit(8) else { break };
            code = code * 8 + digit;
        }
        self.char_of(code)
    }

    /// `\cX`: the character with one bit flipped, whatever it is.
    fn control(&mut self) -> Result<char, PatternError> {
        const CONTROL_BIT: u32 = 0x40;
        self.skip_comments();
        let Some(token) = self.next() else { return Err(self.error("nothing after `\\c`")) };
        self.char_of(u32::from(token.char) ^ CONTROL_BIT)
    }

    /// `\uHHHH`, or two of them that form a surrogate pair.
    fn utf16(&mut self) -> Result<char, PatternError> {
        let lead = self.four_hexadecimal_digits()?;
        let mut units = vec![lead];
        if (0xD800..0xDC00).contains(&lead) && self.eat('\\') && self.eat('u') {
            units.push(self.four_hexadecimal_digits()?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(char)) => Ok(char),
            _ => Err(self.unsupported("half of a surrogate pair")),
        }
    }

    fn four_hexadecimal_digits(&mut self) -> Result<u16, PatternError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.digit(16).and_then(|digit| u16::try_from(digit).ok());
            let Some(digit) = digit else { return Err(self.error("malformed `\\u` escape")) };
            unit = unit << 4 | digit;
        }
        Ok(unit)
    }

    /// `\xHH` or `\x{H...}`.
    fn hexadecimal(&mut self) -> Result<char, PatternError> {
        let in_braces = self.eat('{');
        let longest = if in_braces { 6 } else { 2 };
        let (mut code, mut digits) = (0, 0);
        while digits < longest
            && let Some(digit) = self.digit(16)
        {
            code = code << 4 | digit;
            digits += 1;
        }
        let complete = if in_braces { digits > 0 && self.eat('}') } else { digits == 2 };
        if complete { self.char_of(code) } else { Err(self.error("malformed `\\x` escape")) }
    }

    fn char_of(&self, code: u32) -> Result<char, PatternError> {
        char::from_u32(code).ok_or_else(|| self.error("escape is not a valid character"))
    }
}

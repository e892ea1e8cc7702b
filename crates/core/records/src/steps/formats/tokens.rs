//! A cursor over a line: words, quoted texts and texts in brackets, with blanks between them.

use super::super::Unparsable;
use super::super::parse::Fields;

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tokens<'t> {
    line: &'t str,
    pub(super) rest: &'t str,
}

/// A part is missing, or another stands in its place.
pub(super) type Found<T> = Result<T, Unparsable>;

impl<'t> Tokens<'t> {
    pub(super) fn new(line: &'t str) -> Self {
        Self { line, rest: line }
    }

    pub(super) fn error(&self) -> Unparsable {
        Unparsable::Part { at: self.line.len() - self.rest.len() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Exactly this text.
    pub(super) fn literal(&mut self, text: &str) -> Found<()> {
        self.rest = self.rest.strip_prefix(text).ok_or_else(|| self.error())?;
        Ok(())
    }

    /// What stands before a text, which is taken as well.
    pub(super) fn until(&mut self, text: &str) -> Found<&'t str> {
        let (before, remainder) = self.rest.split_once(text).ok_or_else(|| self.error())?;
        self.rest = remainder;
        Ok(before)
    }

    /// Everything up to the next blank or the end of the line; blanks before and behind it go.
    pub(super) fn word(&mut self) -> Found<&'t str> {
        let rest = self.rest.trim_start_matches(' ');
        let end = rest.find(' ').unwrap_or(rest.len());
        let (word, remainder) = rest.split_at(end);
        if word.is_empty() {
            return Err(self.error());
        }
        self.rest = remainder.strip_prefix(' ').unwrap_or(remainder);
        Ok(word)
    }

    /// A text in brackets, and the blank behind it.
    pub(super) fn bracketed(&mut self) -> Found<&'t str> {
        self.literal("[")?;
        let text = self.until("]")?;
        self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
        Ok(text)
    }

    /// A text in quotes, without them and with its escapes, and the blank behind it.
    pub(super) fn quoted(&mut self) -> Found<&'t str> {
        let text = self.rest.strip_prefix('"').ok_or_else(|| self.error())?;
        let mut escaped = false;
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    let (inner, remainder) =
                        text.split_at_checked(at).ok_or_else(|| self.error())?;
                    let remainder = remainder.strip_prefix('"').unwrap_or(remainder);
                    self.rest = remainder.strip_prefix(' ').unwrap_or(remainder);
                    return Ok(inner);
                }
                _ => {}
            }
        }
        Err(self.error())
    }

    /// A text in quotes whose quotes are not escaped: it ends at one before a blank or at the end.
    pub(super) fn loosely_quoted(&mut self) -> Found<&'t str> {
        let text = self.rest.strip_prefix('"').ok_or_else(|| self.error())?;
        if let Some((inner, remainder)) = text.split_once("\" ") {
            self.rest = remainder;
            return Ok(inner);
        }
        let inner = text.strip_suffix('"').ok_or_else(|| self.error())?;
        self.rest = "";
        Ok(inner)
    }

    /// A quoted text or a word.
    pub(super) fn any(&mut self) -> Found<&'t str> {
        if self.rest.starts_with('"') { self.loosely_quoted() } else { self.word() }
    }
}

/// A value; `-` is none.
pub(super) fn put(into: &mut Fields, name: &str, value: &str) -> Found<()> {
    into.push_as(name, Some(value).filter(|value| *value != "-"))
}

/// A value with the escapes of nginx and Apache undone; `-` and nothing are none.
pub(super) fn put_escaped(into: &mut Fields, name: &str, value: &str) -> Found<()> {
    let text = unescaped(value);
    let text = text.as_deref().unwrap_or(value);
    into.push_as(name, Some(text).filter(|_| !matches!(value, "-" | "")))
}

/// A text without its escapes; nothing if it has none, or if they stand for bytes that are no
/// text.
pub(super) fn unescaped(text: &str) -> Option<String> {
    memchr::memchr(b'\\', text.as_bytes())?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, remainder)) = rest.split_first() {
        rest = remainder;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&letter, remainder) = rest.split_first()?;
        rest = remainder;
        out.push(match letter {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 0x08,
            b'v' => 0x0B,
            b'f' => 0x0C,
            b'x' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = rest.get(2..)?;
                u8::from_str_radix(digits, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// A request line, whole and in its three parts.
pub(super) fn put_request(into: &mut Fields, request: &str) -> Found<()> {
    put_escaped(into, "request", request)?;
    let decoded = unescaped(request);
    let request = decoded.as_deref().unwrap_or(request);
    let Some((method, rest)) = request.split_once(' ') else { return Ok(()) };
    let Some((path, protocol)) = rest.rsplit_once(' ') else { return Ok(()) };
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_method && protocol.starts_with("HTTP/") {
        put(into, "method", method)?;
        put(into, "path", path)?;
        put(into, "protocol", protocol)?;
    }
    Ok(())
}

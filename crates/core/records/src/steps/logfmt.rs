//! `PARSELOGFMT`: `key=value` pairs with blanks between them.
//!
//! A value may stand in double quotes with the escapes of Go and JSON in it. A key without a value
//! is true. A line in which no pair has a value is of another format.

use super::{Context, Fields, Stop, TextParser, Unparsable};
use crate::scan_json;

/// The parser.
#[derive(Debug, Clone, Default)]
pub struct ParseLogfmt {
    decoded: Vec<u8>,
}

impl TextParser for ParseLogfmt {
    fn name(&self) -> &'static str {
        "PARSELOGFMT"
    }

    fn parse(&mut self, text: &str, _context: &Context, into: &mut Fields) -> Result<(), Stop> {
        let mut rest = text.trim_start();
        let mut pairs = false;
        while !rest.is_empty() {
            let end = rest.find(|char: char| char <= ' ' || char == '=' || char == '"');
            let (key, remainder) = rest.split_at(end.unwrap_or(rest.len()));
            let at = text.len() - rest.len();
            if key.is_empty() || remainder.starts_with('"') {
                return Err(Unparsable::Pair { at }.into());
            }
            rest = match remainder.strip_prefix('=') {
                None => {
                    into.push_json(key, b"true")?;
                    remainder
                }
                Some(value) => {
                    pairs = true;
                    self.value(key, value, into).map_err(|why| match why {
                        Unparsable::Quote { .. } => Unparsable::Quote { at },
                        other => other,
                    })?
                }
            };
            rest = rest.trim_start_matches(|char: char| char <= ' ');
        }
        if pairs { Ok(()) } else { Err(Unparsable::NoMatch.into()) }
    }
}

impl ParseLogfmt {
    /// Takes one value, and gives what is behind it.
    fn value<'t>(
        &mut self,
        key: &str,
        text: &'t str,
        into: &mut Fields,
    ) -> Result<&'t str, Unparsable> {
        let Some(quoted) = text.strip_prefix('"') else {
            let end = text.find(|char: char| char <= ' ').unwrap_or(text.len());
            let (value, remainder) = text.split_at(end);
            into.push_named(key, Some(value))?;
            return Ok(remainder);
        };
        let (mut end, mut escaped) = (None, false);
        for (at, byte) in quoted.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let Some((value, remainder)) = end.and_then(|end| quoted.split_at_checked(end)) else {
            return Err(Unparsable::Quote { at: 0 });
        };
        let remainder = remainder.strip_prefix('"').unwrap_or(remainder);
        if !remainder.is_empty() && !remainder.starts_with(|char: char| char <= ' ') {
            return Err(Unparsable::Quote { at: 0 });
        }
        self.decoded.clear();
        scan_json::decode(value.as_bytes(), &mut self.decoded);
        into.push_named(key, Some(&String::from_utf8_lossy(&self.decoded)))?;
        Ok(remainder)
    }
}

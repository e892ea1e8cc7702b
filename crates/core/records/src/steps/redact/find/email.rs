//! Mail addresses, also with quotes in them and at an IP address (RFC 5321, section 4.1.2).

use memchr::{memchr_iter, memmem};

use super::{BACK_BYTES_MAX, Found, ahead, back};

pub(super) fn emails(text: &[u8], found: &mut Found) {
    for at in memchr_iter(b'@', text) {
        let Some(end) = domain_end(text, at + 1) else { continue };
        let start = match back(text, at, is_local) {
            start if start < at => start,
            _ => quoted(text, at),
        };
        if start < at {
            found.push(start..end);
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte)
}

/// Where the name of a host ends that has a dot in it, or an address in brackets.
fn domain_end(text: &[u8], start: usize) -> Option<usize> {
    if text.get(start) == Some(&b'[') {
        let part = |byte: u8| byte.is_ascii_hexdigit() || b".:IPv-".contains(&byte);
        let end = ahead(text, start + 1, part);
        let is_address = text.get(end) == Some(&b']') && end > start + 2;
        return is_address.then_some(end + 1);
    }
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"-._".contains(&byte);
    let host = text.get(start..ahead(text, start, part)).unwrap_or_default();
    let trimmed = host.iter().rev().take_while(|byte| b"-._".contains(byte)).count();
    let host = host.get(..host.len() - trimmed).unwrap_or_default();
    let top = host.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    // A number is the end of a version.
    let is_name = top.len() >= 2 && !top.iter().all(u8::is_ascii_digit);
    (is_name && top.len() < host.len()).then_some(start + host.len())
}

/// Where a text in quotes begins that ends here. The quotes may be escaped or doubled, both alike.
fn quoted(text: &[u8], end: usize) -> usize {
    let inner_end = back(text, end, |byte| matches!(byte, b'"' | b'\\'));
    let quote = text.get(inner_end..end).unwrap_or_default();
    if !quote.contains(&b'"') {
        return end;
    }
    let first = inner_end.saturating_sub(BACK_BYTES_MAX);
    let mut before = text.get(first..inner_end).unwrap_or_default();
    while let Some(at) = memmem::rfind(before, quote) {
        before = before.get(..at).unwrap_or_default();
        let start = first + at;
        match start.checked_sub(1).and_then(|place| text.get(place)) {
            // It is within the quotes.
            Some(b'\\') => {}
            // Quotes in quotes begin where the outer ones do.
            Some(b'"') if quote.len() > 1 => return start,
            // It is not where quotes begin.
            Some(byte) if byte.is_ascii_alphanumeric() || *byte >= 0x80 || *byte == b'"' => {
                return end;
            }
            _ if start + quote.len() == inner_end => return end,
            _ => return start,
        }
    }
    end
}

//! Finds one member of a record that is JSON, without reading the rest of it. Pure.
//!
//! It is a scan and no parser: it reads up to the member that is asked for, so what follows
//! it may be anything, and values in front of it are passed over by their brackets and quotes.

use memchr::memchr2;

/// Appends the value of the first member with this dotted path to `out`: a string as the text that
/// it means, a number or a truth value as is. `false`, and nothing appended, if the record
/// is no object or has no such member, or if it is null, an object or a list.
///
/// A name with dots in it is found too: `a.b` is the member `b` of the object `a`, or the member
/// `a.b`, whichever comes first.
pub(crate) fn find(record: &[u8], path: &str, out: &mut String) -> bool {
    let mut scan = Scan { rest: record, name: String::new() };
    scan.find(path, out).unwrap_or(false)
}

struct Scan<'r> {
    rest: &'r [u8],
    /// The name of a member, where it has to be unescaped.
    name: String,
}

/// What stands at a place.
enum Step<'p> {
    Here,
    /// In the object that follows, by this path.
    Within(&'p str),
    Elsewhere,
}

impl<'r> Scan<'r> {
    /// Looks through the object that begins here. `None` if the bytes are no JSON.
    fn find(&mut self, path: &str, out: &mut String) -> Option<bool> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(false);
        }
        loop {
            let name = self.string()?;
            let step = self.step(name, path);
            self.take(b':')?;
            match step {
                Step::Here => return self.value(out),
                Step::Within(rest) if self.peek() == Some(b'{') => {
                    // What is not found in this object may still be behind it.
                    let behind = Self { rest: self.rest, name: std::mem::take(&mut self.name) };
                    let mut within = behind;
                    if within.find(rest, out)? {
                        return Some(true);
                    }
                    self.rest = within.rest;
                    self.name = within.name;
                }
                Step::Within(_) | Step::Elsewhere => self.skip()?,
            }
            if self.take(b',').is_none() {
                self.take(b'}')?;
                return Some(false);
            }
        }
    }

    fn step<'p>(&mut self, name: &'r [u8], path: &'p str) -> Step<'p> {
        let name = if name.contains(&b'\\') {
            self.name.clear();
            if unescape(name, &mut self.name).is_none() {
                return Step::Elsewhere;
            }
            self.name.as_bytes()
        } else {
            name
        };
        if name == path.as_bytes() {
            return Step::Here;
        }
        let dot = path.get(name.len()..).and_then(|rest| rest.strip_prefix('.'));
        match dot {
            Some(rest) if path.as_bytes().starts_with(name) => Step::Within(rest),
            _ => Step::Elsewhere,
        }
    }

    /// Appends the value that begins here.
    fn value(&mut self, out: &mut String) -> Option<bool> {
        match self.peek()? {
            b'"' => {
                let text = self.string()?;
                let begin = out.len();
                if unescape(text, out).is_none() {
                    out.truncate(begin);
                    return Some(false);
                }
                Some(true)
            }
            b'{' | b'[' => Some(false),
            _ => {
                let word = self.word();
                let word = std::str::from_utf8(word).ok().filter(|word| !word.is_empty())?;
                let is_value = word != "null";
                if is_value {
                    out.push_str(word);
                }
                Some(is_value)
            }
        }
    }

    /// Passes over the value that begins here.
    fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' | b'[' => self.skip_nested(),
            _ => (!self.word().is_empty()).then_some(()),
        }
    }

    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            let at =
                self.rest.iter().position(|b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']'))?;
            self.rest = self.rest.get(at..)?;
            match self.rest.first()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                _ => depth -= 1,
            }
            self.rest = self.rest.get(1..)?;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// The inside of the string that begins here, as is.
    fn string(&mut self) -> Option<&'r [u8]> {
        self.take(b'"')?;
        let text = self.rest;
        let mut at = 0;
        loop {
            at += memchr2(b'"', b'\\', text.get(at..)?)?;
            if text.get(at) == Some(&b'"') {
                self.rest = text.get(at + 1..)?;
                return text.get(..at);
            }
            at += 2;
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> &'r [u8] {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b'"' | b'{' | b'[');
        let end = self.rest.iter().position(|byte| ends(byte) || byte.is_ascii_whitespace());
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// What comes next, behind white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.rest = self.rest.get(1..).unwrap_or_default())
    }
}

/// Appends what the inside of a JSON string means. Bytes that are not UTF-8 become U+FFFD, and so
/// does half of a surrogate pair.
fn unescape(text: &[u8], out: &mut String) -> Option<()> {
    let mut rest = text;
    loop {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        out.push_str(&String::from_utf8_lossy(rest.get(..plain)?));
        let Some((_, escape)) = rest.get(plain..)?.split_first() else { return Some(()) };
        let (kind, behind) = escape.split_first()?;
        rest = behind;
        let char = match kind {
            b'"' | b'\\' | b'/' => char::from(*kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = hex(rest)?;
                rest = rest.get(4..)?;
                let low = rest.strip_prefix(b"\\u").and_then(hex);
                match (high, low) {
                    (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
                        rest = rest.get(6..)?;
                        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                    }
                    _ => char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return None,
        };
        out.push(char);
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = digits.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::find;

    fn found(record: &str, path: &str) -> Option<String> {
        let mut out = String::from("=");
        let is_found = find(record.as_bytes(), path, &mut out);
        assert!(is_found || out == "=", "nothing is appended that was not found");
        is_found.then(|| out.split_off(1))
    }

    #[test]
    fn a_member_is_found_wherever_it_stands() {
        let record = r#" { "a" : 1.50 , "b":{"c":"x","d":{"e":true}},"l":[{"b":{"c":2}}],
            "s.t":"dots","u":{"v.w":"deep"},"n":null,"q":"\"}","z":"last"} tail"#;
        for (path, want) in [
            ("a", Some("1.50")),
            ("b.c", Some("x")),
            ("b.d.e", Some("true")),
            ("s.t", Some("dots")),
            ("u.v.w", Some("deep")),
            ("q", Some("\"}")),
            ("z", Some("last")),
            ("b", None),
            ("l", None),
            ("n", None),
            ("c", None),
            ("b.x", None),
            ("a.b", None),
            ("", None),
        ] {
            assert_eq!(found(record, path).as_deref(), want, "{path}");
        }
    }

    #[test]
    fn the_first_of_two_that_fit_is_taken_and_an_object_without_it_is_passed_by() {
        assert_eq!(found(r#"{"a":{"c":1},"a.b":2}"#, "a.b").as_deref(), Some("2"));
        assert_eq!(found(r#"{"a":{"b":1},"a.b":2}"#, "a.b").as_deref(), Some("1"));
        assert_eq!(found(r#"{"a":1,"a":2}"#, "a").as_deref(), Some("1"));
    }

    #[test]
    fn escapes_mean_what_they_mean() {
        assert_eq!(
            found(r#"{"\u0061\"":"\u00e9\ud83d\ude00\n\/"}"#, "a\"").as_deref(),
            Some("é😀\n/")
        );
        assert_eq!(found(r#"{"a":"\ud83d!"}"#, "a").as_deref(), Some("\u{fffd}!"));
        assert_eq!(found(r#"{"a":"\x"}"#, "a"), None);
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for record in ["", "{", "{\"a", "{\"a\"", "{\"a\":", "[1]", "a: 1", "{a: 1}", "{\"b\" 1}"] {
            assert_eq!(found(record, "a"), None, "{record}");
        }
        assert_eq!(found(r#"{"a": 7"#, "a").as_deref(), Some("7"), "what follows is not read");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c\"\\\\{}\\[\\],:é😀\n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                members(inner).prop_map(Value::from),
            ]
        })
    }

    fn members(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        prop::collection::btree_map("[a-c\"\\\\]{1,2}", inner, 0..4)
            .prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        /// For all objects and paths: the scan finds what a parser finds, however it is written.
        #[test]
        fn the_scan_finds_what_a_parser_finds(
            object in members(value()),
            path in prop::collection::vec("[a-c\"\\\\]{1,2}", 1..4),
            pretty in any::<bool>(),
        ) {
            let object = Value::from(object);
            let text = if pretty { serde_json::to_string_pretty(&object) } else {
                serde_json::to_string(&object)
            }.unwrap();
            let want = path.iter().try_fold(&object, |value, name| value.get(name));
            let want = want.and_then(|value| match value {
                Value::String(text) => Some(text.clone()),
                Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
                _ => None,
            });
            prop_assert_eq!(found(&text, &path.join(".")), want);
        }

        /// For all bytes: it ends, and does not panic.
        #[test]
        fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            find(&bytes, "a.b", &mut String::new());
            let braced = [b"{\"a\":".as_slice(), &bytes].concat();
            find(&braced, "a.b", &mut String::new());
        }
    }
}

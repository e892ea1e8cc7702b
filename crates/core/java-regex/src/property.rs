//! The names of sets of characters in Java's `\p{...}`.
//!
//! The POSIX names are ASCII in Java unless the flag `U` is set, `java...` are the methods of
//! `java.lang.Character`, `In...` are Unicode blocks and `Is...` scripts and binary properties.
//! What is not named here goes to `regex-syntax`, which knows Unicode's own names.

use super::parse::Flags;

/// The set with this name, without its brackets. It may turn out not to exist.
pub(super) fn set_named(name: &str, flags: Flags) -> String {
    let known = match (name, flags) {
        (name, Flags { ignore_case: true, .. }) if cased(name, flags).is_some() => {
            cased(name, flags)
        }
        (name, Flags { unicode_classes: true, .. }) => unicode_posix(name).or_else(|| posix(name)),
        (name, _) => posix(name),
    };
    let known = known.or_else(|| java(name)).or_else(|| block(name)).or_else(|| binary(name));
    known.map_or_else(|| format!(r"\p{{{}}}", unicode_name(name)), str::to_owned)
}

/// Where case is ignored, the sets of one case are the set of all cases.
fn cased(name: &str, flags: Flags) -> Option<&'static str> {
    let all = r"\p{Lowercase}\p{Uppercase}\p{Lt}";
    match name {
        "Lower" | "Upper" if flags.unicode_classes => return Some(all),
        "Lower" | "Upper" => return Some("a-zA-Z"),
        "javaLowerCase" | "javaUpperCase" | "javaTitleCase" => return Some(all),
        _ => {}
    }
    let prefixes = ["Is", "gc=", "general_category="];
    match prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name) {
        "Lu" | "Ll" | "Lt" => Some(r"\p{Lu}\p{Ll}\p{Lt}"),
        "Lowercase" | "Uppercase" | "Titlecase" if name.starts_with("Is") => Some(all),
        _ => None,
    }
}

/// Binary properties under `Is`, which Java asks its own methods for, not Unicode's tables.
fn binary(name: &str) -> Option<&'static str> {
    match name.strip_prefix("Is")?.to_ascii_uppercase().as_str() {
        "HEX_DIGIT" | "HEXDIGIT" => Some(r"\p{Nd}\p{Hex_Digit}"),
        "ALNUM" => unicode_posix("Alnum"),
        "BLANK" => unicode_posix("Blank"),
        "GRAPH" => unicode_posix("Graph"),
        "PRINT" => unicode_posix("Print"),
        "WORD" => Some(r"\w"),
        "XDIGIT" => unicode_posix("XDigit"),
        _ => None,
    }
}

fn unicode_name(name: &str) -> &str {
    let name = name.strip_prefix("Is").unwrap_or(name);
    match name {
        "L1" => "Latin1",
        "LC" => "Cased_Letter",
        "WhiteSpace" => "White_Space",
        "Punctuation" => "P",
        "Letter" => "L",
        "Digit" => "Nd",
        "Titlecase" | "TitleCase" => "Lt",
        "Control" => "Cc",
        "Assigned" => "Assigned",
        name => name,
    }
}

fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "Alnum" => "[:alnum:]",
        "Alpha" => "[:alpha:]",
        "ASCII" => "[:ascii:]",
        "Blank" => "[:blank:]",
        "Cntrl" => "[:cntrl:]",
        "Digit" => "[:digit:]",
        "Graph" => "[:graph:]",
        "Lower" => "[:lower:]",
        "Print" => "[:print:]",
        "Punct" => "[:punct:]",
        "Space" => "[:space:]",
        "Upper" => "[:upper:]",
        "XDigit" => "[:xdigit:]",
        "L1" => r"\x{0}-\x{FF}",
        "LD" => r"\p{L}\p{Nd}",
        "all" => r"\x{0}-\x{10FFFF}",
        _ => return None,
    })
}

/// The POSIX names under the flag `U`.
fn unicode_posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "Alnum" => r"\p{Alphabetic}\p{Nd}",
        "Alpha" => r"\p{Alphabetic}",
        "Blank" => r"\p{Zs}\t",
        "Cntrl" => r"\p{Cc}",
        "Digit" => r"\p{Nd}",
        "Graph" => r"[^\s\p{Cc}\p{Cn}]",
        "Lower" => r"\p{Lowercase}",
        "Print" => r"[[^\s\p{Cc}\p{Cn}]\p{Zs}]",
        "Punct" => r"\p{P}",
        "Space" => r"\s",
        "Upper" => r"\p{Uppercase}",
        "XDigit" => r"\p{Nd}\p{Hex_Digit}",
        _ => return None,
    })
}

fn java(name: &str) -> Option<&'static str> {
    Some(match name {
        "javaAlphabetic" => r"\p{Alphabetic}",
        "javaDefined" => r"\P{Cn}",
        "javaDigit" => r"\p{Nd}",
        "javaIdeographic" => r"\p{Ideographic}",
        "javaISOControl" => r"\x{0}-\x1F\x7F-\x{9F}",
        "javaIdentifierIgnorable" => r"\x{0}-\x08\x0E-\x1B\x7F-\x{9F}\p{Cf}",
        "javaJavaIdentifierPart" => {
            r"\p{L}\p{Nl}\p{Sc}\p{Pc}\p{Nd}\p{Mn}\p{Mc}\x{0}-\x08\x0E-\x1B\x7F-\x{9F}\p{Cf}"
        }
        "javaJavaIdentifierStart" => r"\p{L}\p{Nl}\p{Sc}\p{Pc}",
        "javaLetter" => r"\p{L}",
        "javaLetterOrDigit" => r"\p{L}\p{Nd}",
        "javaLowerCase" => r"\p{Lowercase}",
        "javaSpaceChar" => r"\p{Z}",
        "javaTitleCase" => r"\p{Lt}",
        "javaUpperCase" => r"\p{Uppercase}",
        "javaWhitespace" => r"[[\p{Z}--[\x{A0}\x{2007}\x{202F}]]\t-\r\x1C-\x1F]",
        _ => return None,
    })
}

/// The blocks that logs are written in. The ranges are those of Unicode's `Blocks.txt`.
fn block(name: &str) -> Option<&'static str> {
    let name = ["In", "block=", "blk="].iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let mut plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.make_ascii_lowercase();
    Some(match plain.as_str() {
        "arabic" => r"\x{600}-\x{6FF}",
        "basiclatin" => r"\x{0}-\x7F",
        "cjkunifiedideographs" => r"\x{4E00}-\x{9FFF}",
        "cyrillic" => r"\x{400}-\x{4FF}",
        "generalpunctuation" => r"\x{2000}-\x{206F}",
        "greek" | "greekandcoptic" => r"\x{370}-\x{3FF}",
        "hangulsyllables" => r"\x{AC00}-\x{D7AF}",
        "hebrew" => r"\x{590}-\x{5FF}",
        "hiragana" => r"\x{3040}-\x{309F}",
        "katakana" => r"\x{30A0}-\x{30FF}",
        "latin1supplement" => r"\x{80}-\x{FF}",
        "latinextendeda" => r"\x{100}-\x{17F}",
        "latinextendedb" => r"\x{180}-\x{24F}",
        "thai" => r"\x{E00}-\x{E7F}",
        _ => return None,
    })
}

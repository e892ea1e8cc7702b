//! File patterns, and names that they are compared with.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kinetail::tail::exclude::Exclude;
use kinetail::tail::pattern::{Component, FilePattern, is_compressed_name};

use super::fuzz;

const SEEDS: &[&[u8]] = &[
    b"/var/log/app.log*\0/var/log/app.log.1",
    b"/var/log/**/[a-c]?[!x-z]*.log\0/var/log/a/b/bcd.log",
    b"/srv/{a,b}/*.{log,txt}\0/srv/a/x.txt",
    b"/srv/\\*\\{/[]-].log\0/srv/*{/].log",
    b"/a/*********************b\0/a/aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    b"logs/\xC3\xA4[\xC3\xA0-\xC3\xBC]?.log\0logs/\xC3\xA4\xC3\xA4\xFF.log",
];

const WORDS: &[&[u8]] = &[
    b"*",
    b"**",
    b"/**/",
    b"?",
    b"[",
    b"]",
    b"[!",
    b"-",
    b"{",
    b"}",
    b",",
    b"\\",
    b"/",
    b"//",
    b"..",
    b".",
    b".gz",
    b"\xC3\xA4",
    b"\xF0\x9F\x98\x80",
    b"\0",
];

/// A directory, whatever it is compared with.
fn dot(name: &str) -> bool {
    name == "." || name == ".."
}

#[test]
fn patterns_and_names_of_any_kind_are_compared() {
    fuzz(SEEDS, WORDS, |input| {
        let mut parts = input.splitn(2, |byte| *byte == 0);
        let pattern = String::from_utf8_lossy(parts.next().unwrap_or_default());
        let name = Path::new(OsStr::from_bytes(parts.next().unwrap_or_default()));
        if let Ok(exclude) = Exclude::parse(&pattern) {
            let _ = (exclude.is_everything(), exclude.matches(name));
        }
        if let Ok(java) = FilePattern::parse_as_java(&pattern) {
            assert_eq!(java.matches_path(name), java.clone().matches_path(name));
        }
        let Ok(pattern) = FilePattern::parse(&pattern) else { return };
        let matches = pattern.matches_path(name);
        assert_eq!(matches, pattern.clone().matches_path(name), "it is the same a second time");
        // A pattern without wildcards matches its own name, and nothing else.
        let is_dot = |path: &PathBuf| path.to_string_lossy().rsplit('/').next().is_some_and(dot);
        if let Some(exact) = pattern.exact_path().filter(|path| !is_dot(path)) {
            let compressed = exact.file_name().is_some_and(is_compressed_name);
            assert_eq!(pattern.matches_path(&exact), !compressed, "{exact:?}");
            let same = exact.components().eq(name.components());
            assert!(!matches || same, "{exact:?} matches {name:?}");
        }
        // Whatever matches as a path matches as a name in its last component.
        if matches && let (Some(last), Some(name)) = (pattern.components().last(), name.file_name())
        {
            assert!(matches!(last, Component::AnyDepth) || last.matches(name));
        }
    });
}

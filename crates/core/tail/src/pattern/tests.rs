//! Tests of [`super`].

use super::*;

fn pattern(text: &str) -> FilePattern {
    FilePattern::parse(text).unwrap()
}

fn hits(text: &str, path: impl AsRef<[u8]>) -> bool {
    pattern(text).matches_path(Path::new(OsStr::from_bytes(path.as_ref())))
}

#[test]
fn the_base_directory_is_what_has_no_wildcard() {
    for (text, base, below) in [
        ("/var/log/app.log", "/var/log", 1),
        ("/var/log/*.log", "/var/log", 1),
        ("/var/*/app/*.log", "/var", 3),
        ("/*/x", "/", 2),
        ("/x*", "/", 1),
        ("/a/**/b.log", "/a", 2),
        ("/a/**/**/b.log", "/a", 2),
        ("/a/**", "/a", 2),
        ("/a/**/**", "/a", 2),
        ("logs/*.log", "logs", 1),
        ("./*.log", ".", 1),
        ("*/app.log", "", 2),
        ("/a//b///c.log", "/a/b", 1),
        ("/a/../b/c.log", "/a/../b", 1),
        ("/a\\*b/c", "/a*b", 1),
        ("/a/*/./c", "/a", 2),
    ] {
        let pattern = pattern(text);
        assert_eq!(pattern.base_dir(), Path::new(base), "{text}");
        assert_eq!(pattern.components().len(), below, "{text}");
        assert_eq!(pattern.text(), text);
    }
}

#[test]
fn paths_match_component_by_component() {
    for (text, path, expected) in [
        ("/var/log/*.log", "/var/log/a.log", true),
        ("/var/log/*.log", "/var/log/sub/a.log", false),
        ("/var/log/*.log", "/var/a.log", false),
        ("/var/log/*.log", "/var/log", false),
        ("/var/log/*.log", "var/log/a.log", false),
        ("/var/log/app.log", "/var/log/app.log", true),
        ("/opt/*/app.log", "/opt/x/app.log", true),
        ("/opt/*/app.log", "/opt/x/y/app.log", false),
        ("/opt/**/app.log", "/opt/app.log", true),
        ("/opt/**/app.log", "/opt/x/y/app.log", true),
        ("/opt/**/app.log", "/opt/x/y/app.log.1", false),
        ("/opt/**", "/opt/x/y/z", true),
        ("/opt/**", "/opt", false),
        ("/opt/**/b/**/c.log", "/opt/b/x/b/c.log", true),
        ("/opt/**/b/*/c.log", "/opt/b/b/x/c.log", true),
        ("/opt/**/b/*/c.log", "/opt/b/c.log", false),
        ("/opt/{a,b}/[0-9].log", "/opt/b/7.log", true),
        ("/opt/{a,b}/[0-9].log", "/opt/c/7.log", false),
        ("/opt//*.log", "/opt/x.log", true),
        ("logs/*.log", "logs/x.log", true),
        ("*/x.log", "logs/x.log", true),
        ("*/x.log", "/logs/x.log", false),
        ("/a/app\\*.log", "/a/app*.log", true),
        ("/a/app\\*.log", "/a/appx.log", false),
        ("/.hidden/*", "/.hidden/.x", true),
    ] {
        assert_eq!(hits(text, path), expected, "{text} on {path}");
    }
    assert!(hits("/a/*/x*.log", b"/a/\xff/x\xfe.log"), "names that are not UTF-8");
}

#[test]
fn compressed_copies_never_match() {
    for name in [
        "a.log.gz",
        "a.GZ",
        "a.bz2",
        "a.Zip",
        "a.zst",
        "a.xz",
        ".gz",
        "a.log.lz4",
        "a.Z",
        "a.lzma",
        "a.br",
        "a.7Z",
        "a.tgz",
    ] {
        assert!(is_compressed_name(OsStr::new(name)), "{name}");
        assert!(!hits("/x/*", format!("/x/{name}")), "{name}");
    }
    for name in ["a.log", "gz", "a.gz.log", "a.brr", "az", ""] {
        assert!(!is_compressed_name(OsStr::new(name)), "{name}");
    }
}

#[test]
fn what_is_excluded_does_not_match_nor_does_anything_below_it() {
    let excludes = ["*.tmp", "archive", "/l/*/debug.log"].map(Exclude::parse);
    let excludes = excludes.into_iter().map(Result::unwrap).collect();
    let pattern = pattern("/l/**").excluding(excludes);
    for (path, expected) in [
        ("/l/a.log", true),
        ("/l/a.tmp", false),
        ("/l/x/archive/a.log", false),
        ("/l/archive", false),
        ("/l/x/debug.log", false),
        ("/l/debug.log", true),
    ] {
        assert_eq!(pattern.matches_path(Path::new(path)), expected, "{path}");
    }
    // Above the base directory nothing is excluded.
    let inside = FilePattern::parse("/archive/*.log").unwrap();
    let inside = inside.excluding(vec![Exclude::parse("archive").unwrap()]);
    assert!(inside.matches_path(Path::new("/archive/a.log")));
}

#[test]
fn the_parts_of_a_flow_id_are_those_of_a_java_path() {
    for (text, directory, name) in [
        ("/var/log/app.log*", "/var/log", "app.log*"),
        ("/var//log///a", "/var/log", "a"),
        ("/var/./log/../a", "/var/./log/..", "a"),
        ("/a.log", "/", "a.log"),
        ("logs/a.log", "logs", "a.log"),
        ("./a.log", ".", "a.log"),
    ] {
        assert_eq!(pattern(text).directory_text(), directory, "{text}");
        assert_eq!(pattern(text).name_text(), name, "{text}");
    }
}

#[test]
fn a_relative_pattern_is_resolved_against_the_working_directory() {
    let cwd = Path::new("/srv");
    assert_eq!(pattern("logs/*.log").resolve(cwd).base_dir(), Path::new("/srv/logs"));
    assert_eq!(pattern("*/a.log").resolve(cwd).base_dir(), Path::new("/srv"));
    assert_eq!(pattern("/var/log/*.log").resolve(cwd).base_dir(), Path::new("/var/log"));
    assert!(pattern("*/a.log").resolve(cwd).matches_path(Path::new("/srv/x/a.log")));
    assert_eq!(pattern("logs/*.log").resolve(cwd).text(), "logs/*.log");
}

#[test]
fn what_is_not_a_pattern_says_why() {
    assert_eq!(FilePattern::parse("app.log"), Err(PatternError::EmptyDirectory));
    assert_eq!(FilePattern::parse(""), Err(PatternError::EmptyDirectory));
    assert_eq!(FilePattern::parse("/var/log/"), Err(PatternError::EmptyFileName));
    assert_eq!(FilePattern::parse("/"), Err(PatternError::EmptyFileName));
    assert_eq!(FilePattern::parse("/a/b\0c"), Err(PatternError::Nul));
    let error = FilePattern::parse("/a/[x/c.log").unwrap_err();
    assert_eq!(
        error.to_string(),
        "in \"[x\": unclosed '['; write '\\[' to match a literal bracket"
    );
    let error = FilePattern::parse("/{a/b,c}/x.log").unwrap_err();
    assert!(matches!(error, PatternError::Glob { error: GlobError::BraceWithSlash, .. }));
    let error = FilePattern::parse("/{a/x.log").unwrap_err();
    assert!(matches!(error, PatternError::Glob { error: GlobError::UnclosedBrace, .. }));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_or_the_matcher_panic(text in ".{0,40}", path in ".{0,40}") {
        if let Ok(pattern) = FilePattern::parse(&text) {
            let found = pattern.matches_path(Path::new(&path));
            proptest::prop_assert!(!found || !is_compressed_name(OsStr::new(&path)));
        }
    }

    #[test]
    fn an_escaped_name_matches_itself_only(name in "[^/\0]{1,12}", other in "[^/\0]{1,12}") {
        let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
        let pattern = FilePattern::parse(&format!("/d/{escaped}")).unwrap();
        let last = pattern.components().last().unwrap();
        proptest::prop_assert!(last.matches(OsStr::new(&name)));
        proptest::prop_assert_eq!(last.matches(OsStr::new(&other)), name == other);
    }
}

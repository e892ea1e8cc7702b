//! `filePattern`, `excludePatterns` and `followLinks`: which files a flow reads.

use super::diagnostics::{Findings, Kind};
use super::file::FlowFile;
use super::parse::Node;
use super::path::odd_pattern;
use super::slot::Slot;
use crate::tail::exclude::Exclude;
use crate::tail::links::FollowLinks;
use crate::tail::pattern::{FilePattern, PatternError, is_compressed_name};

pub(super) const FOLLOW_LINKS: &[(&str, FollowLinks)] = &[
    ("always", FollowLinks::Always),
    ("never", FollowLinks::Never),
    ("owner", FollowLinks::Owner),
];

/// Which files, and which links on the way to them are followed.
pub(super) fn pattern_and_links(
    file: &FlowFile<'_>,
    item: &Node,
    default: FollowLinks,
    findings: &mut Findings<'_>,
) -> Option<FilePattern> {
    let pattern = excludes(file.exclude_patterns, file_pattern(file, item, findings), findings);
    let follow = file.follow_links.choice(findings, FOLLOW_LINKS, default);
    pattern.map(|pattern| pattern.following(follow))
}

fn file_pattern(
    file: &FlowFile<'_>,
    item: &Node,
    findings: &mut Findings<'_>,
) -> Option<FilePattern> {
    let slot = file.file_pattern;
    let Some(text) = slot.text_not_empty(findings) else {
        // A value of the wrong type was reported already.
        if !slot.is_not_text() {
            let span = slot.span().unwrap_or(&item.span).clone();
            let help = if slot.is_null() {
                "the value is empty: in YAML, quote values that begin with '#', '&' or '!'"
            } else {
                "specify the files to follow, e.g. \"/var/log/app.log*\""
            };
            findings
                .error(Kind::Missing, &span, "required value missing: 'filePattern'".to_owned())
                .help(help);
        }
        return None;
    };
    let mut parsed = FilePattern::parse(text);
    if let Err(error @ PatternError::Glob { .. }) = &parsed
        && slot.is_java(findings)
        && let Ok(literal) = FilePattern::parse_as_java(text)
    {
        let message = format!("'filePattern': invalid pattern {}: {error}", slot.quoted(findings));
        slot.warn(findings, Kind::Invalid, message)
            .help("the directory is used literally, as in the Java agent");
        parsed = Ok(literal);
    }
    match parsed {
        Ok(pattern) => {
            if is_compressed_name(pattern.name_text().as_ref()) {
                let message = format!("'filePattern' {} can never match", slot.quoted(findings));
                slot.warn(findings, Kind::NoEffect, message).help(
                    "compressed files (.gz, .bz2, .zip, .zst, .xz and the like) are never followed",
                );
            }
            if let Some(odd) = odd_pattern(text) {
                let message = format!("'filePattern' {} {}", slot.quoted(findings), odd.what);
                let finding = if odd.may_work {
                    slot.warn(findings, Kind::Invalid, message)
                } else {
                    slot.broken(findings, Kind::Invalid, message)
                };
                finding.help(odd.help);
            }
            Some(pattern)
        }
        Err(error) => {
            let message =
                format!("'filePattern': invalid pattern {}: {error}", slot.quoted(findings));
            let help = odd_pattern(text).map_or_else(
                || "use a directory and a file name, e.g. \"/var/log/app.log*\"".to_owned(),
                |odd| odd.help,
            );
            slot.error(findings, Kind::Invalid, message).help(help);
            None
        }
    }
}

/// What the pattern matches and the flow ignores.
fn excludes(
    slot: Slot<'_>,
    pattern: Option<FilePattern>,
    findings: &mut Findings<'_>,
) -> Option<FilePattern> {
    let mut excludes = Vec::new();
    for item in slot.list(findings).unwrap_or_default() {
        let text = slot.item_text(item, "write one pattern each", findings);
        let Some(text) = text else { continue };
        match Exclude::parse(text) {
            Ok(exclude) => {
                warn_of_useless(&exclude, pattern.as_ref(), item, findings);
                excludes.push(exclude);
            }
            Err(error) => {
                let quoted = findings.quote(item);
                let message = format!("'{}': invalid pattern {quoted}: {error}", slot.name());
                findings.error(Kind::Invalid, &item.span, message).help(
                    "use a file name such as \"*.tmp\" or a full path such as \
                     \"/var/log/**/old/*\"",
                );
            }
        }
    }
    pattern.map(|pattern| pattern.excluding(excludes))
}

fn warn_of_useless(
    exclude: &Exclude,
    pattern: Option<&FilePattern>,
    item: &Node,
    findings: &mut Findings<'_>,
) {
    let quoted = findings.quote(item);
    if exclude.is_everything() {
        let message = format!("'excludePatterns' {quoted} excludes every file");
        findings.warn(Kind::NoEffect, &item.span, message).help("list the files to ignore");
    } else if pattern.is_some_and(|pattern| !exclude.can_meet(pattern)) {
        let message = format!("'excludePatterns' {quoted} matches nothing in 'filePattern'");
        findings
            .warn(Kind::NoEffect, &item.span, message)
            .help("patterns containing '/' match full paths; others match file names");
    }
}

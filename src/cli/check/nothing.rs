//! Why a pattern matches nothing: the directory that is missing and what is nearest to it, or the
//! names that are there and nearly match.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::config::FlowConfig;
use crate::config::diagnostics::quote;
use crate::config::suggest::nearest;
use crate::shown::Escaped;
use crate::tail::pattern::{FilePattern, is_compressed_name};

/// So many names of a directory are looked at.
const NAMES_MAX: usize = 10_000;

/// So many are shown.
const SHOWN_MAX: usize = 3;

/// Says why.
pub(super) fn explain(flow: &FlowConfig, out: &mut dyn Write) -> io::Result<()> {
    let base = flow.pattern.base_dir();
    if !flow.pattern.text().starts_with('/') {
        writeln!(
            out,
            "    it is relative to the directory that kinetail is started in, which is '/' for a \
             service"
        )?;
    }
    for line in reasons(&flow.pattern, base) {
        writeln!(out, "    {}", Escaped(line))?;
    }
    Ok(())
}

fn reasons(pattern: &FilePattern, base: &Path) -> Vec<String> {
    let shown = |path: &Path| quote(&path.to_string_lossy());
    if let Some(there) = base.ancestors().find(|ancestor| fs::metadata(ancestor).is_ok()) {
        if there != base {
            let wanted = base.strip_prefix(there).unwrap_or(base).iter().next();
            let wanted = wanted.unwrap_or_default().to_string_lossy();
            let mut reasons = vec![format!(
                "directory {} does not exist (yet); will be picked up when created",
                base.display()
            )];
            let names = names(there);
            let near = nearest(&wanted, names.iter().map(String::as_str));
            reasons.push(match near {
                Some(near) if near != wanted => {
                    format!("nearest existing directory: {}, with {}", shown(there), quote(near))
                }
                _ => format!("nearest existing directory: {}", shown(there)),
            });
            return reasons;
        }
        if !base.is_dir() {
            return vec![format!("{} is not a directory", shown(base))];
        }
    }
    let names = names(base);
    if names.is_empty() {
        return vec![format!("{} is empty, or cannot be listed", shown(base))];
    }
    let all = names.len();
    let wanted = quote(pattern.name_text());
    let mut reasons = vec![match names.as_slice() {
        [only] => {
            format!("{} has one name, {}, and it does not match {wanted}", shown(base), quote(only))
        }
        _ => format!("none of the {all} names in {} matches {wanted}", shown(base)),
    }];
    let compressed = names.iter().filter(|name| is_compressed_name(name.as_ref())).count();
    if compressed > 0 {
        let are = if compressed == 1 { "is" } else { "are" };
        reasons.push(format!(
            "{compressed} of them {are} compressed, and such files are not followed"
        ));
    }
    let near = near(pattern, &names);
    if !near.is_empty() {
        reasons.push(format!("similar names: {}", near.join(", ")));
    }
    reasons
}

/// The names of a directory, as far as it can be listed.
fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let names = entries.filter_map(Result::ok).take(NAMES_MAX);
    let mut names: Vec<String> =
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Names that have what the pattern has between its wildcards, or are but a few letters away.
fn near(pattern: &FilePattern, names: &[String]) -> Vec<String> {
    let text = pattern.name_text().to_lowercase();
    let parts: Vec<&str> =
        text.split(|c| "*?[]{}!,\\".contains(c)).filter(|part| part.len() > 1).collect();
    let plain = text.replace(['*', '?'], "");
    let is_near = |name: &&String| {
        let lower = name.to_lowercase();
        let longest = parts.iter().max_by_key(|part| part.len());
        longest.is_some_and(|part| lower.contains(part))
            || nearest(&lower, std::iter::once(plain.as_str())).is_some()
    };
    names.iter().filter(is_near).take(SHOWN_MAX).map(|name| quote(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_is_near() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("log")).unwrap();
        for name in ["app.log.1.gz", "App.txt", "other"] {
            fs::write(root.join("log").join(name), "x").unwrap();
        }
        let reasons = |text: &str| {
            let pattern = FilePattern::parse(&format!("{}/{text}", root.display())).unwrap();
            reasons(&pattern, pattern.base_dir()).join("\n")
        };
        let found = reasons("logs/app/*.log");
        assert!(
            found.contains("logs/app does not exist (yet); will be picked up when created"),
            "{found}"
        );
        assert!(found.contains("with \"log\""), "{found}");
        let found = reasons("log/app*.txt");
        assert!(found.contains("none of the 3 names in "), "{found}");
        assert!(found.contains("1 of them is compressed"), "{found}");
        assert!(found.contains("similar names: \"App.txt\""), "{found}");
        let found = reasons("log/other/x");
        assert!(found.contains("other\" is not a directory"), "{found}");
    }
}

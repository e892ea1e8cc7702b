//! A file of `agent.d`: its `flows` are added to those of the main file, nothing else in it counts.
//!
//! As in the Java agent, a file that cannot be understood as a whole is skipped with a warning.
//! One that can be understood and has a wrong flow in it stops the start like the main file: a
//! configured flow that does not run would be missed only when its lines are.

use super::diagnostics::{Diagnostic, Findings, Kind, Severity};
use super::document::document;
use super::file::TopLevelFile;
use super::flow::{CheckedFlows, FlowDefaults};
use super::parse::{Document, Entry, Value};
use super::source::Source;
use super::validate::{SourceText, add_flows};
use super::{emptied, expand, unexpanded};

/// The only key that counts.
const FLOWS: &str = "flows";

/// Adds the flows of a file, and says what is wrong with it. `defaults` are the
/// main file's.
pub(super) fn add(
    file: &SourceText<'_>,
    defaults: FlowDefaults<'_>,
    checked: &mut CheckedFlows,
) -> Vec<Diagnostic> {
    let mut findings = Findings::new(Source::new(file.text, file.path));
    let mut document = document(file.text, &mut findings);
    if let (Some(document), Some(variables)) = (&mut document, defaults.variables) {
        expand::expand(&mut document.root, variables, &mut findings);
    }
    let items = document.as_ref().and_then(|document| {
        let entries = entries(document, &mut findings)?;
        let slot = TopLevelFile::of(entries).flows;
        if slot.node().is_none() {
            let span = slot.span().unwrap_or(&document.root.span).clone();
            let message = "required list missing: 'flows'".to_owned();
            findings.error(Kind::Missing, &span, message);
        }
        slot.list(&mut findings)
    });
    let Some(items) = items else {
        return findings.finish().into_iter().map(|found| ignoring(file, found)).collect();
    };
    add_flows(items, defaults, checked, &mut findings);
    for flow in items {
        unexpanded::check_flow(flow, &mut findings);
        emptied::check_node(flow, &mut findings);
    }
    findings.finish()
}

/// The keys of the file, after a warning about each that does not count.
fn entries<'d>(document: &'d Document, findings: &mut Findings<'_>) -> Option<&'d [Entry]> {
    let Value::Map(entries) = &document.root.value else {
        let message = "expected a map with the key 'flows'".to_owned();
        findings.error(Kind::WrongType, &document.root.span, message);
        return None;
    };
    for entry in entries.iter().filter(|entry| entry.key != FLOWS) {
        let shown = super::unknown::shown(&entry.key);
        let message = format!("{shown} is ignored here");
        findings
            .warn(Kind::Misplaced, &entry.key_span, message)
            .help("files in agent.d may only contain \"flows\"; move the key to the main file");
    }
    Some(entries)
}

/// What stops the start in the main file only leaves this one out.
fn ignoring(file: &SourceText<'_>, found: Diagnostic) -> Diagnostic {
    if found.severity == Severity::Warning {
        return found;
    }
    Diagnostic { severity: Severity::Warning, message: reason(file, &found.message), ..found }
}

/// In the Java agent's words.
pub(super) fn reason(file: &SourceText<'_>, what: &str) -> String {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    format!("Error reading configuration file, ignoring - {name}: {what}")
}

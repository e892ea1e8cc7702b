//! What was imported and what was not: as a table for a terminal and as log lines.

use std::fmt::Write as _;

use super::{FlowState, Import, Kind, Line};
use crate::metrics::name;
use crate::shown::{Escaped, counted, shown};

/// The widest label and a blank.
const LABEL_COLUMNS: usize = 12;

impl Line {
    /// Where reading begins, in words.
    fn place(&self) -> String {
        let Self { offset, size, .. } = self;
        match self.kind {
            Kind::NotFound | Kind::Vanished => format!("checkpointed up to offset {offset}"),
            Kind::Compressed => format!("resume at decompressed offset {offset}"),
            Kind::Continued | Kind::Copy => {
                format!(
                    "resume at offset {offset} of {size} ({} to send)",
                    counted(size.saturating_sub(*offset), "byte")
                )
            }
            Kind::New | Kind::StartedOver => {
                format!("read from the beginning ({})", counted(*size, "byte"))
            }
            Kind::Finished => format!("already read ({offset} of {})", counted(*size, "byte")),
            Kind::Passed => format!("existing {} will not be sent", counted(*size, "byte")),
            Kind::NotRead => format!("{size} compressed bytes will not be sent"),
            Kind::Unreadable => counted(*size, "byte"),
        }
    }
}

/// The report for a terminal. `dry_run` says that nothing was written.
#[must_use]
pub fn table(import: &Import, dry_run: bool) -> String {
    let mut text = format!("Java agent checkpoint database: {}\n", shown(&import.database));
    // Writing to a String cannot fail; the results are a formality of the trait.
    let written = write_flows(&mut text, import);
    debug_assert!(written.is_ok(), "a String takes everything");
    text.push_str(match (import.takes_something(), dry_run) {
        (false, _) => "nothing to import; nothing was changed\n",
        (true, true) => "dry run: nothing was written\n",
        (true, false) => "import complete; the Java agent's database was not modified\n",
    });
    text
}

fn write_flows(text: &mut String, import: &Import) -> std::fmt::Result {
    for flow in &import.flows {
        writeln!(text, "flow {}", Escaped(&flow.flow))?;
        match &flow.state {
            FlowState::Known => {
                writeln!(text, "  kinetail already has checkpoints for this flow; keeping them")?;
            }
            FlowState::NoRows => {
                writeln!(
                    text,
                    "  no Java agent checkpoint for this flow; applying initialPosition"
                )?;
            }
            FlowState::Taken(plan) => {
                for line in &plan.lines {
                    let (label, place) = (line.kind.label(), line.place());
                    write!(text, "  {label:LABEL_COLUMNS$}{}: {place}", shown(&line.path))?;
                    if !line.note.is_empty() {
                        write!(text, " ({})", Escaped(&line.note))?;
                    }
                    writeln!(text)?;
                }
            }
        }
    }
    for flow in &import.not_configured {
        let flow = Escaped(flow);
        writeln!(text, "flow {flow} is not configured; its checkpoint is not imported")?;
    }
    Ok(())
}

/// The same as log lines, for the import at a first start.
pub fn log(import: &Import) {
    let database = shown(&import.database);
    for flow in &import.flows {
        let id = &flow.flow;
        match &flow.state {
            FlowState::Known => {}
            FlowState::NoRows => {
                tracing::info!(name: "import_none", flow = %id, %database,
                    "no Java agent checkpoint for this flow; applying initialPosition");
            }
            FlowState::Taken(plan) => {
                tracing::info!(name: "import_done",
                    flow = %id, %database, files = plan.checkpoints.len(),
                    "imported Java agent checkpoints");
                for line in &plan.lines {
                    log_line(id, line);
                }
            }
        }
    }
    for flow in &import.not_configured {
        tracing::warn!(name: "import_unconfigured", %database,
            "Java agent checkpoint for an unconfigured flow; not imported: {flow}");
    }
}

fn log_line(flow: &str, line: &Line) {
    let (file, kind) = (shown(&line.path), line.kind.label());
    let text = if line.note.is_empty() {
        line.place()
    } else {
        format!("{} ({})", line.place(), line.note)
    };
    if line.kind == Kind::NotFound {
        let missing = crate::tail::event::EventKind::Missing.label();
        metrics::counter!(name::FILE_TRANSITIONS, "flow" => flow.to_owned(), "kind" => missing)
            .increment(1);
    }
    match line.kind {
        Kind::NotFound | Kind::NotRead | Kind::StartedOver | Kind::Unreadable => {
            tracing::warn!(name: "import_file", %flow, %file, kind, "import: {text}");
        }
        _ => tracing::info!(name: "import_file", %flow, %file, kind, "import: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FlowImport, FlowPlan};
    use super::*;

    fn line(kind: Kind, note: &str) -> Line {
        Line { kind, path: "/l/a".into(), offset: 10, size: 30, note: note.to_owned() }
    }

    #[test]
    fn the_table_says_what_becomes_of_each_file() {
        let lines = vec![
            line(Kind::Continued, "was /l/b"),
            line(Kind::NotFound, "no file is there"),
            line(Kind::Passed, ""),
        ];
        let flow = |flow: &str, state| FlowImport { flow: flow.to_owned(), state };
        let mut import = Import {
            database: "/var/db".into(),
            flows: vec![
                flow("f", FlowState::Taken(FlowPlan { lines, checkpoints: Vec::new() })),
                flow("g", FlowState::Known),
                flow("h", FlowState::NoRows),
            ],
            not_configured: vec!["i".to_owned()],
        };
        let text = table(&import, true);
        let expected = "\
Java agent checkpoint database: /var/db
flow f
  continued   /l/a: resume at offset 10 of 30 (20 bytes to send) (was /l/b)
  NOT FOUND   /l/a: checkpointed up to offset 10 (no file is there)
  skipped     /l/a: existing 30 bytes will not be sent
flow g
  kinetail already has checkpoints for this flow; keeping them
flow h
  no Java agent checkpoint for this flow; applying initialPosition
flow i is not configured; its checkpoint is not imported
dry run: nothing was written
";
        assert_eq!(text, expected);
        assert!(import.has_gaps());
        assert!(
            table(&import, false)
                .contains("import complete; the Java agent's database was not modified")
        );
        import.flows.remove(0);
        assert!(!import.has_gaps());
        assert!(table(&import, false).contains("nothing to import; nothing was changed"));
    }
}

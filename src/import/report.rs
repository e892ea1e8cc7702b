//! What was taken over and what was not: as a table for a terminal and as log lines.

use std::fmt::Write as _;

use super::{FlowState, Import, Kind, Line};
use crate::metrics::name;
use crate::shown::{Escaped, shown};

/// The widest label and a blank.
const LABEL_COLUMNS: usize = 12;

impl Kind {
    /// The word for it in the table.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Compressed => "compressed",
            Self::Continued => "continued",
            Self::Copy => "copy",
            Self::Finished => "finished",
            Self::New => "new",
            Self::NotFound => "NOT FOUND",
            Self::NotRead => "NOT READ",
            Self::Passed => "passed over",
            Self::StartedOver => "STARTS OVER",
            Self::Unreadable => "UNREADABLE",
            Self::Vanished => "vanished",
        }
    }
}

impl Line {
    /// Where reading begins, in words.
    fn place(&self) -> String {
        let Self { offset, size, .. } = self;
        match self.kind {
            Kind::NotFound | Kind::Vanished => format!("known up to byte {offset}"),
            Kind::Compressed => format!("from byte {offset} of what it holds"),
            Kind::Continued | Kind::Copy => {
                format!("from byte {offset} of {size}, {} to send", size.saturating_sub(*offset))
            }
            Kind::New | Kind::StartedOver => format!("from byte 0 of {size}"),
            Kind::Finished => format!("read up to byte {offset} of {size}"),
            Kind::Passed => format!("nothing of its {size} bytes is sent"),
            Kind::NotRead => format!("nothing of its {size} compressed bytes is sent"),
            Kind::Unreadable => format!("{size} bytes"),
        }
    }
}

/// The report for a terminal. `dry_run` says that nothing was written.
#[must_use]
pub fn table(import: &Import, dry_run: bool) -> String {
    let mut text = format!("the Java agent's checkpoints in {}\n", shown(&import.database));
    // Writing to a String cannot fail; the results are a formality of the trait.
    let written = write_flows(&mut text, import);
    debug_assert!(written.is_ok(), "a String takes everything");
    text.push_str(match (import.takes_something(), dry_run) {
        (false, _) => "nothing to take over; nothing was changed\n",
        (true, true) => "this was a dry run: nothing was written\n",
        (true, false) => "taken over; the old database is as it was\n",
    });
    text
}

fn write_flows(text: &mut String, import: &Import) -> std::fmt::Result {
    for flow in &import.flows {
        writeln!(text, "flow {}", Escaped(&flow.flow))?;
        match &flow.state {
            FlowState::Known => {
                writeln!(text, "  kinetail has its own positions already; they stay")?;
            }
            FlowState::NoRows => {
                writeln!(text, "  the Java agent left no position; initialPosition applies")?;
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
        writeln!(text, "not configured here: flow {flow}; its position is not taken over")?;
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
                tracing::info!(flow = %id, %database,
                    "the Java agent left no position; initialPosition applies");
            }
            FlowState::Taken(plan) => {
                tracing::info!(flow = %id, %database, files = plan.checkpoints.len(),
                    "took over the Java agent's positions");
                for line in &plan.lines {
                    log_line(id, line);
                }
            }
        }
    }
    for flow in &import.not_configured {
        tracing::warn!(%database,
            "the Java agent has a position of a flow that is not configured here: {flow}");
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
            tracing::warn!(%flow, %file, kind, "taking over: {text}");
        }
        _ => tracing::info!(%flow, %file, kind, "taking over: {text}"),
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
        let expected = "the Java agent's checkpoints in /var/db\n\
            flow f\n  \
              continued   /l/a: from byte 10 of 30, 20 to send (was /l/b)\n  \
              NOT FOUND   /l/a: known up to byte 10 (no file is there)\n  \
              passed over /l/a: nothing of its 30 bytes is sent\n\
            flow g\n  kinetail has its own positions already; they stay\n\
            flow h\n  the Java agent left no position; initialPosition applies\n\
            not configured here: flow i; its position is not taken over\n\
            this was a dry run: nothing was written\n";
        assert_eq!(text, expected);
        assert!(import.has_gaps());
        assert!(table(&import, false).contains("taken over; the old database is as it was"));
        import.flows.remove(0);
        assert!(!import.has_gaps());
        assert!(table(&import, false).contains("nothing to take over; nothing was changed"));
    }
}

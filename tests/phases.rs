//! The life of a file: docs/tailing.md shows the table that the code goes by, and the schedules
//! make its rows.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use kinetail::tail::phase::{Fact, Phase, TRANSITIONS, Transition};

/// The table, as the page has it.
fn table() -> String {
    let mut table = String::new();
    for phase in Phase::ALL {
        let mut facts: Vec<(Fact, String)> = Vec::new();
        let rows = TRANSITIONS.iter().filter(|(from, ..)| *from == phase);
        for (_, fact, to) in rows {
            match facts.iter_mut().find(|(known, _)| known == fact) {
                Some((_, all)) => write!(all, ", {}", to.label()).unwrap(),
                None => facts.push((*fact, to.label().to_owned())),
            }
        }
        for (fact, to) in facts {
            writeln!(table, "| {} | {} | {to} |", phase.label(), fact.label()).unwrap();
        }
    }
    table
}

#[test]
fn the_page_shows_all_phases_of_a_file() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tailing.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("## The life of a file\n").unwrap();
    let (_, section) = section.split_once("| Phase | What happens | Next phase |\n").unwrap();
    let lines = section.lines().skip(1).take_while(|line| line.starts_with("| "));
    let lines: String = lines.flat_map(|line| [line, "\n"]).collect();
    let table = table();
    assert!(lines == table, "the table in docs/tailing.md is to be:\n{table}");
}

#[test]
fn a_row_stands_once_and_leads_on() {
    let rows: BTreeSet<&Transition> = TRANSITIONS.iter().collect();
    assert_eq!(rows.len(), TRANSITIONS.len());
    for (from, fact, to) in TRANSITIONS {
        assert!(from != to, "{from:?} {fact:?}");
        assert!(*from != Phase::Gone && *to != Phase::Unseen, "{from:?} {fact:?} {to:?}");
    }
}

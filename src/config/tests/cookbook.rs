//! Every task of docs/cookbook.md does what the page says.

use super::*;
use crate::process::splitter::{Ending, Next};
use crate::process::{Chain, Converted};

const PAGE: &str = include_str!("../../../docs/cookbook.md");

/// A configuration of a task has at most so many lines.
const LINES_MAX: usize = 10;

/// A block of the page: what follows its quotes, and its text.
fn blocks(task: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = task.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind, text.join("\n") + "\n"));
        }
    }
    blocks
}

/// What a flow makes of the lines of a file.
fn records(flow: &FlowConfig, path: &str, text: &str) -> String {
    let (mut chain, splitter) = (Chain::new(&flow.converters), flow.splitter());
    chain.set_path(1, path);
    let (mut out, mut at) = (String::new(), 0);
    while at < text.len() {
        let Next::Record { len } = splitter.next(&text.as_bytes()[at..], Ending::Final) else {
            panic!("no record in {text}");
        };
        for (start, record) in splitter.records(&text.as_bytes()[at..at + len]) {
            chain.set_offset((at + start) as u64);
            match chain.convert(&record) {
                Converted::Record(record) => out.push_str(std::str::from_utf8(record).unwrap()),
                Converted::DeadLetter { .. } | Converted::Skipped { .. } => {}
                Converted::Raw { .. } => panic!("raw"),
            }
        }
        at += len;
    }
    out
}

#[test]
fn every_task_of_the_cookbook_does_what_the_page_says() {
    let variables = [("STAGE", "prod"), ("POD_NAMESPACE", "shop"), ("POD_NAME", "web-7f9")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let variables = variables.into_iter().collect();
    let environment =
        Environment { host: Some("web-1".to_owned()), variables, ..Environment::default() };
    let mut tasks = 0;
    for task in PAGE.split("\n## ").skip(1) {
        let title = task.lines().next().unwrap();
        let blocks = blocks(task);
        let [("yaml", config), (lines_kind, lines), ("json", want)] = blocks.as_slice() else {
            panic!("{title}: not a configuration, lines and records");
        };
        assert!(config.lines().count() <= LINES_MAX, "{title}: too long");
        let config = config.trim_end().replace('\n', "\n    ");
        let file = "filePattern: /var/log/shop/app.log\n    ";
        let file = if config.starts_with("input:") { "" } else { file };
        let text = format!("flows:\n  - {file}kinesisStream: s\n    {config}\n");
        let loaded = load(&text, Path::new("kinetail.yaml"), &environment);
        let (config, warnings) = loaded.unwrap_or_else(|report| panic!("{title}: {report}"));
        assert_eq!(warnings, [], "{title}");
        let path = lines_kind.split_once("file=").map_or("/var/log/shop/app.log", |(_, path)| path);
        assert_eq!(records(&config.flows[0], path, lines), *want, "{title}");
        tasks += 1;
    }
    assert_eq!(tasks, 26);
}

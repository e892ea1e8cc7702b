//! Every command on a page runs: in a machine that boots, page by page and from top to bottom, as a
//! reader would paste it. Services that are not here are stood in for by programs that know what
//! those services accept. A block or a command of an unknown kind fails.

mod blocks;
mod commands;
mod services;
mod stand_ins;
mod worlds;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use blocks::{Block, Page, pages};
use commands::{Kind, kind, names, variables};

use super::root;

#[test]
fn every_block_on_a_page_has_a_known_language() {
    let mut blocks = 0;
    for page in pages() {
        for block in &page.blocks {
            blocks += 1;
            assert!(
                matches!(block.language.as_str(), "sh" | "yaml" | "json" | "ini" | "text"),
                "{}: a block of the language '{}'; commands are `sh`, output is `text`",
                block.place(&page),
                block.language
            );
        }
        assert!(page.indented.is_empty(), "{}: use a fence: {:?}", page.name, page.indented);
    }
    assert!(blocks > 100, "the blocks were found: {blocks}");
}

#[test]
fn every_command_on_a_page_is_of_a_known_kind_and_is_shell() {
    let mut found = BTreeSet::new();
    for page in pages() {
        for block in page.commands() {
            let mut bash = Command::new("bash");
            let output = bash.args(["-n", "-c", &block.text]).output().unwrap();
            assert!(output.status.success(), "{}: {output:?}", block.place(&page));
            for name in names(&block.text) {
                assert!(
                    kind(&name).is_some(),
                    "{}: '{name}' is unknown; give it a kind in commands.rs, and run it",
                    block.place(&page)
                );
                found.insert(name);
            }
        }
    }
    for name in commands::all() {
        assert!(found.contains(name), "no page has '{name}' any more; remove it");
    }
}

#[test]
fn every_configuration_on_a_page_is_accepted() {
    let mut checked = 0;
    for page in pages() {
        let is_whole = |block: &&Block| block.language == "yaml" && block.text.contains("flows:\n");
        for block in page.blocks.iter().filter(is_whole) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("kinetail.yaml");
            fs::write(&path, &block.text).unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_kinetail"))
                .args(["check", "--config"])
                .arg(&path)
                .env("AWS_REGION", "eu-west-1")
                .env("STATE_DIRECTORY", dir.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{}: {output:?}", block.place(&page));
            checked += 1;
        }
    }
    assert!(checked >= 4, "the configurations were found: {checked}");
}

#[test]
fn every_variable_on_a_page_is_one_that_the_tests_read() {
    let sources = ["tests", "src", "crates"].map(|dir| tree(&root().join(dir))).concat();
    let mut found = 0;
    for page in pages() {
        for block in page.commands() {
            for name in variables(&block.text) {
                let read = format!("\"{name}\"");
                assert!(sources.contains(&read), "{}: {name} is not read", block.place(&page));
                found += 1;
            }
        }
    }
    assert!(found > 5, "the variables were found: {found}");
}

/// All Rust below a directory.
fn tree(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &tree(&path);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

/// Which test runs a page, by what is on it.
fn is_for_stand_ins(page: &Page) -> bool {
    page.commands().all(|block| {
        let mut kinds = names(&block.text).into_iter().filter_map(|name| kind(&name));
        kinds.all(|kind| kind == Kind::Service || kind == Kind::Anywhere)
    })
}

#[test]
fn every_block_of_commands_is_run_once() {
    for page in pages() {
        for block in page.commands() {
            let part = |part: &&worlds::Part| part.page == page.name && part.has(&block.heading);
            let times = worlds::ALL.iter().flat_map(|world| world.parts).filter(part).count();
            assert_eq!(
                times,
                usize::from(!is_for_stand_ins(&page)),
                "{}: list it in worlds.rs if it needs a machine, and only then",
                block.place(&page)
            );
        }
    }
}

#[test]
fn pages_with_services_that_are_not_here_are_what_those_services_accept() {
    let mut pages_run = 0;
    for page in pages().into_iter().filter(is_for_stand_ins) {
        if page.commands().next().is_some() {
            stand_ins::run(&page);
            pages_run += 1;
        }
    }
    assert!(pages_run >= 3, "{pages_run} pages");
}

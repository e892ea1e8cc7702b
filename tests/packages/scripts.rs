//! What comes with the packages and is no program: the configuration, completions, the bill of
//! materials, licenses.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{can, package, root, run};

/// The shipped configuration with every example taken in.
fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        // Prose begins with a blank.
        Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest,
        _ => line,
    });
    lines.fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn shipped_configuration_is_right_once_its_comments_are_taken_away() {
    let text = fs::read_to_string(root().join("packaging/files/kinetail.yaml")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kinetail.yaml");
    let check = |text: &str| {
        fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinetail"));
        let output = command.arg("check").arg("--config").arg(&path).output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let said = check(&text);
    assert!(said.contains("the file is empty"), "as shipped there is nothing to do: {said}");
    let said = check(&uncommented(&text));
    assert!(said.contains("app-logs") && said.contains("access-logs"), "{said}");
    for wrong in ["unknown key", "is ignored", "has no effect", "cannot read"] {
        assert!(!said.contains(wrong), "{said}");
    }
}

#[test]
fn bill_of_materials_and_licenses_name_everything_that_is_linked() {
    if !can(&["dpkg-deb"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let package = package("deb", "0.9.0", dir.path());
    let unpacked = dir.path().join("unpacked");
    run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&unpacked));
    let papers = unpacked.join("usr/share/doc/kinetail");
    let bill: Value =
        serde_json::from_slice(&fs::read(papers.join("sbom.cdx.json")).unwrap()).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().unwrap();
    let names: Vec<&str> = components.iter().map(|c| c["name"].as_str().unwrap()).collect();
    for linked in ["tokio", "aws-sdk-kinesis", "rusqlite", "sqlite", "aws-lc", "libbz2-rs-sys"] {
        assert!(names.contains(&linked), "{linked} is linked: {names:?}");
    }
    for not_linked in ["proptest", "syn", "tempfile", "clap_mangen", "cc"] {
        assert!(!names.contains(&not_linked), "{not_linked} is not linked");
    }
    // Each reference leads to a component.
    let known: Vec<&Value> = components.iter().map(|component| &component["bom-ref"]).collect();
    let dependencies = bill["dependencies"].as_array().unwrap();
    for dependency in dependencies.iter().flat_map(|of| of["dependsOn"].as_array().unwrap()) {
        assert!(known.contains(&dependency), "{dependency}");
    }
    let licenses = fs::read_to_string(papers.join("THIRD-PARTY-LICENSES")).unwrap();
    for component in components.iter().filter(|c| c.get("hashes").is_some()) {
        let name = component["name"].as_str().unwrap();
        let line = format!("\n{name} {}: ", component["version"].as_str().unwrap());
        assert!(licenses.contains(&line), "no license of {name}");
    }
    let pages = fs::read_dir(unpacked.join("usr/share/man/man1")).unwrap().count();
    assert!(pages > 4, "a page for each subcommand");
    run(Command::new("sh").arg("-n").arg(unpacked.join("usr/lib/kinetail/take-over")));
    run(Command::new("bash")
        .arg("-n")
        .arg(unpacked.join("usr/share/bash-completion/completions/kinetail")));
}

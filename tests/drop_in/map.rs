//! Which test shows which scenario of the Java agent: `map.txt`, kept true.

use std::fs;
use std::path::Path;

#[test]
fn every_test_on_the_map_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = include_str!("map.txt").lines();
    let rows = rows.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut scenarios, mut without_test) = (0, None);
    for row in rows {
        let Some(test) = row.strip_prefix("  ") else {
            assert_eq!(without_test, None, "a scenario without a test");
            without_test = Some(row);
            scenarios += 1;
            continue;
        };
        without_test = None;
        let (file, name) = test.split_once(' ').expect("a file and a name");
        let source = fs::read_to_string(root.join(file)).unwrap_or_default();
        let found = source.split_once(&format!("fn {name}(")).map(|(before, _)| {
            // What stands above the line of the function, which may begin with `async`.
            let above = before.rsplit_once('\n').map_or("", |(above, _)| above);
            above.trim_end().ends_with(']')
        });
        assert_eq!(found, Some(true), "{file} has a test {name}");
    }
    assert_eq!(without_test, None, "a scenario without a test");
    assert!(scenarios >= 49, "{scenarios} scenarios");
}

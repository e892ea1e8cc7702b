//! What a machine may not have, and a test needs.

/// Says aloud that something is not tested here.
///
/// # Panics
/// If `KINETAIL_REQUIRE_<what>` is 1: then the machine should have it.
pub fn not_tested(what: &str, why: &str) {
    let variable = format!("KINETAIL_REQUIRE_{what}");
    let is_required = std::env::var_os(&variable).is_some_and(|set| set == "1");
    assert!(!is_required, "{variable} is 1, and {why}");
    println!("NOT TESTED: {why}");
}

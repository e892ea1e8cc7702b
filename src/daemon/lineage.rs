//! Whose positions a flow continues, for as long as the program runs: a flow whose positions were
//! handed on resumes at those of its heir when it comes back, and not where it was itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The flows whose positions each flow continues.
#[derive(Debug, Default)]
pub(super) struct Lineage(BTreeMap<Arc<str>, BTreeSet<Arc<str>>>);

impl Lineage {
    /// Whether `to` had the positions that `from` continues with.
    pub(super) fn comes_back(&self, from: &str, to: &str) -> bool {
        self.0.get(from).is_some_and(|origins| origins.contains(to))
    }

    /// The positions of one flow go to another.
    pub(super) fn hand_on(&mut self, from: &Arc<str>, to: &Arc<str>) {
        let mut origins = self.0.remove(from).unwrap_or_default();
        origins.insert(Arc::clone(from));
        origins.remove(to);
        self.0.insert(Arc::clone(to), origins);
    }

    /// A flow starts with positions of its own, whoever had them before.
    pub(super) fn start_alone(&mut self, id: &str) {
        self.0.remove(id);
        for origins in self.0.values_mut() {
            origins.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_comes_back_through_any_number_of_heirs_unless_it_started_alone() {
        let [x, y, z]: [Arc<str>; 3] = ["x".into(), "y".into(), "z".into()];
        let mut lineage = Lineage::default();
        assert!(!lineage.comes_back("y", "x"));
        lineage.hand_on(&x, &y);
        assert!(lineage.comes_back("y", "x") && !lineage.comes_back("x", "y"));
        lineage.hand_on(&y, &z);
        assert!(lineage.comes_back("z", "x") && lineage.comes_back("z", "y"));
        assert!(!lineage.comes_back("y", "x"), "it has handed them on");
        lineage.hand_on(&z, &x);
        assert!(lineage.comes_back("x", "z") && !lineage.comes_back("x", "x"));
        lineage.hand_on(&x, &y);
        lineage.start_alone("x");
        assert!(!lineage.comes_back("y", "x") && lineage.comes_back("y", "z"));
    }
}

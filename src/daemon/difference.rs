//! What changes between two configurations: which flows stay as they are, which begin, end or
//! change, and which keys need a restart. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{AwsConfig, Config, FlowConfig, Written};

/// The difference between two configurations. Flows are told apart by their id.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Flows whose configuration is another one.
    pub(super) changed: Vec<Arc<str>>,
    /// Flows that were not there.
    pub(super) added: Vec<Arc<str>>,
    /// Flows that are not there any more.
    pub(super) removed: Vec<Arc<str>>,
    /// Flows to which nothing happens.
    pub(super) unchanged: Vec<Arc<str>>,
    /// An added flow that follows the files of a removed one: the same pattern, another
    /// destination. It takes the checkpoints.
    pub(super) successors: BTreeMap<Arc<str>, Arc<str>>,
    /// AWS endpoint and identity is another.
    pub(super) aws: bool,
}

impl Difference {
    /// From one to the other.
    pub(super) fn between(old: &Config, new: &Config) -> Self {
        let aws = aws_differs(&old.aws, &new.aws);
        let mut difference = Self { aws, ..Self::default() };
        // What all flows are made with.
        let all = difference.aws
            || old.checkpoint_ttl != new.checkpoint_ttl
            || old.min_free_disk_percent != new.min_free_disk_percent;
        let (before, after) = (by_id(old), by_id(new));
        for (id, (_, written)) in &after {
            let id: Arc<str> = Arc::from(*id);
            match before.get(&*id) {
                Some((_, known)) if !all && known == written => difference.unchanged.push(id),
                Some(_) => difference.changed.push(id),
                None => difference.added.push(id),
            }
        }
        for (id, (flow, _)) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
            difference.removed.push(Arc::from(*id));
            let same = |added: &&Arc<str>| {
                after.get(&***added).is_some_and(|(other, _)| {
                    other.pattern == flow.pattern && other.input == flow.input
                })
            };
            let mut heirs = difference.added.iter().filter(same);
            // Two are ambiguous.
            if let (Some(heir), None) = (heirs.next(), heirs.next())
                && !difference.successors.values().any(|taken| taken == heir)
            {
                difference.successors.insert(Arc::from(*id), Arc::clone(heir));
            }
        }
        difference
    }
}

fn by_id(config: &Config) -> BTreeMap<&str, (&FlowConfig, &Written)> {
    let flows = config.flows.iter().zip(&config.places.written);
    flows.map(|(flow, written)| (flow.id.as_str(), (flow, written))).collect()
}

/// Which region some flow names first is of no consequence while everything runs.
fn aws_differs(old: &AwsConfig, new: &AwsConfig) -> bool {
    let without = |config: &AwsConfig| AwsConfig { flow_region: None, ..config.clone() };
    without(old) != without(new)
}

/// The keys that change only with a restart, between what was started and what was read. All fields
/// are named, so that a new one is put in its place.
pub(super) fn restart_keys(old: &Config, new: &Config) -> Vec<&'static str> {
    let Config {
        flows: _,
        follow_links: _,
        checkpoint_file,
        checkpoint_file_default: _,
        java_checkpoints,
        checkpoint_ttl: _,
        aws,
        sandbox: _,
        cloudwatch,
        shutdown_timeout: _,
        admin,
        admin_socket,
        memory_budget_bytes,
        min_free_disk_percent: _,
        notify,
        log,
        places: _,
    } = old;
    // The client for CloudWatch is made at the start.
    let cloudwatch_aws = cloudwatch.emit_metrics && aws_differs(aws, &new.aws);
    let differ = [
        ("checkpointFile", *checkpoint_file != new.checkpoint_file),
        ("javaCheckpointFile", *java_checkpoints != new.java_checkpoints),
        ("cloudwatch.*", *cloudwatch != new.cloudwatch),
        ("the credentials and the region of CloudWatch", cloudwatch_aws),
        ("admin.address", *admin != new.admin),
        ("admin.socket", *admin_socket != new.admin_socket),
        ("memoryBudgetBytes", *memory_budget_bytes != new.memory_budget_bytes),
        ("notify", *notify != new.notify),
        ("log.*", *log != new.log),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, load};

    fn config(text: &str) -> Config {
        load(text, std::path::Path::new("a.yaml"), &Environment::default()).unwrap().0
    }

    fn flow(file: &str, stream: &str, more: &str) -> String {
        format!("  - {{filePattern: /l/{file}, kinesisStream: {stream}{more}}}\n")
    }

    fn ids(flows: &[Arc<str>]) -> Vec<&str> {
        flows.iter().map(|id| &**id).collect()
    }

    #[test]
    fn flows_stay_change_come_and_go() {
        let old = ["flows:\n", &flow("a", "s", ""), &flow("b", "s", ""), &flow("c", "s", "")];
        let new = [
            "# another order, and a comment\nflows:\n",
            &flow("d", "s", ""),
            &flow("b", "s", ", wire: json"),
            &flow("a", "s", ""),
        ];
        let difference = Difference::between(&config(&old.concat()), &config(&new.concat()));
        assert_eq!(ids(&difference.unchanged), ["kinesis:s:/l/a"]);
        assert_eq!(ids(&difference.changed), ["kinesis:s:/l/b"]);
        assert_eq!(ids(&difference.added), ["kinesis:s:/l/d"]);
        assert_eq!(ids(&difference.removed), ["kinesis:s:/l/c"]);
        assert!(difference.successors.is_empty());
    }

    #[test]
    fn another_destination_for_the_same_files_gets_the_checkpoints() {
        let old = format!("flows:\n{}", flow("a", "s", ""));
        let new = format!("flows:\n{}", flow("a", "t", ""));
        let difference = Difference::between(&config(&old), &config(&new));
        let successor = difference.successors.get("kinesis:s:/l/a").map(|id| &**id);
        assert_eq!(successor, Some("kinesis:t:/l/a"));
        let two = format!("{new}{}", flow("a", "u", ""));
        assert!(Difference::between(&config(&old), &config(&two)).successors.is_empty());
    }

    #[test]
    fn what_all_flows_share_changes_all_of_them() {
        let flows = format!("flows:\n{}{}", flow("a", "s", ""), flow("b", "s", ""));
        let old = config(&flows);
        for (key, changes) in [
            ("region: eu-west-1", true),
            ("minFreeDiskPercent: 9", true),
            ("checkpointTimeToLiveDays: 2", true),
            ("shutdownTimeoutMillis: 7", false),
        ] {
            let difference = Difference::between(&old, &config(&format!("{key}\n{flows}")));
            assert_eq!(difference.changed.len(), if changes { 2 } else { 0 }, "{key}");
        }
    }

    #[test]
    fn keys_that_need_a_restart_are_named() {
        let flows = format!("flows:\n{}", flow("a", "s", ""));
        let text = format!(
            "checkpointFile: /x\nadmin.address: off\nadmin.socket: off\nlog.level: debug\n\
             notify: off\nmemoryBudgetBytes: 5000000\ncloudwatch.namespace: n\n\
             javaCheckpointFile: off\n{flows}"
        );
        assert_eq!(
            restart_keys(&config(&flows), &config(&text)),
            [
                "checkpointFile",
                "javaCheckpointFile",
                "cloudwatch.*",
                "admin.address",
                "admin.socket",
                "memoryBudgetBytes",
                "notify",
                "log.*"
            ]
        );
        let difference = Difference::between(&config(&flows), &config(&text));
        assert_eq!(difference.unchanged.len(), 1);
    }
}

//! The manifests: against the schemas of Kubernetes and ECS, and that what they say of kinetail is
//! true.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{root, skip};
use crate::support::python;

/// Kubernetes' schemas, and the model of the API of ECS.
const PACKAGES: [&str; 2] = ["kubernetes-validate==1.37.0", "botocore==1.44.8"];

/// A stop takes `shutdownTimeoutMillis`, and CloudWatch may get three seconds more.
const STOP_SECONDS: u64 = 13;

/// `memoryBudgetBytes`, and what comes alongside it, in MiB.
const MEMORY_MIB: u64 = 32 + 48;

/// Every manifest by the name of its file, if this machine can check them.
fn checked() -> Option<Value> {
    let python = match python::environment("manifests", &PACKAGES, "python") {
        Ok(python) => python,
        Err(why) => {
            skip(&format!("manifests against schemas: {why}"));
            return None;
        }
    };
    let output = Command::new(python).arg("-B").arg(root().join("packaging/check")).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn object<'a>(documents: &'a Value, kind: &str) -> &'a Value {
    let documents = documents.as_array().unwrap();
    documents.iter().find(|document| document["kind"] == kind).unwrap()
}

/// Has `kinetail check` read a configuration, and gives what it says.
fn check(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kinetail.yaml");
    fs::write(&path, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetail"));
    let output = command.arg("check").arg("--config").arg(path).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn is_right(configuration: &str) {
    let said = check(configuration);
    for wrong in ["error: ", "unknown key", "is ignored", "has no effect"] {
        assert!(!said.contains(wrong), "{said}");
    }
    assert!(said.contains("KinesisStream:"), "{said}");
}

fn mebibytes(text: &Value) -> u64 {
    text.as_str().unwrap().strip_suffix("Mi").unwrap().parse().unwrap()
}

/// What holds for kinetail in every pod.
fn is_sound(pod: &Value, container: &Value) {
    let seconds = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(seconds > STOP_SECONDS, "it would be killed in the middle of a stop");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
    let port = &container["livenessProbe"]["httpGet"]["port"];
    let ports = container["ports"].as_array().unwrap();
    let admin = ports.iter().find(|it| it["name"] == *port).unwrap();
    assert_eq!(admin["containerPort"], 9470);
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["capabilities"]["drop"][0], "ALL");
    let resources = &container["resources"];
    assert!(mebibytes(&resources["limits"]["memory"]) >= MEMORY_MIB);
    assert!(resources["limits"].get("cpu").is_none(), "it would only fall behind");
    assert!(
        resources["requests"]["cpu"].is_string() && resources["requests"]["memory"].is_string()
    );
    let image = container["image"].as_str().unwrap();
    assert!(image.ends_with(&format!("kinetail:{}", env!("CARGO_PKG_VERSION"))), "{image}");
    let mounts = container["volumeMounts"].as_array().unwrap();
    let mount = |path: &str| mounts.iter().find(|mount| mount["mountPath"] == path).unwrap();
    assert_eq!(mount("/etc/kinetail")["readOnly"], true);
    assert!(mount("/var/lib/kinetail").get("readOnly").is_none(), "its positions");
    let volumes = pod["volumes"].as_array().unwrap();
    for mount in mounts {
        assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount}");
    }
}

#[test]
fn manifests_fit_their_schemas_and_what_they_say_of_kinetail_is_true() {
    let Some(all) = checked() else { return };
    let daemon = &all["daemonset.yaml"];
    let pod = &object(daemon, "DaemonSet")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    is_sound(pod, container);
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    let account = &object(daemon, "ServiceAccount")["metadata"];
    assert_eq!(pod["serviceAccountName"], account["name"]);
    let role = account["annotations"]["eks.amazonaws.com/role-arn"].as_str().unwrap();
    assert!(role.starts_with("arn:aws:iam::"), "{role}");
    let configuration = object(daemon, "ConfigMap")["data"]["kinetail.yaml"].as_str().unwrap();
    is_right(configuration);

    let sidecar = &all["sidecar.yaml"];
    let pod = &object(sidecar, "Deployment")["spec"]["template"]["spec"];
    let container = &pod["initContainers"][0];
    is_sound(pod, container);
    assert_eq!(container["restartPolicy"], "Always", "it stops after the application");
    assert_eq!(pod["securityContext"]["fsGroup"], container["securityContext"]["runAsGroup"]);
    is_right(object(sidecar, "ConfigMap")["data"]["kinetail.yaml"].as_str().unwrap());

    let task = &all["task-definition.json"];
    let containers = task["containerDefinitions"].as_array().unwrap();
    let named = |name: &str| containers.iter().find(|it| it["name"] == name).unwrap();
    let kinetail = named("kinetail");
    assert!(kinetail["stopTimeout"].as_u64().unwrap() > STOP_SECONDS);
    assert_eq!(kinetail["user"], "65532:65532");
    assert_eq!(kinetail["readonlyRootFilesystem"], true);
    let environment = named("configuration")["environment"].as_array().unwrap();
    let text = environment.iter().find(|it| it["name"] == "KINETAIL_YAML").unwrap();
    is_right(text["value"].as_str().unwrap());
    for container in containers {
        assert!(container.get("firelensConfiguration").is_none(), "kinetail takes its place");
    }
}

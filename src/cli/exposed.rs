//! Files with keys that others than their owner may read or write.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::AwsConfig;
use crate::shown::shown;

/// The variables that name a file of profiles: the SDK's, and the Java SDK's.
const PROFILE_VARIABLES: [&str; 2] =
    ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CREDENTIAL_PROFILES_FILE"];

/// What of a mode is not the owner's.
const OTHERS: u32 = 0o077;

/// Warns of the files with keys that are used: the configuration, if it has any, else the file of
/// profiles, if there is one.
pub(super) fn warnings(
    configuration: &Path,
    aws: &AwsConfig,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let files = if aws.static_keys.is_some() {
        vec![configuration.to_owned()]
    } else {
        profile_files(variable)
    };
    files.iter().filter_map(|file| warning(file)).collect()
}

fn profile_files(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".aws/credentials"));
    PROFILE_VARIABLES.into_iter().find_map(set).or_else(home).into_iter().collect()
}

/// A file that is not there, or is not a regular file, has no keys.
fn warning(file: &Path) -> Option<String> {
    let found = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
    let mode = found.mode() & 0o7777;
    if mode & OTHERS == 0 {
        return None;
    }
    let file = shown(file);
    let able = match (mode & 0o022 != 0, mode & 0o007 != 0) {
        (true, true) => "writable or readable by all users",
        (true, false) => "writable by its group",
        (false, true) => "readable by all users",
        (false, false) => "readable by its group",
    };
    let ours = rustix::process::geteuid().as_raw();
    let first = if found.uid() == ours { String::new() } else { format!("chown {ours} {file}; ") };
    Some(format!("{file} has AWS keys and mode {mode:04o}: {able}; {first}chmod 600 {file}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::StaticKeys;

    #[test]
    fn only_a_file_with_keys_that_others_may_reach_is_warned_of() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        fs::write(&file, "").unwrap();
        let keys = StaticKeys { access_key_id: "i".into(), secret_access_key: "s".into() };
        let with_keys = AwsConfig { static_keys: Some(keys), ..AwsConfig::default() };
        let named = |name: &str| {
            (name == "AWS_CREDENTIAL_PROFILES_FILE").then(|| file.to_str().unwrap().to_owned())
        };
        for (mode, words) in [
            (0o600, None),
            (0o400, None),
            (0o640, Some("readable by its group")),
            (0o604, Some("readable by all users")),
            (0o620, Some("writable by its group")),
            (0o646, Some("writable or readable by all users")),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            for found in [
                warnings(&file, &with_keys, |_| None),
                warnings(Path::new("/none"), &AwsConfig::default(), named),
            ] {
                assert_eq!(found.len(), usize::from(words.is_some()), "{mode:o}: {found:?}");
                for text in found {
                    assert!(text.contains(words.unwrap()), "{mode:o}: {text}");
                    assert!(text.contains(&format!("mode {mode:04o}")), "{text}");
                    assert!(text.ends_with(&format!("chmod 600 {}", file.display())), "{text}");
                }
            }
            assert!(warnings(&file, &AwsConfig::default(), |_| None).is_empty(), "no keys in it");
        }
    }
}

//! Files that the environment names and that the SDK or the TLS library reads. Of a FIFO among them
//! they would wait for a writer: at the start, before there is a log line, or for credentials.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::regular;

/// What names a file: keys, profiles, tokens, certificates. `AWS_CA_BUNDLE` is read by `http`.
const VARIABLES: [&str; 6] = [
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CREDENTIAL_PROFILES_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "SSL_CERT_FILE",
];

/// What is read in the home directory where no variable names another.
const IN_HOME: [&str; 2] = [".aws/config", ".aws/credentials"];

/// A file that cannot be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}, which {name} names: {source}; name a regular file", path.display())]
pub struct NamedFileError {
    name: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Looks at each file that a variable of this process names.
///
/// # Errors
/// The first that is a FIFO, a socket or a device. What is missing, a directory, or may not be read
/// fails without waiting where it is read.
pub(crate) fn refuse() -> Result<(), NamedFileError> {
    refuse_in(|name| std::env::var_os(name).map(PathBuf::from))
}

fn refuse_in(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<(), NamedFileError> {
    let set = |name| variable(name).filter(|path| !path.as_os_str().is_empty());
    let named = VARIABLES.into_iter().filter_map(|name| Some((name, set(name)?)));
    let home = set("HOME");
    let in_home = IN_HOME.into_iter().filter_map(|name| Some(("HOME", home.as_ref()?.join(name))));
    named.chain(in_home).try_for_each(|(name, path)| match refusal(&path) {
        Some(source) => Err(NamedFileError { name, path, source }),
        None => Ok(()),
    })
}

fn refusal(path: &Path) -> Option<io::Error> {
    regular::look(path).err().filter(|error| error.kind() == io::ErrorKind::InvalidInput)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_fifo_is_named_with_its_variable_and_what_is_missing_or_a_file_is_not() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::fs::create_dir(at(".aws")).unwrap();
        std::fs::write(at("keys"), "").unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let only = |name: &'static str, path: PathBuf| {
            refuse_in(|asked| (asked == name).then(|| path.clone())).map_err(|e| e.to_string())
        };
        for name in VARIABLES {
            assert_eq!(only(name, at("keys")), Ok(()));
            assert_eq!(only(name, at("none")), Ok(()));
            assert_eq!(only(name, "/dev/null".into()), Ok(()));
            let text = only(name, at("fifo")).unwrap_err();
            assert!(text.contains(name) && text.contains("it is a FIFO"), "{text}");
        }
        assert_eq!(only("HOME", home.path().into()), Ok(()));
        mknodat(CWD, at(".aws/credentials"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let text = only("HOME", home.path().into()).unwrap_err();
        assert!(text.contains("/.aws/credentials, which HOME names"), "{text}");
    }
}

//! What is taken for a secret: by its key's name, however that is misspelt, and by its own looks.
//!
//! Generously: what is hidden by mistake costs an excerpt, and what is shown by mistake a secret.

/// Words in a key, in lower case, that make its value a secret. The misspelt key is meant too.
const SECRET_WORDS: &[&str] =
    &["secret", "accesskey", "password", "token", "credential", "externalid", "hashkey"];

/// The name of a secret may be wrong in this many characters.
const MISSPELT_BY_MAX: usize = 3;

/// Parts of the names of secrets, without what is no letter, and in how many characters a text may
/// differ that still is one of them.
const NAMES: [(&[u8], usize); 2] = [(b"secretaccesskey", 5), (b"accesskeyid", 3)];

/// How the identifiers of keys begin ("IAM identifiers" in the IAM user guide), and how many more
/// characters an identifier has at least.
const ID_PREFIXES: [&str; 4] = ["AKIA", "ASIA", "AIDA", "AROA"];
const ID_REST_MIN: usize = 12;

/// A secret access key is 40 characters of Base64. One that something was cut out of is meant too.
const KEY_CHARS_MIN: usize = 32;

/// And a part of one, of which more has to look like chance.
const PART_CHARS_MIN: usize = 18;

/// Words with so many slashes are paths, and with so many if they begin with one.
const PATH_SLASHES_MIN: usize = 5;
const ROOTED_PATH_SLASHES_MIN: usize = 3;

/// What stands in for a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// Whether the value of a key with this name, perhaps misspelt, is a secret.
pub(super) fn smells_of_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word))
        || ["awsaccesskeyid", "awssecretaccesskey"].iter().any(|name| {
            name.len().abs_diff(key.chars().count()) <= MISSPELT_BY_MAX
                && super::suggest::distance(name, &key) <= MISSPELT_BY_MAX
        })
}

/// Whether a secret may have slipped into the value of another key: a password in a URL,
/// `awsSecretAccessKey:…` with the blank forgotten, or what looks like a key of AWS.
pub(super) fn holds_secret(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    (text.contains("://") && text.contains('@'))
        || holds_user(text)
        || lower.contains("secretaccesskey")
        || lower.contains("accesskeyid")
        || holds_key_id(text)
        || holds_key(text)
}

/// Whether something in the text is nearly the name of a secret, whatever stands between its
/// letters.
pub(super) fn is_near_secret(text: &str) -> bool {
    let letters: Vec<u8> =
        text.bytes().filter(u8::is_ascii_alphabetic).map(|b| b.to_ascii_lowercase()).collect();
    NAMES.iter().any(|(name, wrong_max)| distance_within(name, &letters) <= *wrong_max)
}

/// The least Levenshtein distance of a name to any part of the text.
fn distance_within(name: &[u8], text: &[u8]) -> usize {
    let mut column: Vec<usize> = (0..=name.len()).collect();
    let mut least = name.len();
    for byte in text {
        // A part may begin anywhere.
        let (mut diagonal, mut above) = (0, 0);
        for (cell, expected) in column.iter_mut().skip(1).zip(name) {
            let changed = diagonal + usize::from(byte != expected);
            diagonal = *cell;
            above = changed.min(above + 1).min(*cell + 1);
            *cell = above;
        }
        least = least.min(above);
    }
    least
}

/// `user:password@host` without a scheme, as in a proxy.
fn holds_user(text: &str) -> bool {
    let mut words = text.split(|c: char| c.is_whitespace() || "\"',;()[]{}<>".contains(c));
    words.any(|word| {
        let parts =
            word.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?, host)));
        parts.is_some_and(|((user, password), host)| {
            !user.is_empty() && !password.is_empty() && !host.is_empty()
        })
    })
}

fn holds_key_id(text: &str) -> bool {
    ID_PREFIXES.iter().any(|prefix| {
        text.match_indices(prefix).any(|(at, _)| {
            let rest = text.as_bytes().get(at + prefix.len()..).unwrap_or_default();
            let in_id = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            rest.iter().take_while(in_id).count() >= ID_REST_MIN
        })
    })
}

fn holds_key(text: &str) -> bool {
    // In JSON a slash may be escaped.
    let text = text.replace("\\/", "/");
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '+' | '=')));
    let mut words = words.filter(|word| word.len() >= PART_CHARS_MIN);
    words.any(|word| {
        let rooted = word.starts_with('/');
        let slashes_min = if rooted { ROOTED_PATH_SLASHES_MIN } else { PATH_SLASHES_MIN };
        let is_path = word.bytes().filter(|byte| *byte == b'/').count() >= slashes_min;
        if is_path { word.split('/').any(is_random) } else { is_random(word) }
    })
}

/// Whether a word is made of characters of all kinds in no order: in random ones two of three
/// neighbors are of different kinds, in a name of several words one of four.
fn is_random(word: &str) -> bool {
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let kinds: Vec<u8> = word.as_bytes().iter().map(kind).collect();
    let changes = kinds.windows(2).filter(|pair| pair.first() != pair.last()).count();
    let has = |kind: u8| kinds.contains(&kind);
    if !has(0) || !has(1) {
        return false;
    }
    match kinds.len() {
        KEY_CHARS_MIN.. => changes * 3 >= kinds.len(),
        PART_CHARS_MIN.. => has(2) && changes * 5 >= kinds.len() * 2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_keys_even_if_misspelt() {
        for key in [
            "awsSecretAccessKey",
            "awsSecretAcessKey",
            "awsAccessKeyId",
            "awsAccesKeyID",
            "AWSACCESSKEYID",
            "sessionToken",
        ] {
            assert!(smells_of_secret(key), "{key}");
        }
        for key in ["partitionKeyOption", "region", "kinesisStream", "admin.address"] {
            assert!(!smells_of_secret(key), "{key}");
        }
    }

    #[test]
    fn names_of_secrets_are_known_in_ruins() {
        for text in [
            "a{ecr{ccessKey\": \"x\"",
            "\"awsS*cret Acces Ky\": 1",
            "# aws-secret-acces-key = x",
            "awsAcc: essKyId: x",
        ] {
            assert!(is_near_secret(text), "{text}");
        }
        for text in [
            "\"partitionKeyOption\": \"RANDOM\"",
            "\"filePattern\": \"/var/log/access.log\", \"kinesisStream\": \"access-logs\"",
            "\"multiLineStartPattern\": \"^\\\\d{4}\"",
            "region: us-east-1",
            "cloudwatch.emitMetrics: false",
        ] {
            assert!(!is_near_secret(text) && !holds_secret(text), "{text}");
        }
    }

    #[test]
    fn keys_are_known_by_their_looks() {
        for text in [
            "x: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            r"x: wJalrXUtnFEMI\/K7MDENG\/bPxRfiCYEXAMPLEKEY",
            "[wJalrXUtnFEMI/K7MDENG]",
            "id=AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE,",
            "proxy: user:password@proxy:3128",
            "\"proxy\": \"user:p@ss@proxy\"",
        ] {
            assert!(holds_secret(text), "{text}");
        }
        for text in [
            "/var/log/MyApp1/2024/Jan/01/Server1/out",
            "/opt/Application/Server01/logs/*.log",
            "MyProductionStream2024",
            "dataProcessingOptions",
            "cloudwatchMetricsBufferTimeMillis",
            "550e8400-e29b-41d4-a716-446655440000",
            "arn:aws:iam::123456789012:role/KinesisProducerRole",
            "https://kinesis.us-east-1.amazonaws.com",
            "\"@timestamp\": \"a@b\"",
            "proxy: proxy:3128",
        ] {
            assert!(!holds_secret(text), "{text}");
        }
    }

    #[test]
    fn random_keys_are_hardly_ever_shown() {
        let mut random = fastrand::Rng::with_seed(40);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut key =
            || (0..40).map(|_| char::from(alphabet[random.usize(..64)])).collect::<String>();
        let found = (0..10_000).filter(|_| holds_secret(&key())).count();
        assert!(found > 9_950, "{found} of 10,000");
    }
}

//! What a destroyed file looks like.

/// Of the first bytes of a text this share is control characters, at most.
const CONTROLS_SHARE: usize = 50;

/// Whether bytes are what tools leave that destroy files: random ones, or one again and again.
pub(crate) fn is_no_text(head: &[u8]) -> bool {
    let is_control = |byte: &&u8| match **byte {
        b'\t' | b'\n' | b'\r' | 0x1b => false,
        byte => byte < b' ' || byte == 0x7f,
    };
    let controls = head.iter().filter(is_control).count();
    let first = head.first();
    let all_alike = head.len() > 1 && head.iter().all(|byte| Some(byte) == first);
    all_alike || controls > head.len() / CONTROLS_SHARE
}

#[cfg(test)]
mod tests {
    use super::is_no_text;

    #[test]
    fn random_bytes_are_no_text_and_logs_are() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let bytes: Vec<u8> = (0..1024).map(|_| random.u8(..)).collect();
            assert!(is_no_text(&bytes));
        }
        assert!(is_no_text(&[0xff; 500]) && is_no_text(&[0; 500]) && is_no_text(&[b'U'; 90]));
        let colors = "\x1b[32m12:00:01\x1b[0m \u{fc}ber GET /\r\n\tat a.b.C\n".repeat(20);
        assert!(!is_no_text(colors.as_bytes()));
        assert!(!is_no_text(b"one\ntwo\n") && !is_no_text(b""));
    }
}

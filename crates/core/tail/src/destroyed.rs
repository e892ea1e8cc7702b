//! What a destroyed file looks like.

/// Of the first bytes of a text this share is control characters, at most.
const CONTROLS_SHARE: usize = 50;

/// Tools that destroy files write patterns of so many bytes.
const PATTERN_BYTES: usize = 3;

/// In fewer bytes no pattern is seen.
const PATTERN_HEAD_MIN: usize = 32;

/// The first byte of so many may be another one.
const SECTOR_BYTES: usize = 512;

/// Whether bytes are what tools leave that destroy files: random ones, or one again and again.
pub(crate) fn is_no_text(head: &[u8]) -> bool {
    let is_control = |byte: &&u8| match **byte {
        b'\t' | b'\n' | b'\r' | 0x1b => false,
        byte => byte < b' ' || byte == 0x7f,
    };
    let controls = head.iter().filter(is_control).count();
    let first = head.first();
    let all_alike = head.len() > 1 && head.iter().all(|byte| Some(byte) == first);
    all_alike || repeats_pattern(head) || controls > head.len() / CONTROLS_SHARE
}

/// Whether bytes repeat one pattern of three, without any line: the first byte of each sector may
/// be another one (shred(1)).
fn repeats_pattern(head: &[u8]) -> bool {
    let pairs = (0..).zip(head.iter().zip(head.iter().skip(PATTERN_BYTES)));
    let in_sector = |at: usize| !at.is_multiple_of(SECTOR_BYTES);
    let mut inner = pairs.filter(|(at, _)| in_sector(*at) && in_sector(at + PATTERN_BYTES));
    head.len() >= PATTERN_HEAD_MIN && !head.contains(&b'\n') && inner.all(|(_, (a, b))| a == b)
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
        for pattern in [[0x92, 0x49, 0x24], [0x6d, 0xb6, 0xdb], [b'"', b'D', b'3']] {
            let mut bytes = pattern.repeat(342);
            assert!(is_no_text(&bytes) && is_no_text(&bytes[..100]));
            bytes.iter_mut().step_by(512).for_each(|byte| *byte ^= 0x80);
            assert!(is_no_text(&bytes) && is_no_text(&bytes[..700]));
        }
        assert!(!is_no_text("ok\n".repeat(300).as_bytes()));
        assert!(is_no_text(&[0xff; 500]) && is_no_text(&[0; 500]) && is_no_text(&[b'U'; 90]));
        let colors = "\x1b[32m12:00:01\x1b[0m \u{fc}ber GET /\r\n\tat a.b.C\n".repeat(20);
        assert!(!is_no_text(colors.as_bytes()));
        assert!(!is_no_text(b"one\ntwo\n") && !is_no_text(b""));
    }
}

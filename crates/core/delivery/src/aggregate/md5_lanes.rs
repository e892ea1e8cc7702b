//! The MD5 of eight messages at once. Pure.
//!
//! Each step of MD5 waits for the one before it, so that one message keeps a processor waiting.
//! Here the messages go through the same steps side by side, in the lanes of two vectors.

use md5::{Digest as _, Md5};
use wide::u32x4;

/// So many messages at once.
pub(super) const LANES: usize = VECTORS * VECTOR_LANES;

/// Two vectors do not wait for each other either.
const VECTORS: usize = 2;
const VECTOR_LANES: usize = 4;

/// Bytes of an MD5.
pub(super) const DIGEST_BYTES: usize = 16;

const BLOCK_BYTES: usize = 64;

/// Bytes at the end of the last block that hold the length.
const LENGTH_BYTES: usize = 8;

/// A number of each lane.
type Lanes = [u32x4; VECTORS];
type State = [Lanes; 4];
type Block = [u8; BLOCK_BYTES];
type Digest = [u8; DIGEST_BYTES];

const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// By how many bits each round rotates in a step, by the step's place in four.
const ROTATIONS: [[u32; 4]; 4] =
    [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The number of each step: the sine of its place, from 1, times 2^32.
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// The MD5 of each message.
pub(super) fn digests(messages: &[&[u8]; LANES]) -> [Digest; LANES] {
    if messages.iter().filter(|message| !message.is_empty()).count() < 2 {
        // One alone is faster alone.
        return messages.map(|message| Md5::digest(message).into());
    }
    let mut state = START.map(|word| [u32x4::splat(word); VECTORS]);
    let whole = messages.map(|message| message.as_chunks::<BLOCK_BYTES>().0);
    let common = whole.iter().map(|blocks| blocks.len()).min().unwrap_or_default();
    (0..common).for_each(|at| compress(&mut state, |lane| &whole[lane][at]));
    let blocks = messages.map(|message| (message.len() + 1 + LENGTH_BYTES).div_ceil(BLOCK_BYTES));
    let mut digests = [[0; DIGEST_BYTES]; LANES];
    for at in common..blocks.into_iter().max().unwrap_or_default() {
        let ends = messages.map(|message| end_of(message, at));
        compress(&mut state, |lane| whole[lane].get(at).unwrap_or(&ends[lane]));
        // A lane whose message has ended continues with the others, and its state is not used.
        for (lane, digest) in digests.iter_mut().enumerate() {
            if at + 1 == blocks[lane] {
                *digest = digest_of(&state, lane);
            }
        }
    }
    digests
}

/// A block of a message that the message does not fill: what is left of it, and behind it a bit,
/// zeros, and the message's length in bits.
fn end_of(message: &[u8], at: usize) -> Block {
    let mut block = [0; BLOCK_BYTES];
    let begin = at * BLOCK_BYTES;
    if begin + BLOCK_BYTES <= message.len() {
        return block;
    }
    let rest = message.get(begin..).unwrap_or_default();
    block[..rest.len()].copy_from_slice(rest);
    if begin <= message.len() {
        block[rest.len()] = 0x80;
    }
    if rest.len() + 1 + LENGTH_BYTES <= BLOCK_BYTES {
        let bits = (message.len() as u64) << 3;
        block[BLOCK_BYTES - LENGTH_BYTES..].copy_from_slice(&bits.to_le_bytes());
    }
    block
}

fn digest_of(state: &State, lane: usize) -> Digest {
    let mut digest = [0; DIGEST_BYTES];
    for (bytes, lanes) in digest.chunks_exact_mut(4).zip(state) {
        let word = lanes[lane / VECTOR_LANES].to_array()[lane % VECTOR_LANES];
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    digest
}

/// Takes one block of each message.
fn compress<'m>(state: &mut State, block: impl Fn(usize) -> &'m Block) {
    let mut words = [[u32x4::default(); VECTORS]; BLOCK_BYTES / 4];
    for vector in 0..VECTORS {
        let blocks =
            [0, 1, 2, 3].map(|lane| block(vector * VECTOR_LANES + lane).as_chunks::<16>().0);
        for four in 0..BLOCK_BYTES / 16 {
            // Four words of each of four messages, and then each word of all four.
            let columns = u32x4::transpose(blocks.map(|block| words_of(&block[four])));
            for (word, column) in words[4 * four..].iter_mut().zip(columns) {
                word[vector] = column;
            }
        }
    }
    let mut next = *state;
    round::<0>(&mut next, &words, |step| step, |b, c, d| d ^ (b & (c ^ d)));
    round::<1>(&mut next, &words, |step| 5 * step + 1, |b, c, d| c ^ (d & (b ^ c)));
    round::<2>(&mut next, &words, |step| 3 * step + 5, |b, c, d| b ^ c ^ d);
    round::<3>(&mut next, &words, |step| 7 * step, |b, c, d| c ^ (b | !d));
    for (old, new) in state.as_flattened_mut().iter_mut().zip(next.as_flattened()) {
        *old += *new;
    }
}

fn words_of(bytes: &[u8; 16]) -> u32x4 {
    let (words, _) = bytes.as_chunks();
    u32x4::new([0, 1, 2, 3].map(|word: usize| u32::from_le_bytes(words[word])))
}

/// The 16 steps of a round: which word each takes, and how it mixes three of the numbers.
#[expect(clippy::inline_always, reason = "the numbers stay in registers from round to round")]
#[inline(always)]
fn round<const ROUND: usize>(
    state: &mut State,
    words: &[Lanes; 16],
    word: impl Fn(usize) -> usize,
    mix: impl Fn(u32x4, u32x4, u32x4) -> u32x4,
) {
    let step = |a: Lanes, [b, c, d]: [Lanes; 3], number: usize, bits: u32| -> Lanes {
        let (words, sine) = (words[word(number) % 16], u32x4::splat(SINES[16 * ROUND + number]));
        std::array::from_fn(|at| {
            let sum = a[at] + (words[at] + sine) + mix(b[at], c[at], d[at]);
            ((sum << bits) | (sum >> (32 - bits))) + b[at]
        })
    };
    let [mut a, mut b, mut c, mut d] = *state;
    let [first, second, third, fourth] = ROTATIONS[ROUND];
    for four in [0, 4, 8, 12] {
        a = step(a, [b, c, d], four, first);
        d = step(d, [a, b, c], four + 1, second);
        c = step(c, [d, a, b], four + 2, third);
        b = step(b, [c, d, a], four + 3, fourth);
    }
    *state = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_by_one(messages: &[&[u8]; LANES]) -> [Digest; LANES] {
        messages.map(|message| Md5::digest(message).into())
    }

    /// Around the ends of one and of two blocks, where the length moves to the next.
    #[test]
    fn every_length_around_a_block_is_right() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..200 {
            let of = |len: usize| bytes.get(..len).unwrap();
            let more = |lane: usize| of((len + 31 * lane) % 200);
            let messages = [0, 1, 2, 3, 4, 5, 6, 7].map(more);
            assert_eq!(digests(&messages), one_by_one(&messages), "{len}");
        }
    }

    proptest! {
        /// For all messages, of whatever lengths: what the usual implementation says.
        #[test]
        fn eight_at_once_are_eight_alone(
            lengths in prop::array::uniform8(prop_oneof![0_usize..300, 0_usize..20_000]),
            seed in any::<u64>(),
        ) {
            let mut random = fastrand::Rng::with_seed(seed);
            let owned = lengths.map(|len| (0..len).map(|_| random.u8(..)).collect::<Vec<u8>>());
            let messages = owned.each_ref().map(Vec::as_slice);
            prop_assert_eq!(digests(&messages), one_by_one(&messages));
        }
    }
}

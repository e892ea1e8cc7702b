//! Answers in CBOR, of an independent encoder, and malicious ones.

use minicbor::Encoder;
use proptest::prelude::*;

use super::*;

/// How an answer is written.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Whether maps and arrays have lengths.
    definite: bool,
    nulls: bool,
    extra: bool,
}

/// What becomes of a record.
#[derive(Debug, Clone)]
enum Fate {
    Taken(u64),
    Failed(String, String),
    Silent,
}

type Writer = Encoder<Vec<u8>>;
type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn map(to: &mut Writer, style: Style, members: u64) -> Written {
    if style.definite {
        to.map(members)?
    } else {
        to.begin_map()?
    };
    Ok(())
}

fn end(to: &mut Writer, style: Style) -> Written {
    if !style.definite {
        to.end()?;
    }
    Ok(())
}

fn entry(to: &mut Writer, style: Style, fate: &Fate) -> Written {
    match fate {
        Fate::Taken(shard) => {
            map(to, style, 2 + 2 * u64::from(style.nulls) + u64::from(style.extra))?;
            to.str("SequenceNumber")?
                .str("49590338271490256608559692538361571095921575989136588898")?;
            to.str("ShardId")?.str(&format!("shardId-{shard:012}"))?;
            if style.nulls {
                to.str("ErrorCode")?.null()?.str("ErrorMessage")?.null()?;
            }
            if style.extra {
                to.str("New")?.array(2)?.f64(1.5)?.map(1)?.str("x")?.bytes(b"y")?;
            }
        }
        Fate::Failed(code, message) => {
            map(to, style, 2)?;
            to.str("ErrorCode")?.str(code)?.str("ErrorMessage")?.str(message)?;
        }
        Fate::Silent => map(to, style, 0)?,
    }
    end(to, style)
}

fn answer(fates: &[Fate], style: Style) -> Vec<u8> {
    let mut to = Encoder::new(Vec::new());
    let write = |to: &mut Writer| -> Written {
        map(to, style, 3)?;
        to.str("EncryptionType")?.str("KMS")?;
        // The counter is not believed.
        to.str("FailedRecordCount")?.i32(-7)?.str("Records")?;
        if style.definite {
            to.array(fates.len() as u64)?
        } else {
            to.begin_array()?
        };
        for fate in fates {
            entry(to, style, fate)?;
        }
        end(to, style)?;
        end(to, style)
    };
    write(&mut to).expect("a vector takes everything");
    to.into_writer()
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => (0_u64..1_000).prop_map(Fate::Taken),
        1 => ("[A-Za-z]{0,40}", ".{0,300}").prop_map(|(code, words)| Fate::Failed(code, words)),
        1 => Just(Fate::Silent),
    ]
}

fn style() -> impl Strategy<Value = Style> {
    let of = |(definite, nulls, extra)| Style { definite, nulls, extra };
    any::<(bool, bool, bool)>().prop_map(of)
}

fn expected(fates: &[Fate]) -> PutResponse {
    let mut expected = PutResponse::default();
    for (index, fate) in fates.iter().enumerate() {
        let (code, message) = match fate {
            Fate::Taken(shard) => {
                expected.shards.push((index, ShardNumber(*shard)));
                continue;
            }
            Fate::Failed(code, message) => (code.clone(), message.clone()),
            Fate::Silent => (CODE_NO_RESULT.to_owned(), String::new()),
        };
        expected.failed.push(FailedEntry { index, code, message });
    }
    if expected.failed.is_empty() {
        expected.shards.clear();
    }
    expected
}

fn cbor(body: &[u8], sent: usize) -> Result<PutResponse, PutResponseError> {
    read_as(Encoding::Cbor, body, sent)
}

proptest! {
    /// For all fates, however they are written, exactly the failures are read; every proper prefix
    /// and every answer for another number of records is refused.
    #[test]
    fn exactly_the_failed_entries_are_read(
        fates in prop::collection::vec(fate(), 1..40),
        style in style(),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = answer(&fates, style);
        prop_assert_eq!(cbor(&body, fates.len()).expect("readable"), expected(&fates));
        let cut = cut.index(body.len());
        prop_assert!(cbor(&body[..cut], fates.len()).is_err());
        for sent in [fates.len() - 1, fates.len() + 1] {
            let error = cbor(&body, sent).expect_err("another number");
            let is_count = matches!(error, PutResponseError::Count { .. });
            prop_assert!(is_count, "{}", error);
        }
        let trailing = [&body[..], b"\x00"].concat();
        prop_assert!(cbor(&trailing, fates.len()).is_err());
    }

    /// Whatever one byte becomes, and whatever bytes there are: it is read or refused, and nothing
    /// else; and what is read has as many entries as were sent.
    #[test]
    fn a_hostile_answer_is_refused_and_never_more(
        fates in prop::collection::vec(fate(), 1..20),
        style in style(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        garbage in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut body = answer(&fates, style);
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(read) = cbor(&body, fates.len()) {
            prop_assert!(read.failed.len() <= fates.len());
        }
        prop_assert!(cbor(&garbage, 1).is_err() || garbage.len() > 20);
    }
}

/// An answer with one entry that is written by hand.
fn with_entry(entry: &[u8]) -> Vec<u8> {
    [b"\xa1\x67Records\x81", entry].concat()
}

#[test]
fn wrong_types_and_doubles_are_no_success() {
    let taken = b"\xa1\x6eSequenceNumber\x611";
    assert_eq!(cbor(&with_entry(taken), 1).expect("readable"), PutResponse::default());
    for entry in [
        &b"\x00"[..],
        b"\x60",
        b"\xf6",
        b"\xa1\x6eSequenceNumber\x01",
        b"\xa1\x6eSequenceNumber\x411",
        b"\xa1\x69ErrorCode\x81\x60",
        b"\xa1\x00\x00",
        b"\xa1\x6eSequenceNumber\x61\xff",
        b"\xa1\x6eSequenceNumber\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        assert!(cbor(&with_entry(entry), 1).is_err(), "{entry:x?}");
    }
    for body in [
        &b""[..],
        b"\xa0",
        b"\xf6",
        b"{}",
        b"\xa1\x67Records\xf6",
        b"\xa1\x67Records\xa0",
        b"\xa2\x67Records\x80\x67Records\x81\xa0",
        b"\xa2\x71FailedRecordCount\x600\x67Records\x80",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x67Records\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    ] {
        for sent in [0, 1] {
            assert!(cbor(body, sent).is_err(), "{body:x?}");
        }
    }
    // An error that a second member would take back.
    let both = b"\xa3\x6eSequenceNumber\x611\x69ErrorCode\x61x\x69ErrorCode\xf6";
    assert_eq!(cbor(&with_entry(both), 1).expect("readable").failed[0].code, "x");
    let silent = b"\xa1\x6eSequenceNumber\xf6";
    let answer = cbor(&with_entry(silent), 1).expect("readable");
    assert_eq!(answer.failed[0].code, CODE_NO_RESULT);
}

#[test]
fn nesting_has_a_bound() {
    for open in [&b"\x81"[..], b"\x9f", b"\xc0", b"\xbf\x61x"] {
        let body = [b"\xa1\x61x", &open.repeat(200_000)[..]].concat();
        let error = cbor(&body, 1).expect_err("too deep");
        assert!(matches!(error, PutResponseError::MalformedCbor(CborError::Deep)), "{error}");
    }
}

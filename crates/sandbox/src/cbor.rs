//! CBOR, as Kinesis speaks it alongside JSON: a request becomes what it would have been in JSON,
//! and an answer in JSON becomes the same in CBOR, so that both are judged by the same rules. Pure.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

use super::response::ErrorResponse;

/// Values within values, at most.
const DEPTH_MAX: u32 = 16;

/// Reads a body that has to be one well-formed value and nothing behind it. Bytes become base64.
pub(super) fn to_json(body: &[u8]) -> Result<Vec<u8>, ErrorResponse> {
    let mut decoder = Decoder::new(body);
    let value = value(&mut decoder, 0)?;
    if decoder.position() != body.len() {
        return Err(malformed("trailing data"));
    }
    serde_json::to_vec(&value).map_err(|error| malformed(&error.to_string()))
}

/// An answer that was written in JSON. What is no JSON stays as it is: a fault may say anything.
pub(super) fn from_json(body: &[u8]) -> Vec<u8> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    let mut encoder = Encoder::new(Vec::with_capacity(body.len()));
    match encode(&mut encoder, &value) {
        Ok(()) => encoder.into_writer(),
        // Writing to memory never fails.
        Err(_) => body.to_vec(),
    }
}

fn malformed(reason: &str) -> ErrorResponse {
    ErrorResponse::serialization(&format!("the body is not CBOR: {reason}"))
}

fn value(from: &mut Decoder<'_>, depth: u32) -> Result<Value, ErrorResponse> {
    let wrong = |error: minicbor::decode::Error| malformed(&error.to_string());
    if depth > DEPTH_MAX {
        return Err(malformed(&format!("it is nested deeper than {DEPTH_MAX}")));
    }
    Ok(match from.datatype().map_err(wrong)? {
        Type::Bool => Value::Bool(from.bool().map_err(wrong)?),
        Type::Null => {
            from.null().map_err(wrong)?;
            Value::Null
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => from.u64().map_err(wrong)?.into(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => from.i64().map_err(wrong)?.into(),
        Type::F64 => {
            let number = from.f64().map_err(wrong)?;
            Number::from_f64(number).map_or(Value::Null, Value::Number)
        }
        Type::Bytes | Type::BytesIndef => {
            let pieces: Result<Vec<&[u8]>, _> = from.bytes_iter().map_err(wrong)?.collect();
            base64_simd::STANDARD.encode_to_string(pieces.map_err(wrong)?.concat()).into()
        }
        Type::String | Type::StringIndef => text(from)?.into(),
        Type::Array | Type::ArrayIndef => {
            let mut left = from.array().map_err(wrong)?;
            let mut values = Vec::new();
            while more(from, &mut left)? {
                values.push(value(from, depth + 1)?);
            }
            Value::Array(values)
        }
        Type::Map | Type::MapIndef => {
            let mut left = from.map().map_err(wrong)?;
            let mut members = Map::new();
            while more(from, &mut left)? {
                let name = text(from)?;
                let member = value(from, depth + 1)?;
                if members.insert(name, member).is_some() {
                    return Err(malformed("duplicate member"));
                }
            }
            Value::Object(members)
        }
        other => return Err(malformed(&format!("a value of type {other} is not expected"))),
    })
}

fn text(from: &mut Decoder<'_>) -> Result<String, ErrorResponse> {
    let wrong = |error: minicbor::decode::Error| malformed(&error.to_string());
    let pieces: Result<Vec<&str>, _> = from.str_iter().map_err(wrong)?.collect();
    Ok(pieces.map_err(wrong)?.concat())
}

/// Whether another value follows; goes past the break behind the last.
fn more(from: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, ErrorResponse> {
    match left {
        Some(0) => Ok(false),
        Some(left) => {
            *left -= 1;
            Ok(true)
        }
        None => match from.datatype() {
            Ok(Type::Break) => {
                from.set_position(from.position() + 1);
                Ok(false)
            }
            Ok(_) => Ok(true),
            Err(error) => Err(malformed(&error.to_string())),
        },
    }
}

type Encoded = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// Maps and arrays without lengths, as the service's.
fn encode(to: &mut Encoder<Vec<u8>>, value: &Value) -> Encoded {
    match value {
        Value::Null => to.null()?,
        Value::Bool(is) => to.bool(*is)?,
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => to.u64(number)?,
            (None, Some(number)) => to.i64(number)?,
            (None, None) => to.f64(number.as_f64().unwrap_or_default())?,
        },
        Value::String(text) => to.str(text)?,
        Value::Array(values) => {
            to.begin_array()?;
            for value in values {
                encode(to, value)?;
            }
            to.end()?
        }
        Value::Object(members) => {
            to.begin_map()?;
            for (name, member) in members {
                to.str(name)?;
                encode(to, member)?;
            }
            to.end()?
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn json(body: &[u8]) -> Result<Value, String> {
        let read = |body: Vec<u8>| serde_json::from_slice(&body).unwrap();
        to_json(body).map(read).map_err(|error| error.code)
    }

    #[test]
    fn a_put_of_the_java_sdk_is_read() {
        let body = b"\xbf\x67Records\x9f\xbf\x64Data\x42hi\x6cPartitionKey\x61k\xff\xff\
                     \x6aStreamName\x61s\xff";
        let record = json!({"Data": "aGk=", "PartitionKey": "k"});
        assert_eq!(json(body), Ok(json!({"Records": [record], "StreamName": "s"})));
        for cut in 0..body.len() {
            assert_eq!(json(&body[..cut]), Err("SerializationException".to_owned()), "{cut}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let deep = b"\x81".repeat(1_000_000);
        for body in [
            &b""[..],
            b"{}",
            b"\xa1\x61a",
            b"\xa0\x00",
            b"\xff",
            b"\xa1\x00\x00",
            b"\xa2\x61a\x00\x61a\x00",
            b"\xa1\x61a\x61\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9f\x01",
            b"\xc1\x00",
            &deep,
        ] {
            assert!(json(body).is_err(), "{:x?}", &body[..body.len().min(20)]);
        }
    }

    proptest! {
        #[test]
        fn an_answer_is_the_same_in_both(
            texts in prop::collection::vec(".{0,40}", 0..20),
            number in any::<i64>(),
        ) {
            let answer = json!({"Records": texts, "FailedRecordCount": number, "x": null});
            let cbor = from_json(&serde_json::to_vec(&answer).unwrap());
            prop_assert_eq!(json(&cbor), Ok(answer));
        }

        #[test]
        fn whatever_comes_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(code) = json(&body) {
                prop_assert_eq!(code, "SerializationException");
            }
        }
    }
}

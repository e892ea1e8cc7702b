//! The list of shards, against an endpoint that does what a test tells it to.

use super::*;
use crate::config::FlowAwsConfig;
use crate::send::wire_tests::{Reply, Server, aws, config};

/// A page with these shards, by number and range; a closed one has an end of its numbers.
fn page(shards: &[(u64, &str, &str, bool)], next: Option<&str>) -> Reply {
    let shard = |(number, start, end, closed): &(u64, &str, &str, bool)| {
        let ending = if *closed { ",\"EndingSequenceNumber\":\"9\"" } else { "" };
        format!(
            "{{\"ShardId\":\"shardId-{number:012}\",\"HashKeyRange\":{{\"StartingHashKey\":\
             \"{start}\",\"EndingHashKey\":\"{end}\"}},\"SequenceNumberRange\":\
             {{\"StartingSequenceNumber\":\"1\"{ending}}}}}"
        )
    };
    let shards: Vec<String> = shards.iter().map(shard).collect();
    let next = next.map_or_else(String::new, |token| format!(",\"NextToken\":\"{token}\""));
    let body = format!("{{\"Shards\":[{}]{next}}}", shards.join(","));
    Reply::PutResponse { status: 200, headers: "", body: body.into_bytes() }
}

/// The lists that come of these replies, one after the other, and the tokens that were sent.
async fn lists(
    count: usize,
    replies: Vec<Reply>,
) -> (Vec<Result<Option<Vec<u64>>, String>>, Vec<Option<String>>) {
    let server = Server::start().await;
    let aws = aws(&config(&server.url())).await;
    let client = aws.kinesis(&FlowAwsConfig::default()).await.expect("a region");
    let ask = async {
        let mut lists = Vec::new();
        for _ in 0..count {
            let list = list_shards(&client, "s").await;
            let numbers = |map: ShardMap| map.ranges().iter().map(|range| range.number.0).collect();
            lists.push(match list {
                Ok(map) => Ok(map.map(numbers)),
                Err(error) => Err(error.code().to_owned()),
            });
        }
        lists
    };
    let lists = tokio::select! {
        lists = ask => lists,
        () = server.serve(replies) => unreachable!("it serves indefinitely"),
    };
    let token = |body: &[u8]| {
        let body: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        // A token is sent without other parameters.
        assert_eq!(body.get("NextToken").is_some(), body.get("StreamName").is_none());
        body.get("NextToken").and_then(|token| token.as_str()).map(str::to_owned)
    };
    let requests = server.requests.into_inner().expect("no panic");
    (lists, requests.iter().map(|request| token(&request.body)).collect())
}

const END: &str = "340282366920938463463374607431768211455";

#[tokio::test]
async fn a_list_in_pages_is_one_map_and_an_expired_token_begins_it_again() {
    let first = || page(&[(1, "0", "9", false), (0, "0", "99", true)], Some("more"));
    let expired = br#"{"__type":"ExpiredNextTokenException","message":"too old"}"#.to_vec();
    let expired = Reply::PutResponse { status: 400, headers: "", body: expired };
    let last = page(&[(2, "10", END, false)], None);
    let (lists, tokens) = lists(2, vec![first(), expired, first(), last]).await;
    let expected = [Err("ExpiredNextTokenException".to_owned()), Ok(Some(vec![1, 2]))];
    assert_eq!(lists, expected);
    let more = || Some("more".to_owned());
    assert_eq!(tokens, [None, more(), None, more()]);
}

#[tokio::test]
async fn a_list_that_is_no_map_or_has_no_end_is_none() {
    for (what, reply) in [
        ("a gap", page(&[(1, "0", "8", false), (2, "10", END, false)], None)),
        ("an overlap", page(&[(1, "0", "10", false), (2, "10", END, false)], None)),
        ("nothing", page(&[], None)),
        ("numbers that are none", page(&[(1, "0", "x", false)], None)),
    ] {
        let (lists, _) = lists(1, vec![reply]).await;
        assert_eq!(lists, [Ok(None)], "{what}");
    }
    let endless = vec![page(&[(1, "0", END, false)], Some("more")); PAGES_MAX + 1];
    let (lists, tokens) = lists(1, endless).await;
    assert_eq!((lists, tokens.len()), (vec![Ok(None)], PAGES_MAX));
}

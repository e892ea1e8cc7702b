//! Every fault, through the SDK: what the client sees and what is stored.

use aws_sdk_firehose::types::Record;

use super::*;

async fn with_fault(fault: Fault) -> World {
    let world = World::new().await;
    world.handle.script(Scope::AnyPut, fault).unwrap();
    world
}

fn denied() -> ErrorResponse {
    ErrorResponse::new(400, "AccessDeniedException", "no")
}

/// The places of the records that failed, each with its code.
fn failures(output: &PutRecordsOutput) -> Vec<(usize, &str)> {
    let entries = output.records().iter().enumerate();
    entries.filter_map(|(at, entry)| entry.error_code().map(|code| (at, code))).collect()
}

#[tokio::test]
async fn exactly_the_scripted_records_fail() {
    let world = with_fault(Fault::ThrottleRecords(vec![0, 2])).await;
    world.handle.script(Scope::AnyPut, Fault::FailRecords(vec![1])).unwrap();
    world.handle.script(Scope::AnyPut, Fault::ThrottleAllBut(vec![2])).unwrap();
    let custom = vec![(0, "KMSDisabledException".to_owned(), "off".to_owned())];
    world.handle.script(Scope::AnyPut, Fault::RecordErrors(custom)).unwrap();
    assert_eq!(world.handle.scripted_faults_waiting(), 4);
    let slow = "ProvisionedThroughputExceededException";

    let output = world.put(&[b"a", b"b", b"c"]).await.unwrap();
    assert_eq!(failures(&output), [(0, slow), (2, slow)]);
    assert_eq!(output.failed_record_count(), Some(2));
    let output = world.put(&[b"d", b"e", b"f"]).await.unwrap();
    assert_eq!(failures(&output), [(1, "InternalFailure")]);
    assert_eq!(output.records()[1].error_message(), Some("Internal Service Failure"));
    let output = world.put(&[b"g", b"h", b"i"]).await.unwrap();
    assert_eq!(failures(&output), [(0, slow), (1, slow)]);
    let output = world.put(&[b"j", b"k"]).await.unwrap();
    assert_eq!(failures(&output), [(0, "KMSDisabledException")]);

    assert_eq!(world.stored().concat(), b"bdfik");
    let stats = world.stats();
    assert_eq!((stats.throttled_records, stats.failed_records), (4, 2));
}

#[tokio::test]
async fn firehose_records_are_told_to_slow_down() {
    let world = with_fault(Fault::ThrottleRecords(vec![1])).await;
    let record = |data: &str| Record::builder().data(Blob::new(data)).build().unwrap();
    let put = world.firehose.put_record_batch().delivery_stream_name("d");
    let output = put.records(record("a")).records(record("b")).send().await.unwrap();
    assert_eq!(output.failed_put_count(), 1);
    let refused = &output.request_responses()[1];
    assert_eq!(refused.error_code(), Some("ServiceUnavailableException"));
    assert_eq!(refused.error_message(), Some("Slow down."));
}

#[tokio::test]
async fn whole_requests_are_refused_with_any_error() {
    let world = with_fault(Fault::Respond(denied())).await;
    assert_eq!(world.put(&[b"x"]).await.unwrap_err(), "AccessDeniedException");
    assert_eq!(world.stored().len(), 0);
    assert_eq!(world.stats().failed_requests, 1);
    assert!(world.put(&[b"x"]).await.is_ok());
}

#[tokio::test]
async fn a_connection_may_close_before_anything_is_stored() {
    for fault in [Fault::DropBeforeRead, Fault::DropBeforeAnswer] {
        let world = with_fault(fault).await;
        let error = world.put(&[b"x"]).await.unwrap_err();
        assert!(error.contains("DispatchFailure"), "{error}");
        assert_eq!(world.stored().len(), 0);
        assert!(world.put(&[b"x"]).await.is_ok());
    }
}

#[tokio::test]
async fn what_is_stored_may_never_be_acknowledged() {
    let cases = [
        (Fault::CommitThenDrop, "DispatchFailure"),
        (Fault::CommitThenRespond(ErrorResponse::internal_failure()), "InternalFailure"),
        (Fault::GarbageAnswer(b"<html>".to_vec()), "ResponseError"),
        (Fault::GarbageAnswer(b"{\"Records\":[".to_vec()), "ResponseError"),
        (Fault::TruncateAnswer, "ResponseError"),
    ];
    for (fault, expected) in cases {
        let world = with_fault(fault.clone()).await;
        let error = world.put(&[b"x"]).await.unwrap_err();
        assert!(error.contains(expected), "{fault:?}: {error}");
        assert_eq!(world.stored().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_may_never_come() {
    for (fault, stored) in [(Fault::Hang, 0), (Fault::CommitThenHang, 1)] {
        let world = with_fault(fault).await;
        let handle = world.handle.clone();
        let unanswered = |stats: &Stats| stats.total().unanswered_requests == 1;
        tokio::select! {
            answer = world.put(&[b"x"]) => panic!("answered: {answer:?}"),
            waited = handle.wait_until(unanswered, PATIENCE) => {
                waited.unwrap();
            }
        }
        assert_eq!(world.stored().len(), stored);
    }
}

#[tokio::test]
async fn something_in_between_may_answer_instead() {
    let body = b"<html>Service Unavailable</html>".to_vec();
    let content_type = "text/html".to_owned();
    let world = with_fault(Fault::RawAnswer { status: 503, content_type, body }).await;
    let put = world.kinesis.put_records().stream_name("s").records(entry(b"x", "k"));
    let error = put.send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 503);
    assert_eq!(world.stored().len(), 0);
}

#[tokio::test]
async fn an_answer_may_lie_about_its_counts() {
    let world = with_fault(Fault::LyingFailedCount(7)).await;
    world.handle.script(Scope::AnyPut, Fault::WrongEntryCount(3)).unwrap();
    world.handle.script(Scope::AnyPut, Fault::WrongEntryCount(0)).unwrap();
    world.handle.script(Scope::AnyPut, Fault::ExplicitNulls).unwrap();
    let output = world.put(&[b"x"]).await.unwrap();
    assert_eq!((output.failed_record_count(), output.records().len()), (Some(7), 1));
    assert_eq!(world.put(&[b"x"]).await.unwrap().records().len(), 3);
    assert_eq!(world.put(&[b"x"]).await.unwrap().records().len(), 0);
    assert!(failures(&world.put(&[b"x"]).await.unwrap()).is_empty());
    assert_eq!(world.stored().len(), 4);
}

#[tokio::test]
async fn plans_can_change_at_run_time_for_one_stream_or_all() {
    let world = World::new().await;
    let broken =
        FaultPlan { error_request_ratio: 1.0, error_request: denied(), ..FaultPlan::default() };
    world.handle.set_stream_faults(stream(), broken).unwrap();
    assert_eq!(world.put(&[b"x"]).await.unwrap_err(), "AccessDeniedException");
    world.handle.set_stream_faults(stream(), FaultPlan::default()).unwrap();
    let throttled = FaultPlan { throttle_record_ratio: 1.0, ..FaultPlan::default() };
    world.handle.set_faults(throttled).unwrap();
    assert_eq!(world.put(&[b"x"]).await.unwrap().failed_record_count(), Some(0));

    let record = Record::builder().data(Blob::new("x")).build().unwrap();
    let put = world.firehose.put_record_batch().delivery_stream_name("d").records(record);
    assert_eq!(put.send().await.unwrap().failed_put_count(), 1);
}

#[tokio::test]
async fn plans_reach_every_outcome() {
    let world = World::new().await;
    let none = FaultPlan::default;
    let cases = [
        (FaultPlan { whole_request_throttle_ratio: 1.0, ..none() }, "ProvisionedThroughput", 0),
        (FaultPlan { error_request_ratio: 1.0, ..none() }, "InternalFailure", 0),
        (FaultPlan { drop_connection_before_answer_ratio: 1.0, ..none() }, "DispatchFailure", 0),
        (FaultPlan { commit_then_drop_ratio: 1.0, ..none() }, "DispatchFailure", 1),
        (FaultPlan { commit_then_500_ratio: 1.0, ..none() }, "InternalFailure", 1),
        (FaultPlan { malformed_answer_ratio: 1.0, ..none() }, "ResponseError", 1),
    ];
    for (plan, expected, stored) in cases {
        let before = world.stored().len();
        world.handle.set_faults(plan).unwrap();
        let error = world.put(&[b"x"]).await.unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
        assert_eq!(world.stored().len() - before, stored, "{expected}");
    }
}

#[tokio::test]
async fn other_operations_fail_when_the_script_says_so() {
    let world = World::new().await;
    for operation in [Operation::DescribeStreamSummary, Operation::PutMetricData] {
        world.handle.script(Scope::Operation(operation), Fault::Respond(denied())).unwrap();
    }
    assert!(world.put(&[b"x"]).await.is_ok());
    let summary = world.kinesis.describe_stream_summary().stream_name("s").send().await;
    assert_eq!(code(&summary.unwrap_err()), "AccessDeniedException");
    let put = world.cloudwatch.put_metric_data().namespace("n").send().await;
    assert_eq!(code(&put.unwrap_err()), "AccessDeniedException");
}

#[tokio::test]
async fn latency_delays_every_answer() {
    let world = World::new().await;
    let plan = FaultPlan { latency_millis: 50, ..FaultPlan::default() };
    world.handle.set_faults(plan).unwrap();
    let before = std::time::Instant::now();
    world.put(&[b"x"]).await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(50));
}

//! What `sandbox` prints and refuses.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    args: SandboxArgs,
}

fn parse(args: &[&str]) -> Result<SandboxArgs, clap::Error> {
    let all = std::iter::once("sandbox").chain(args.iter().copied());
    Program::try_parse_from(all).map(|program| program.args)
}

#[test]
fn defaults_serve_one_shard_into_a_directory_and_nothing_goes_wrong() {
    let options = parse(&[]).unwrap().options();
    assert_eq!(options.listen, "127.0.0.1:4567".parse().unwrap());
    assert_eq!(options.store, Store::Ndjson("./sandbox".into()));
    assert_eq!((options.shards, options.faults), (1, FaultPlan::default()));
    assert!(options.verify.is_none() && options.request_log.is_none());
}

#[test]
fn arguments_become_options() {
    let args = parse(&[
        "--null",
        "--shards=4",
        "--throttle=0.2",
        "--fail-requests=0.05",
        "--drop-responses=0.1",
        "--latency-millis=7",
        "--seed=9",
        "--verify-signatures",
        "--simulate-shard-limits",
    ]);
    let options = args.unwrap().options();
    assert_eq!((options.store, options.shards, options.seed), (Store::Null, 4, 9));
    let expected = FaultPlan {
        throttle_record_ratio: 0.2,
        error_request_ratio: 0.05,
        commit_then_drop_ratio: 0.1,
        latency_millis: 7,
        ..FaultPlan::default()
    };
    assert_eq!(options.faults, expected);
    assert!(options.simulate_shard_limits && options.verify.is_some());
}

#[test]
fn ratios_and_counts_outside_their_range_are_refused() {
    for arg in ["--throttle=1.5", "--throttle=-1", "--fail-requests=x", "--drop-responses=NaN"] {
        assert!(parse(&[arg]).is_err(), "{arg}");
    }
    assert!(parse(&["--shards=0"]).is_err());
}

#[test]
fn progress_gives_rates_and_totals() {
    let before = StreamStats { records: 1_000, bytes: 1_000_000, ..StreamStats::default() };
    let now = StreamStats {
        records: 6_000,
        bytes: 13_500_000,
        requests: 12,
        throttled_records: 3,
        failed_records: 1,
        failed_requests: 2,
        unanswered_requests: 1,
    };
    assert_eq!(
        progress_text(&before, &now, Duration::from_secs(5)),
        "1000 records/s, 2.5 MB/s | 6000 records, 13.5 MB in 12 requests; 4 records and 2 requests \
         rejected, 1 without response"
    );
}

#[tokio::test]
async fn a_run_says_where_it_listens_and_sums_up() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("out");
    let mut args = parse(&["--listen=127.0.0.1:0", "--progress=plain"]).unwrap();
    args.output.clone_from(&output);
    let mut out = Vec::new();
    run(args, std::future::ready(()), &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    let port = text.strip_prefix("sandbox listening on http://127.0.0.1:").unwrap();
    assert!(port.lines().next().unwrap().parse::<u16>().is_ok_and(|port| port > 0));
    assert!(text.contains("AWS_SECRET_ACCESS_KEY=sandbox"));
    assert!(text.contains("sandbox stopped: 0 records"), "{text}");
    assert!(output.is_dir());
}

#[tokio::test]
async fn a_closed_output_ends_the_run() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let args = parse(&["--listen=127.0.0.1:0", "--null"]).unwrap();
    let ended = run(args, std::future::pending(), &mut Closed).await;
    assert!(matches!(ended, Err(SandboxError::Print(_))), "{ended:?}");
}

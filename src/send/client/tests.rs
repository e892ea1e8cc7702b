//! Tests of `client`.

use super::*;
use crate::config::StaticKeys;
use aws_config::retry::RetryConfig;

/// What is loaded on a machine that says nothing about its region.
async fn without_region(config: AwsConfig) -> Aws {
    let shared = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("nowhere-1"))
        .load()
        .await;
    Aws {
        config,
        shared,
        http: Http::of(&AwsConfig::default()).expect("no certificates are asked for"),
        machine_region: OnceCell::new_with(Some(None)),
        roles: Mutex::default(),
        keepers: Keepers::start(CREDENTIALS_TIME_MAX).expect("a thread"),
    }
}

async fn loaded(config: &AwsConfig) -> Aws {
    Aws::load(config).await.expect("no certificates are asked for")
}

fn region_of(config: &aws_sdk_kinesis::Config) -> Option<&str> {
    config.region().map(AsRef::as_ref)
}

#[tokio::test]
async fn kinesis_without_a_region_is_an_error_at_aws_only() {
    let config = AwsConfig::default();
    let defaults = FlowAwsConfig::default();
    let error = without_region(config).await.kinesis(&defaults).await.expect_err("no region");
    assert!(error.to_string().contains("set `region` or `kinesis.region`"));

    let kinesis_endpoint = Some("http://127.0.0.1:4566".to_owned());
    let config = AwsConfig { kinesis_endpoint, ..AwsConfig::default() };
    let client = without_region(config).await.kinesis(&defaults).await.expect("an emulator");
    assert_eq!(region_of(client.config()), Some(REGION_DEFAULT));
}

#[tokio::test]
async fn wire_without_a_source_of_credentials_is_an_error() {
    let kinesis_endpoint = Some("http://127.0.0.1:4566".to_owned());
    let config = AwsConfig { kinesis_endpoint, ..AwsConfig::default() };
    let mut aws = without_region(config).await;
    aws.shared = SdkConfig::builder().build();
    let defaults = FlowAwsConfig::default();
    let wire = aws.wire(Operation::PutRecords, &defaults, Speak::Json).await;
    assert!(matches!(wire, Err(ClientError::NoCredentials)));
}

#[tokio::test]
async fn firehose_and_cloudwatch_fall_back_to_one_region() {
    let aws = without_region(AwsConfig::default()).await;
    let (firehose, cloudwatch) =
        (aws.firehose(&FlowAwsConfig::default()).await, aws.cloudwatch().await);
    assert_eq!(firehose.config().region().map(AsRef::as_ref), Some(REGION_DEFAULT));
    assert_eq!(cloudwatch.config().region().map(AsRef::as_ref), Some(REGION_DEFAULT));
}

#[tokio::test]
async fn firehose_is_not_moved_by_the_region_of_the_machine() {
    let mut aws = without_region(AwsConfig::default()).await;
    aws.machine_region = OnceCell::new_with(Some(Some(Region::from_static("eu-west-1"))));
    let defaults = FlowAwsConfig::default();
    let firehose = aws.firehose(&defaults).await;
    assert_eq!(firehose.config().region().map(AsRef::as_ref), Some(REGION_DEFAULT));
    let kinesis = aws.kinesis(&defaults).await.expect("the machine names one");
    assert_eq!(region_of(kinesis.config()), Some("eu-west-1"));
    let cloudwatch = aws.cloudwatch().await;
    assert_eq!(cloudwatch.config().region().map(AsRef::as_ref), Some("eu-west-1"));

    aws.config.region = Some("eu-west-2".to_owned());
    let firehose = aws.firehose(&defaults).await;
    assert_eq!(firehose.config().region().map(AsRef::as_ref), Some("eu-west-2"));
}

#[tokio::test]
async fn regions_come_from_the_nearest_place() {
    let at = |kinesis: Option<&str>, general: Option<&str>, endpoint: Option<&str>| AwsConfig {
        kinesis_region: kinesis.map(str::to_owned),
        region: general.map(str::to_owned),
        kinesis_endpoint: endpoint.map(str::to_owned),
        ..AwsConfig::default()
    };
    let aws = Some("https://kinesis.ap-south-1.amazonaws.com");
    let cases = [
        (at(Some("eu-west-1"), Some("eu-west-2"), aws), "eu-west-1"),
        (at(None, Some("eu-west-2"), aws), "ap-south-1"),
        (at(None, Some("eu-west-2"), None), "eu-west-2"),
    ];
    for (config, expected) in cases {
        let client =
            loaded(&config).await.kinesis(&FlowAwsConfig::default()).await.expect("a region");
        assert_eq!(region_of(client.config()), Some(expected));
    }
}

#[tokio::test]
async fn the_sdk_never_retries_a_put_and_always_has_deadlines() {
    let config = AwsConfig {
        region: Some("eu-west-1".to_owned()),
        static_keys: Some(StaticKeys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "hidden-from-debug".to_owned(),
        }),
        ..AwsConfig::default()
    };
    let aws = loaded(&config).await;
    assert!(!format!("{aws:?}").contains("hidden-from-debug"));
    let client = aws.kinesis(&FlowAwsConfig::default()).await.expect("a region");
    let config = client.config();
    assert_eq!(config.retry_config().map(RetryConfig::max_attempts), Some(1));
    let timeouts = config.timeout_config().expect("timeouts");
    assert_eq!(timeouts.connect_timeout(), Some(CONNECT_TIMEOUT));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(ATTEMPT_TIMEOUT));
    let cloudwatch = aws.cloudwatch().await;
    let retries = cloudwatch.config().retry_config().map(RetryConfig::max_attempts);
    assert_eq!(retries, Some(3));
}

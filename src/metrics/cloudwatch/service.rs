//! The call to CloudWatch over the AWS SDK.

use std::sync::Arc;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StatisticSet};

use kinetail_base::shown::with_causes;

use super::PublisherOptions;
use super::aggregate::Datum;
use super::publisher::Sink;

/// The real thing.
#[derive(Debug, Clone)]
pub(super) struct CloudWatch {
    client: Client,
    options: Arc<PublisherOptions>,
}

impl Sink for CloudWatch {
    async fn put(&self, datums: &[Datum]) -> Result<(), String> {
        let datums = datums.iter().map(|datum| self.metric_datum(datum)).collect();
        let call = self
            .client
            .put_metric_data()
            .namespace(&self.options.namespace)
            .set_metric_data(Some(datums))
            .send();
        // The SDK's future is large; it lives on the heap and not in ours.
        Box::pin(call).await.map(drop).map_err(|error| with_causes(&error))
    }
}

impl CloudWatch {
    pub(super) fn new(client: Client, options: PublisherOptions) -> Self {
        Self { client, options: Arc::new(options) }
    }

    /// Without a timestamp, as the Java agent sent it: CloudWatch takes the time of arrival.
    fn metric_datum(&self, datum: &Datum) -> MetricDatum {
        let statistics = StatisticSet::builder()
            .sample_count(datum.statistics.count)
            .sum(datum.statistics.sum)
            .minimum(datum.statistics.minimum)
            .maximum(datum.statistics.maximum)
            .build();
        let instance = self.options.instance.borrow();
        let instance = instance.as_ref().map(|id| dimension("Instance", id));
        let mut dimensions = vec![dimension("Destination", datum.destination())];
        dimensions.extend(instance);
        MetricDatum::builder()
            .metric_name(datum.metric.label())
            .set_dimensions(Some(dimensions))
            .unit(datum.metric.unit())
            .statistic_values(statistics)
            .build()
    }
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Credentials, Region};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::watch;
    use tokio::time::timeout;

    use super::super::aggregate::Aggregator;
    use super::super::{FlowReport, RequestReport};
    use super::*;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Reads one HTTP request and gives this answer; returns the request.
    async fn serve_once(listener: TcpListener, status: &str) -> Vec<u8> {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        loop {
            stream.read_buf(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request).to_lowercase();
            let Some(head_end) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let length: usize = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap();
            if request.len() >= head_end + 4 + length {
                break;
            }
        }
        let answer = format!(
            "HTTP/1.1 {status}\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-type: \
             application/cbor\r\ncontent-length: 1\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.write_all(b"\xa0").await.unwrap();
        request
    }

    async fn put_over_http(status: &str) -> (Result<(), String>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKID", "SECRET", None, None, "test"))
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .endpoint_url(endpoint)
            .build();
        let options = PublisherOptions {
            namespace: "AWSKinesisAgent".to_owned(),
            flush_interval: PATIENCE,
            instance: watch::channel(Some("i-0123".to_owned())).1,
        };
        let sink = CloudWatch::new(Client::from_conf(config), options);
        let mut sums = Aggregator::default();
        sums.add(&"KinesisStream:orders".into(), &RequestReport::default()).unwrap();
        sums.add_flow(&"KinesisStream:orders".into(), &FlowReport::default()).unwrap();
        let datums = sums.drain();
        let both = async { tokio::join!(sink.put(&datums), serve_once(listener, status)) };
        timeout(PATIENCE, both).await.unwrap()
    }

    #[tokio::test]
    async fn the_service_gets_the_java_agents_names_and_dimensions() {
        let (result, request) = put_over_http("200 OK").await;
        result.unwrap();
        let text = String::from_utf8_lossy(&request);
        for word in [
            "PutMetricData",
            "AWSKinesisAgent",
            "RecordSendAttempts",
            "ServiceErrors",
            "RecordsSent",
            "RecordSendErrors",
            "BytesSent",
            "ConsecutiveProcessingErrors",
            "Destination",
            "KinesisStream:orders",
            "Instance",
            "i-0123",
            "SampleCount",
            "Bytes",
            "Count",
        ] {
            assert!(text.contains(word), "{word} is not in the request: {text}");
        }
        assert!(!text.contains("Timestamp"), "CloudWatch takes the time of arrival");
    }

    #[tokio::test]
    async fn an_error_says_what_happened_and_no_secret() {
        let (result, _) = put_over_http("500 Internal Server Error").await;
        let error = result.unwrap_err();
        assert!(error.contains("service error"), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}

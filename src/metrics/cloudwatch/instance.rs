//! What the dimension `Instance` says: the EC2 instance's id, and elsewhere the host's name, as the
//! Java agent has it.

use std::time::Duration;

use aws_config::imds::Client;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Between the first two questions; each further pause is twice as long.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// The longest pause. Outside of EC2 there is never a response.
const RETRY_MAX: Duration = Duration::from_mins(10);

/// The instance metadata service is on the same host, or it is not there.
const CALL_TIME_MAX: Duration = Duration::from_secs(1);

/// Asking, with the token that has to be asked for first.
const TIME_MAX: Duration = Duration::from_secs(3);

const PATH: &str = "/latest/meta-data/instance-id";

/// CloudWatch takes so many characters as the value of a dimension (`PutMetricData` in the API
/// reference).
const CHARS_MAX: usize = 1_024;

/// The SDK's switch against asking the metadata service.
const DISABLED_VARIABLE: &str = "AWS_EC2_METADATA_DISABLED";

/// Says who this is: the instance if the metadata service answers, else the host, which is asked
/// about again, less and less often, until the service answers. Ends when there is nothing more to
/// find out.
pub(crate) async fn find_out(names: watch::Sender<Option<String>>) {
    let disabled =
        std::env::var(DISABLED_VARIABLE).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    let client = if disabled { None } else { client(None) };
    ask_until_known(client, names, RETRY_FIRST).await;
}

async fn ask_until_known(
    client: Option<Client>,
    names: watch::Sender<Option<String>>,
    mut pause: Duration,
) {
    let mut id = match &client {
        Some(client) => instance_id(client).await,
        None => None,
    };
    if id.is_none() {
        names.send_replace(host_name());
    }
    while let (None, Some(client)) = (&id, &client) {
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
        id = instance_id(client).await;
    }
    if let Some(id) = id {
        tracing::debug!(instance = %id, "metrics carry the instance id");
        names.send_replace(Some(id));
    }
}

/// What the kernel calls this host.
fn host_name() -> Option<String> {
    legal(&std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?)
}

/// A client for the metadata service, or for an endpoint of a test's. `None` if that is no URL.
fn client(endpoint: Option<&str>) -> Option<Client> {
    let mut builder = Client::builder()
        .connect_timeout(CALL_TIME_MAX)
        .read_timeout(CALL_TIME_MAX)
        .max_attempts(1);
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint(endpoint).ok()?;
    }
    Some(builder.build())
}

async fn instance_id(client: &Client) -> Option<String> {
    match timeout(TIME_MAX, client.get(PATH)).await {
        Ok(Ok(id)) => legal(id.as_ref()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no instance ID; metrics use the host name");
            None
        }
        Err(_) => {
            tracing::debug!("no response from the metadata service; metrics use the host name");
            None
        }
    }
}

/// What CloudWatch takes: something, in one line of ASCII.
fn legal(text: &str) -> Option<String> {
    let text = text.trim();
    let good = (1..=CHARS_MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves a token and then this answer, as the metadata service does.
    async fn metadata(listener: TcpListener, answer: &str) {
        for body in ["token", answer] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut head).await.unwrap();
            }
            let text = format!(
                "HTTP/1.1 200 OK\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    }

    async fn asked(answer: &str) -> Option<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let client = client(Some(&endpoint)).unwrap();
        tokio::join!(instance_id(&client), metadata(listener, answer)).0
    }

    #[tokio::test]
    async fn an_instance_says_who_it_is() {
        assert_eq!(asked("i-0123456789abcdef0").await.as_deref(), Some("i-0123456789abcdef0"));
        assert_eq!(asked("<html>\nno").await, None, "a captive portal is no instance");
    }

    #[tokio::test]
    async fn without_metadata_service_there_is_no_instance() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(instance_id(&client(Some(&endpoint)).unwrap()).await, None);
    }

    #[tokio::test]
    async fn a_metadata_service_that_comes_up_late_is_asked_until_it_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (names, mut known) = watch::channel(None);
        let client = client(Some(&endpoint));
        let service = async {
            // It hangs up on the first questions: the name of the host has to do.
            for _ in 0..3 {
                drop(listener.accept().await.unwrap());
            }
            metadata(listener, "i-0123456789abcdef0").await;
        };
        let seen = async {
            let host = known.wait_for(Option::is_some).await.unwrap().clone();
            let is_instance =
                |name: &Option<String>| name.as_deref() == Some("i-0123456789abcdef0");
            known.wait_for(is_instance).await.unwrap();
            host
        };
        let asking = ask_until_known(client, names, Duration::from_millis(1));
        let all = async { tokio::join!(asking, service, seen).2 };
        let host = timeout(Duration::from_secs(30), all).await.unwrap();
        assert_eq!(host, host_name());
    }

    #[tokio::test]
    async fn where_the_metadata_service_is_disabled_the_host_name_is_the_last_word() {
        let (names, known) = watch::channel(None);
        ask_until_known(None, names, Duration::from_hours(1)).await;
        assert_eq!(*known.borrow(), host_name());
    }

    #[test]
    fn only_what_cloudwatch_takes_is_a_name() {
        assert_eq!(legal("web-1.example\n").as_deref(), Some("web-1.example"));
        for bad in ["", " \n", "a b", "wéb", &"x".repeat(1_025)] {
            assert_eq!(legal(bad), None, "{bad}");
        }
    }
}

//! How the requests of a flow travel: over its own connections, or through a proxy by the SDK's
//! connector.

use std::error::Error;

use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::Body;
use hyper::http::{HeaderMap, Request, Response, StatusCode};
use parking_lot::Mutex;

use super::direct::{Direct, Poison};
use crate::send::not_sent::NotSent;

type BoxError = Box<dyn Error + Send + Sync>;

/// How requests travel.
#[derive(Debug)]
pub(in crate::send) enum Way {
    Direct(Direct),
    Sdk(SharedHttpConnector),
}

/// A response.
#[derive(Debug)]
pub(in crate::send) struct Answer {
    pub(in crate::send) status: StatusCode,
    pub(in crate::send) headers: HeaderMap,
    /// An error if it broke off, or was longer than it may be.
    pub(in crate::send) body: Result<Bytes, BoxError>,
}

impl Way {
    /// Makes one request, whose response has a body of at most so many bytes.
    ///
    /// # Errors
    /// There is no response; with [`NotSent`] in the chain, if nothing was written.
    pub(in crate::send) async fn exchange(
        &self,
        request: Request<Bytes>,
        (carrier, bytes_max): (&Carrier, usize),
    ) -> Result<Answer, ConnectorError> {
        match self {
            Self::Direct(direct) => {
                Ok(Answer::read(direct.call(request, carrier).await?, bytes_max).await)
            }
            Self::Sdk(connector) => {
                let unsent = |error| ConnectorError::user(NotSent::new(error).into());
                let request = request.map(SdkBody::from);
                let mut request = HttpRequest::try_from(request).map_err(unsent)?;
                request.add_extension(carrier.set_sdk());
                let response = connector.call(request).await?.try_into_http1x();
                let response = response.map_err(|e| ConnectorError::other(e.into(), None))?;
                Ok(Answer::read(response, bytes_max).await)
            }
        }
    }
}

impl Answer {
    async fn read<B>(response: Response<B>, bytes_max: usize) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, bytes_max).collect().await.map(Collected::to_bytes);
        Self { status: head.status, headers: head.headers, body }
    }

    /// The value of a header, if it is text.
    pub(in crate::send) fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }
}

/// What a request goes over, as soon as that is known.
#[derive(Debug, Default)]
pub(in crate::send) struct Carrier(Mutex<Option<Connection>>);

#[derive(Debug)]
enum Connection {
    Own(Poison),
    Sdk(CaptureSmithyConnection),
}

impl Carrier {
    pub(super) fn set_own(&self, poison: Poison) {
        *self.0.lock() = Some(Connection::Own(poison));
    }

    pub(super) fn clear(&self) {
        *self.0.lock() = None;
    }

    fn set_sdk(&self) -> CaptureSmithyConnection {
        let capture = CaptureSmithyConnection::new();
        *self.0.lock() = Some(Connection::Sdk(capture.clone()));
        capture
    }

    /// Whether there is a connection, over which something may have been sent.
    pub(in crate::send) fn is_there(&self) -> bool {
        match &*self.0.lock() {
            Some(Connection::Own(_)) => true,
            Some(Connection::Sdk(capture)) => capture.get().is_some(),
            None => false,
        }
    }

    /// The connection is not used again.
    pub(in crate::send) fn poison(&self) {
        match &*self.0.lock() {
            Some(Connection::Own(poison)) => poison.set(),
            Some(Connection::Sdk(capture)) => {
                if let Some(connection) = capture.get() {
                    connection.poison();
                }
            }
            None => {}
        }
    }
}

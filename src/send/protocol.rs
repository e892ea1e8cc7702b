//! Puts a finished body on the wire through the AWS SDK, and takes the answer out unparsed.
//!
//! The SDK still does endpoints, credentials, signing, timeouts and transport, and its stock JSON
//! protocol still reads errors; what is replaced is the typed input and output, which cost
//! allocations for every record. A per-call interceptor carries the body in and the answer out,
//! and [`PreEncodedProtocol`] uses it where the stock protocol would serialize. Nothing here
//! knows what the bytes mean.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_json::protocol::aws_json_rpc::AwsJsonRpcProtocol;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{Request, Response};
use aws_smithy_schema::protocol::{ClientProtocolInner, ServiceShapeName, apply_http_endpoint};
use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeDeserializer};
use aws_smithy_schema::{Schema, ShapeId};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::endpoint::Endpoint;
use aws_smithy_types::error::metadata::{Builder as ErrorMetadataBuilder, ErrorMetadata};
use bytes::Bytes;
use http_body_util::Limited;

use super::express::Lane;

/// An answer may be this long. One to 500 records is a tenth of it.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The media type of awsJson1.1.
const CONTENT_TYPE_JSON: &str = "application/x-amz-json-1.1";

/// A finished body on its way through the SDK.
struct WireBody(Bytes);

impl std::fmt::Debug for WireBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WireBody({} bytes)", self.0.len())
    }
}

impl Storable for WireBody {
    type Storer = StoreReplace<Self>;
}

/// One call's body and, afterwards, its answer. Hand a clone of it to the call as interceptor.
#[derive(Clone)]
pub struct Exchange {
    body: Bytes,
    seen: Arc<Mutex<Seen>>,
}

/// What an exchange saw of its call.
#[derive(Default)]
struct Seen {
    answer: Bytes,
    signed: bool,
    lane: Option<Lane>,
}

impl Exchange {
    /// An exchange that will send this body.
    #[must_use]
    pub fn new(body: Bytes) -> Self {
        Self { body, seen: Arc::default() }
    }

    /// The body of the answer, empty before there is one.
    #[must_use]
    pub fn into_answer(self) -> Bytes {
        std::mem::take(&mut self.seen().answer)
    }

    /// Whether the call got as far as a signature, and so may have been sent.
    pub(super) fn is_signed(&self) -> bool {
        self.seen().signed
    }

    /// What later calls need to go the short way.
    pub(super) fn take_lane(&self) -> Option<Lane> {
        self.seen().lane.take()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "Exchange"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(WireBody(self.body.clone()));
        Ok(())
    }

    fn read_after_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let lane = Lane::of(context.request(), components, cfg);
        let mut seen = self.seen();
        (seen.signed, seen.lane) = (true, lane);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let unlimited = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(unlimited, ANSWER_BYTES_MAX));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        self.seen().answer = Bytes::copy_from_slice(bytes);
        Ok(())
    }
}

/// The awsJson1.1 protocol, except that a call with an [`Exchange`] sends that body as it is and
/// leaves the answer to the caller.
#[derive(Debug)]
pub struct PreEncodedProtocol {
    stock: AwsJsonRpcProtocol,
}

impl PreEncodedProtocol {
    /// The protocol for JSON bodies.
    #[must_use]
    pub fn json() -> Self {
        Self { stock: AwsJsonRpcProtocol::aws_json_1_1() }
    }
}

impl ClientProtocolInner for PreEncodedProtocol {
    type Request = Request;
    type Response = Response;

    fn protocol_id(&self) -> &ShapeId<'static> {
        self.stock.protocol_id()
    }

    fn serialize_request(
        &self,
        input: &dyn SerializableStruct,
        input_schema: &Schema<'_>,
        endpoint: &str,
        cfg: &ConfigBag,
    ) -> Result<Request, SerdeError> {
        match cfg.load::<WireBody>() {
            None => self.stock.serialize_request(input, input_schema, endpoint, cfg),
            Some(WireBody(body)) => request(body.clone(), cfg),
        }
    }

    fn deserialize_response<'a>(
        &self,
        response: &'a Response,
        output_schema: &Schema<'_>,
        cfg: &'a ConfigBag,
    ) -> Result<Box<dyn ShapeDeserializer + 'a>, SerdeError> {
        match self.stock.payload_codec() {
            // The typed output stays empty: the exchange has the answer.
            Some(codec) if response.status().is_success() && cfg.load::<WireBody>().is_some() => {
                Ok(codec.create_deserializer(b"{}"))
            }
            _ => self.stock.deserialize_response(response, output_schema, cfg),
        }
    }

    fn parse_error_metadata(
        &self,
        response: &Response,
        cfg: &ConfigBag,
    ) -> Result<ErrorMetadataBuilder, SerdeError> {
        self.stock.parse_error_metadata(response, cfg)
    }

    fn update_endpoint(
        &self,
        request: &mut Request,
        endpoint: &Endpoint,
        cfg: &ConfigBag,
    ) -> Result<(), SerdeError> {
        apply_http_endpoint(request, endpoint, cfg)
    }
}

/// Code and words of an error answer, as the stock protocol reads them.
pub(super) fn error_metadata(response: &Response) -> Option<ErrorMetadata> {
    let stock = AwsJsonRpcProtocol::aws_json_1_1();
    let read = stock.parse_error_metadata(response, &ConfigBag::base());
    read.map(ErrorMetadataBuilder::build).ok()
}

/// The request as awsJson1.1 wants it: a POST to `/` with the operation in a header.
fn request(body: Bytes, cfg: &ConfigBag) -> Result<Request, SerdeError> {
    let (Some(service), Some(operation)) = (cfg.load::<ServiceShapeName>(), cfg.load::<Metadata>())
    else {
        return Err(SerdeError::custom("the SDK does not name the service and operation"));
    };
    let target = format!("{}.{}", service.as_str(), operation.name());
    let content_length = body.len().to_string();
    let mut request = Request::new(SdkBody::from(body));
    let custom = |e: &dyn std::fmt::Display| SerdeError::custom(e.to_string());
    request.set_method("POST").map_err(|e| custom(&e))?;
    request.set_uri("/").map_err(|e| custom(&e))?;
    let headers = request.headers_mut();
    headers.insert("content-type", CONTENT_TYPE_JSON);
    headers.insert("content-length", content_length);
    headers.insert("x-amz-target", target);
    Ok(request)
}

//! Where in a trace something belongs, written into what leaves this instance and read from what
//! comes of another one: `traceparent` in `_meta` for clients (SEP-414), with their own baggage, and
//! beside the message on the bus.

use bytes::Bytes;
use chassis::telemetry::{baggage, context};
use serde_json::{Map, Value};
use shared::mcp::ServerNotification;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::http::note_message;

/// Tells a client where in a trace a question belongs, if it is traced.
pub(crate) fn write_place(params: &mut Value) {
    if let Some(parent) = context::traceparent()
        && let Value::Object(params) = params
    {
        let meta = params.entry("_meta").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(meta) = meta {
            meta.insert("traceparent".to_owned(), Value::String(parent));
            if let Some(carried) = baggage::current() {
                meta.insert(baggage::NAME.to_owned(), Value::from(&*carried));
            }
        }
    }
}

/// A notification of a call as it goes over the wire, with the place of the call, if it is traced.
pub(crate) fn note_in_place(note: &ServerNotification) -> Bytes {
    if !context::current_span().is_valid() {
        return note_message(note);
    }
    let Ok(mut message) = serde_json::to_value(note) else { return note_message(note) };
    let Value::Object(members) = &mut message else { return note_message(note) };
    members.insert("jsonrpc".to_owned(), Value::from("2.0"));
    write_place(members.entry("params").or_insert_with(|| Value::Object(Map::new())));
    message.to_string().into()
}

/// The span of work that goes on after its request was answered, in the trace of the request: a child
/// that does not keep the request's own span open. No span, if the request has none.
pub(crate) fn detached(name: &'static str) -> Span {
    if !context::current_span().is_valid() {
        return Span::none();
    }
    let span = tracing::trace_span!(
        target: "otel::span",
        parent: None,
        "detached",
        otel.name = name,
        otel.kind = "internal",
    );
    // Fails only where no spans are recorded.
    let _ = span.set_parent(opentelemetry::Context::current());
    span
}

/// The span of a message that another instance has sent from `place`, over `channel`. It belongs to
/// the trace of its sender, and is linked to the call that it is for, if that is being recorded.
pub(crate) fn received(channel: &'static str, place: Option<&str>) -> Span {
    let Some(sender) = place.and_then(|place| context::remote(place, None)) else {
        return Span::none();
    };
    let span = tracing::trace_span!(
        target: "otel::span",
        parent: None,
        "message",
        otel.name = format!("process {channel}"),
        otel.kind = "consumer",
        messaging.system = "redis",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = channel,
    );
    let waiting = context::current_span();
    if waiting.is_valid() {
        span.add_link(waiting);
    }
    // Fails only where no spans are recorded.
    let _ = span.set_parent(sender);
    span
}

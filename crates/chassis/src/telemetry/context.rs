//! W3C trace context: read from strangers, written to servers that we ask.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `tracestate` that is read, in bytes: what vendors must be able to carry
/// (W3C Trace Context, section 3.3.1.5).
const MAX_STATE: usize = 512;

/// A caller's place in a trace, as two texts. Nothing else of it is believed.
struct Texts<'a> {
    traceparent: &'a str,
    tracestate: Option<&'a str>,
}

impl Extractor for Texts<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate.filter(|state| state.len() <= MAX_STATE),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// The context that a caller is in, if what it wrote is one.
#[must_use]
pub fn remote(traceparent: &str, tracestate: Option<&str>) -> Option<Context> {
    let texts = Texts { traceparent, tracestate };
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &texts);
    context.span().span_context().is_valid().then_some(context)
}

/// The context that the headers of a request name.
pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Context> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    remote(text(TRACEPARENT)?, text(TRACESTATE))
}

/// Whether a request says that it is part of a trace.
pub(crate) fn has_place(headers: &HeaderMap) -> bool {
    headers.contains_key(TRACEPARENT)
}

/// The span that is being recorded now; an invalid one if there is none.
#[must_use]
pub fn current_span() -> SpanContext {
    Context::map_current(|context| context.span().span_context().clone())
}

/// Who is at the other end of the connection of a request, and how HTTP is spoken there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherEnd {
    /// The address, if the server knows it: of a proxy, where there is one.
    pub address: Option<SocketAddr>,
    /// The version of HTTP, as the conventions write it.
    pub version: &'static str,
}

/// The other end of the request that is being recorded now, if there is one: for spans within its own.
#[must_use]
pub fn other_end() -> Option<OtherEnd> {
    Context::map_current(|context| context.get().copied())
}

/// The current span as `traceparent` says it, if there is one.
#[must_use]
pub fn traceparent() -> Option<String> {
    let span = current_span();
    span.is_valid().then(|| {
        format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8())
    })
}

/// The headers that tell a server we ask where the question belongs. Empty, and without an
/// allocation, when nothing is being recorded.
#[must_use]
pub fn outgoing() -> HeaderMap {
    let value = traceparent().and_then(|text| HeaderValue::from_str(&text).ok());
    value.map(|value| (TRACEPARENT, value)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_well_formed_parent_is_one_and_nothing_else_is() {
        let context = remote(PARENT, None).unwrap();
        let span = context.span().span_context().clone();
        assert_eq!(span.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(span.is_remote() && span.is_sampled());
        let zeros = "00-00000000000000000000000000000000-0000000000000000-01";
        for text in ["", "00", "x", zeros, &PARENT.replace('f', "g"), &format!("{PARENT}-x")] {
            assert!(remote(text, None).is_none(), "{text}");
        }
    }

    #[test]
    fn a_state_that_is_too_long_is_dropped_and_the_parent_kept() {
        let long = format!("a={}", "x".repeat(MAX_STATE));
        let context = remote(PARENT, Some(&long)).unwrap();
        assert_eq!(context.span().span_context().trace_state().header(), "");
        let context = remote(PARENT, Some("a=b")).unwrap();
        assert_eq!(context.span().span_context().trace_state().header(), "a=b");
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let _entered = remote(PARENT, None).unwrap().attach();
        assert_eq!(outgoing()["traceparent"], PARENT);
    }

    #[test]
    fn nothing_is_told_where_nothing_is_recorded() {
        assert!(outgoing().is_empty());
    }
}

//! A question of this server to its client: a span and a duration, as of what the client asks.

use std::borrow::Cow;

use mcp_core::flow::AskError;
use opentelemetry::KeyValue;
use shared::mcp::{RequestId, Revision};
use tracing::{Instrument as _, Span, field::Empty};

use super::{Network, WATCHED, shortened, text};
use crate::session::SessionId;

/// What the spans are called here; a trace has the name of the method.
const NAME: &str = "mcp question";

/// What is known of a question when it begins.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) method: &'static str,
    pub(crate) session: &'a SessionId,
    pub(crate) revision: Revision,
}

/// Measures a question to the client of the call that is being watched, and gives it a span.
pub(crate) async fn asking<T>(
    question: Question<'_>,
    answering: impl Future<Output = Result<T, AskError>>,
) -> Result<T, AskError> {
    let Question { method, session, revision } = question;
    let watched = WATCHED.try_with(|watched| (watched.operations.clone(), watched.network)).ok();
    let network = watched.as_ref().map(|(_, network)| *network);
    let span = tracing::trace_span!(
        target: "otel::span",
        NAME,
        otel.name = method,
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        mcp.method.name = method,
        mcp.protocol.version = revision.as_str(),
        mcp.session.id = session.as_str(),
        jsonrpc.request.id = Empty,
        network.transport = network.map(Network::transport),
        network.protocol.name = network.and_then(Network::protocol),
        rpc.response.status_code = Empty,
        error.type = Empty,
    );
    let watch = watched.as_ref().map(|(operations, _)| operations.0.clock.stopwatch());
    let answer = answering.instrument(span.clone()).await;
    let failure = answer.as_ref().err().map(Failure::of);
    if let Some(failure) = &failure {
        failure.tell(&span);
    }
    if let Some(((operations, network), watch)) = watched.zip(watch)
        && let Some(instruments) = &operations.0.instruments
    {
        let mut labels = vec![KeyValue::new("mcp.method.name", method)];
        network.label(&mut labels, Some(revision));
        if let Some(Failure { kind, code, .. }) = failure {
            labels.push(KeyValue::new("error.type", kind));
            labels.extend(code.map(|code| KeyValue::new("rpc.response.status_code", code)));
        }
        instruments.questions.record(watch.elapsed().as_secs_f64(), &labels);
    }
    answer
}

/// Tells by which id the client will answer the question that is being asked.
pub(crate) fn note_question(id: &RequestId) {
    let span = Span::current();
    // Not every question is measured: the span of the call that puts it has an id of its own.
    if span.metadata().is_some_and(|metadata| metadata.name() == NAME) {
        span.record("jsonrpc.request.id", text(id));
    }
}

/// Why there is no answer.
struct Failure {
    kind: Cow<'static, str>,
    /// The code of an error that the client has answered with: one of those of JSON-RPC, or
    /// `_OTHER`, for it is a label, and the client chooses it.
    code: Option<Cow<'static, str>>,
    message: String,
}

impl Failure {
    fn of(error: &AskError) -> Self {
        let code = match error {
            AskError::Refused(error) if is_known(error.code.0) => {
                Some(Cow::Owned(error.code.0.to_string()))
            }
            AskError::Refused(_) => Some(super::kind::OTHER.into()),
            _ => None,
        };
        let kind = match error {
            AskError::TimedOut => "timeout".into(),
            AskError::NoStream => "no_stream".into(),
            _ => code.clone().unwrap_or("disconnected".into()),
        };
        let message = match error {
            AskError::Refused(error) => shortened(&error.message).to_owned(),
            error => error.to_string(),
        };
        Self { kind, code, message }
    }

    fn tell(&self, span: &Span) {
        if span.is_disabled() {
            return;
        }
        span.record("error.type", &*self.kind);
        span.record("rpc.response.status_code", self.code.as_deref());
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", self.message.as_str());
    }
}

/// Codes that JSON-RPC or MCP give a meaning, and the -1 of a user who does not want (2025-06-18
/// client/sampling).
const fn is_known(code: i64) -> bool {
    matches!(code, -32_768..=-32_000 | -1)
}

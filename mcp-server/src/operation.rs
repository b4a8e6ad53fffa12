//! One MCP request as telemetry sees it: a span and a duration, by the MCP conventions of
//! OpenTelemetry (`open-telemetry/semantic-conventions-genai`, `docs/gen-ai/mcp.md`).
//!
//! A call ends in bytes, and what the bytes say is known one room further in. Who writes them leaves
//! a note on the way ([`note_error`], [`note_result`]); outside a watched call a note goes nowhere.

mod asking;
mod kind;
mod network;
mod place;

use std::{borrow::Cow, cell::Cell, sync::Arc};

use ambient::{Clock, Stopwatch};
use chassis::telemetry::{baggage, context};
use futures_util::future::BoxFuture;
use mcp_core::Names;
use opentelemetry::KeyValue;
use shared::mcp::{
    ErrorCode, ErrorObject, Method, Params, RequestId, Revision, ServerResult, TraceContext,
};
use tracing::{Instrument as _, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{
    flow::Flow,
    http::Rejection,
    metrics::Instruments,
    session::{SessionId, Transport},
};

use self::kind::{Kind, Kinds};
pub(crate) use self::{
    asking::{Question, asking, note_question},
    network::Network,
    place::{detached, note_in_place, received, write_place},
};

/// Watches the requests of one server.
#[derive(Clone)]
pub(crate) struct Operations(Arc<Inner>);

struct Inner {
    instruments: Option<Arc<Instruments>>,
    clock: Clock,
    kinds: Kinds,
    flow: Flow,
}

/// What is known of a request when it begins.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// A notification has none.
    pub(crate) id: Option<&'a RequestId>,
    pub(crate) method: &'a str,
    pub(crate) params: Option<&'a Params>,
    /// Not known yet of the request that opens a session.
    pub(crate) revision: Option<Revision>,
    pub(crate) session: Option<&'a SessionId>,
    pub(crate) transport: Transport,
}

impl<'a> Asked<'a> {
    /// The request that opens a session. Nothing has been agreed on yet: see [`note_agreed`].
    pub(crate) fn initialize(
        id: &'a RequestId,
        params: Option<&'a Params>,
        transport: Transport,
    ) -> Self {
        let method = Method::Initialize.as_str();
        Self { id: Some(id), method, params, revision: None, session: None, transport }
    }
}

/// How a request ended, as far as it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Dropped, or cancelled, before there was an answer.
    Unanswered,
    /// With a result.
    Well,
    /// With a result that says that the tool has failed.
    ToolError,
    /// With a result that says that the caller has: by arguments that do not fit, for one.
    CallersError,
    /// With an error.
    Error(ErrorCode),
    /// With an error before there was a call, by the caller's fault.
    Refused(ErrorCode),
}

tokio::task_local! {
    static WATCHED: Watched;
}

/// What notes are left in while a call runs.
struct Watched {
    ended: Cell<Ended>,
    revision: Cell<Option<Revision>>,
    network: Network,
    span: Span,
    operations: Operations,
}

impl Watched {
    fn end(&self, ended: Ended, message: Option<&str>) {
        self.ended.set(ended);
        if self.span.is_disabled() {
            return;
        }
        if let Some(code) = ended.code() {
            self.span.record("rpc.response.status_code", code.0.to_string());
        }
        if let Some(kind) = ended.error_type() {
            self.span.record("error.type", &*kind);
            self.span.record("otel.status_code", "ERROR");
            self.span.record("otel.status_description", message);
        }
    }
}

/// Tells that a call ends with an error.
pub(crate) fn note_error(error: &ErrorObject) {
    note(Ended::Error(error.code), Some(&error.message));
}

/// Tells that a call ends with a result.
pub(crate) fn note_result(result: &ServerResult) {
    let ended = match result {
        ServerResult::CallTool(result) if result.is_callers_fault => Ended::CallersError,
        ServerResult::CallTool(result) if result.is_error => Ended::ToolError,
        _ => Ended::Well,
    };
    note(ended, None);
}

/// Tells that a notification has been taken in.
pub(crate) fn note_taken() {
    note(Ended::Well, None);
}

/// Tells what revision a session will speak.
pub(crate) fn note_agreed(revision: Revision) {
    // Nobody watches: nothing to tell.
    let _ = WATCHED.try_with(|watched| {
        watched.revision.set(Some(revision));
        watched.span.record("mcp.protocol.version", revision.as_str());
    });
}

fn note(ended: Ended, message: Option<&str>) {
    // Nobody watches: nothing to tell.
    let _ = WATCHED.try_with(|watched| watched.end(ended, message));
}

impl Ended {
    /// The conventions' rule: what a caller got wrong is not an error of the server.
    fn error_type(self) -> Option<Cow<'static, str>> {
        match self {
            Self::Well => None,
            Self::Unanswered => Some("cancelled".into()),
            Self::ToolError | Self::CallersError => Some("tool_error".into()),
            Self::Error(code) | Self::Refused(code) if NO_ERRORS.contains(&code.0) => None,
            Self::Error(code) | Self::Refused(code) => Some(code.0.to_string().into()),
        }
    }

    const fn code(self) -> Option<ErrorCode> {
        match self {
            Self::Error(code) | Self::Refused(code) => Some(code),
            Self::Unanswered | Self::Well | Self::ToolError | Self::CallersError => None,
        }
    }

    /// Whether it is an error by the conventions, and none of ours.
    fn is_callers(self) -> bool {
        match self {
            Self::CallersError => true,
            Self::Refused(_) => self.error_type().is_some(),
            Self::Error(code) => CALLER_FAULTS.contains(&code.0),
            Self::Unanswered | Self::Well | Self::ToolError => false,
        }
    }
}

/// Codes that are no errors of a server: parse error, invalid request, method not found, invalid
/// parameters, resource not found.
const NO_ERRORS: [i64; 5] = [-32700, -32600, -32601, -32602, -32002];

/// Codes by which a caller is at fault although the conventions count them: header mismatch,
/// missing capability, unsupported version.
const CALLER_FAULTS: [i64; 3] = [-32020, -32021, -32022];

impl Operations {
    /// What is measured with, if anything is, and where requests are shown.
    pub(crate) fn new(
        (instruments, flow): (Option<&Arc<Instruments>>, &Flow),
        clock: &Clock,
        names: Names,
    ) -> Self {
        Self(Arc::new(Inner {
            instruments: instruments.cloned(),
            clock: clock.clone(),
            kinds: Kinds::new(names),
            flow: flow.clone(),
        }))
    }

    /// Begins to watch a request, if its call is to be measured or traced. A subscription is not: it
    /// lasts as long as its client listens, which is told of streams.
    pub(crate) fn begin(&self, asked: Asked<'_>) -> Begun {
        let kind = self.0.kinds.of(asked.method, asked.params);
        if self.0.flow.is_watched() {
            let target = kind.target.as_ref().map(|label| label.value.as_str());
            self.0.flow.came(&asked, target.as_deref());
        }
        if kind.method == Method::Listen.as_str() {
            return Begun(None);
        }
        let span = blank();
        if self.0.instruments.is_none() && span.is_disabled() {
            return Begun(None);
        }
        if !span.is_disabled() {
            describe(&span, &asked, kind);
        }
        let measured = self.0.instruments.as_ref().map(|instruments| Measured {
            instruments: Arc::clone(instruments),
            watch: self.0.clock.stopwatch(),
            kind: Arc::clone(kind),
        });
        let watched = Watched {
            ended: Cell::new(Ended::Unanswered),
            revision: Cell::new(asked.revision),
            network: Network::of(asked.transport),
            span,
            operations: self.clone(),
        };
        Begun(Some((watched, measured)))
    }

    /// Watches a message that is no request, or none that can be served: it is answered at once, so it
    /// takes no time. What it asked for is told as far as it could be read.
    pub(crate) fn refused(&self, mut rejection: Rejection, transport: Transport) -> Rejection {
        let about = rejection.take_about();
        let (method, params) = match about.as_deref() {
            Some(about) => (&*about.method, about.params.as_ref()),
            None => (kind::OTHER, None),
        };
        let id = rejection.id();
        let begun =
            self.begin(Asked { id, method, params, revision: None, session: None, transport });
        begun.refuse(rejection.error(), rejection.is_callers_fault());
        rejection
    }
}

/// The span of a request, if spans are recorded. What it says comes later: to find that out costs
/// something. (Asking with `span_enabled!` instead would leave the filters of the log in disorder.)
fn blank() -> Span {
    tracing::trace_span!(
        target: "otel::span",
        parent: None,
        "mcp",
        otel.name = Empty,
        otel.kind = "server",
        otel.status_code = Empty,
        otel.status_description = Empty,
        mcp.method.name = Empty,
        mcp.protocol.version = Empty,
        mcp.session.id = Empty,
        mcp.resource.uri = Empty,
        jsonrpc.request.id = Empty,
        gen_ai.tool.name = Empty,
        gen_ai.prompt.name = Empty,
        gen_ai.operation.name = Empty,
        network.transport = Empty,
        network.protocol.name = Empty,
        network.protocol.version = Empty,
        client.address = Empty,
        client.port = Empty,
        error.type = Empty,
        rpc.response.status_code = Empty,
    )
}

fn describe(span: &Span, asked: &Asked<'_>, kind: &Kind) {
    let named = kind.method;
    let uri = || asked.params.and_then(|params| params.get::<String>("uri"));
    span.record("mcp.method.name", named);
    span.record("mcp.protocol.version", asked.revision.map(Revision::as_str));
    if let Some(id) = asked.id {
        span.record("jsonrpc.request.id", text(id));
    }
    let network = Network::of(asked.transport);
    span.record("network.transport", network.transport());
    span.record("network.protocol.name", network.protocol());
    if let Some(end) = context::other_end() {
        span.record("network.protocol.version", end.version);
        span.record("client.address", end.address.map(|at| at.ip().to_canonical().to_string()));
        span.record("client.port", end.address.map(|at| i64::from(at.port())));
    }
    if let Some(session) = asked.session {
        span.record("mcp.session.id", session.as_str());
    }
    match &kind.target {
        None => span.record("otel.name", named),
        Some(label) => {
            let value = label.value.as_str();
            span.record(label.key.as_str(), &*value);
            span.record("otel.name", format!("{named} {value}"))
        }
    };
    match Method::named(named) {
        Some(Method::CallTool) => {
            span.record("gen_ai.operation.name", "execute_tool");
        }
        Some(Method::ReadResource | Method::Subscribe | Method::Unsubscribe) => {
            span.record("mcp.resource.uri", uri().as_deref().map(shortened));
        }
        _ => {}
    }
    put(span, &TraceContext::of(asked.params));
}

/// Puts a span where the caller says it is: that is its parent and the HTTP span a link; where he
/// says nothing, the HTTP span is the parent. His baggage goes along.
fn put(span: &Span, place: &TraceContext) {
    let parent = place.traceparent.as_deref();
    let parent = parent.and_then(|parent| context::remote(parent, place.tracestate.as_deref()));
    let parent = match parent {
        Some(parent) => {
            span.add_link(context::current_span());
            parent
        }
        None => opentelemetry::Context::current(),
    };
    // Fails only where no spans are recorded.
    let _ = span.set_parent(baggage::carried(parent, place.baggage.as_deref()));
}

/// As text, whatever its type.
fn text(id: &RequestId) -> String {
    match id {
        RequestId::Number(number) => number.to_string(),
        RequestId::String(text) => shortened(text).to_owned(),
    }
}

/// What a client has chosen may be long; a trace needs no more of it than this.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(200)]
}

/// A request whose call is about to begin.
pub(crate) struct Begun(Option<(Watched, Option<Measured>)>);

impl Begun {
    /// Runs the call in its span, and measures it. Where neither is wanted, it is the call itself.
    pub(crate) fn watch<'f, T: Send + 'f>(self, call: BoxFuture<'f, T>) -> BoxFuture<'f, T> {
        let Some((watched, measured)) = self.0 else { return call };
        let span = watched.span.clone();
        let running = async move {
            // Dropped with the call: one that is cut off is measured as well.
            let measured = Finish(measured);
            let answer = call.await;
            drop(measured);
            answer
        };
        Box::pin(WATCHED.scope(watched, running).instrument(span))
    }

    /// There is no call: the request is answered with `error`, which is its caller's fault or ours.
    pub(crate) fn refuse(self, error: &ErrorObject, is_callers: bool) {
        let Some((watched, measured)) = self.0 else { return };
        let ended = if is_callers { Ended::Refused(error.code) } else { Ended::Error(error.code) };
        watched.end(ended, Some(&error.message));
        if let Some(measured) = measured {
            measured.record(ended, watched.revision.get(), watched.network);
        }
    }
}

/// A call that is being measured.
struct Measured {
    instruments: Arc<Instruments>,
    watch: Stopwatch,
    kind: Arc<Kind>,
}

struct Finish(Option<Measured>);

impl Drop for Finish {
    fn drop(&mut self) {
        let Some(measured) = self.0.take() else { return };
        // A future that is dropped is dropped within its scope as well, see `TaskLocalFuture`.
        let _ = WATCHED.try_with(|watched| {
            measured.record(watched.ended.get(), watched.revision.get(), watched.network);
        });
    }
}

impl Measured {
    fn record(self, ended: Ended, revision: Option<Revision>, network: Network) {
        let (to, took) = (&self.instruments.operations, self.watch.elapsed().as_secs_f64());
        if ended == Ended::Well {
            return self.kind.ended_well(to, took, (revision, network));
        }
        let mut labels = self.kind.labels(revision, network);
        if let Some(kind) = ended.error_type() {
            labels.push(KeyValue::new("error.type", kind.into_owned()));
        }
        if let Some(code) = ended.code() {
            labels.push(KeyValue::new("rpc.response.status_code", code.0.to_string()));
        }
        if ended.is_callers() {
            labels.push(KeyValue::new("mcp.fault", "caller"));
        }
        to.record(took, &labels);
    }
}

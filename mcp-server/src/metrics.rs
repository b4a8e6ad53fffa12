//! The instruments of this server: the MCP conventions of OpenTelemetry, and few of our own.
//!
//! No label is a caller's choice: methods, tools and prompts are those that exist, or `_OTHER`.
//! Sessions, ids, clients and addresses are never labels.

mod fleet;

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Timestamp};
use chassis::telemetry::{Asking, Metrics, Tally, http::HttpMetrics};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};

pub(crate) use self::fleet::observe_fleet;
use crate::{
    auth::{Auth, Refusal},
    operation::Network,
    session::SessionRecord,
};

/// The name of the instruments' scope.
pub(crate) const SCOPE: &str = "mcp-server";

/// The buckets that the conventions for MCP advise, in seconds.
const BUCKETS: [f64; 14] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Streams last as long as a client listens: from a second to a day.
const STREAM_BUCKETS: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];

/// Questions to other servers: as for HTTP.
const ASKING_BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// The instruments, if anything is measured. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct McpMetrics(Option<Arc<Instruments>>);

#[derive(Debug)]
pub(crate) struct Instruments {
    pub(crate) http: HttpMetrics,
    asking: Asking,
    pub(crate) operations: Histogram<f64>,
    pub(crate) questions: Histogram<f64>,
    sessions_created: Counter<u64>,
    sessions_ended: Counter<u64>,
    session_duration: Histogram<f64>,
    events: Counter<u64>,
    deliveries: Histogram<f64>,
    streams: UpDownCounter<i64>,
    stream_duration: Histogram<f64>,
    streams_closed: Counter<u64>,
    rejected: Counter<u64>,
    refused: Counter<u64>,
    introspections: Histogram<f64>,
    token_cache: Tally,
}

impl McpMetrics {
    /// Makes them, if anything is measured. `https` is whether the public URL is that.
    pub(crate) fn new(metrics: Option<&Metrics>, https: bool, clock: &Clock) -> Self {
        let instruments = |metrics: &Metrics| Instruments::new(&metrics.meter(SCOPE), https, clock);
        Self(metrics.map(|metrics| Arc::new(instruments(metrics))))
    }

    /// The instruments, for what measures a lot at once.
    pub(crate) fn instruments(&self) -> Option<&Arc<Instruments>> {
        self.0.as_ref()
    }

    /// What measures the requests of this server to others.
    pub(crate) fn asking(&self) -> Asking {
        self.0.as_ref().map(|instruments| instruments.asking.clone()).unwrap_or_default()
    }

    /// A session has been opened.
    pub(crate) fn session_opened(&self, revision: &'static str) {
        if let Some(to) = &self.0 {
            to.sessions_created.add(1, &[KeyValue::new("mcp.protocol.version", revision)]);
        }
    }

    /// So many sessions have ended by themselves, on whatever instance they were used: nobody used them,
    /// or they were as old as they may be.
    pub(crate) fn sessions_expired(&self, sessions: u64) {
        if let Some(to) = &self.0 {
            to.sessions_ended.add(sessions, &[KeyValue::new("reason", "expired")]);
        }
    }

    /// A client has ended its session, or the only stream that it had.
    pub(crate) fn session_ended(
        &self,
        reason: &'static str,
        record: &SessionRecord,
        now: Timestamp,
    ) {
        if let Some(to) = &self.0 {
            to.sessions_ended.add(1, &[KeyValue::new("reason", reason)]);
            let mut labels = Vec::with_capacity(3);
            Network::of(record.transport).label(&mut labels, Some(record.revision));
            let lasted = now.since(record.opened_at).as_secs_f64();
            to.session_duration.record(lasted, &labels);
        }
    }

    /// A request was answered with an error before there was a call.
    pub(crate) fn rejected(&self, reason: &'static str, code: i64) {
        if let Some(to) = &self.0 {
            let code = KeyValue::new("rpc.response.status_code", code.to_string());
            to.rejected.add(1, &[KeyValue::new("reason", reason), code]);
        }
    }

    /// A caller was not let in.
    pub(crate) fn refused(&self, reason: &'static str) {
        if let Some(to) = &self.0 {
            to.refused.add(1, &[KeyValue::new("reason", reason)]);
        }
    }

    /// The authorization server was asked about a token.
    pub(crate) fn introspected(&self, outcome: &'static str, took: Duration) {
        if let Some(to) = &self.0 {
            let outcome = [KeyValue::new("outcome", outcome)];
            to.introspections.record(took.as_secs_f64(), &outcome);
        }
    }

    /// A token was looked up among those that are remembered.
    pub(crate) fn looked_up(&self, outcome: &'static str) {
        if let Some(to) = &self.0 {
            to.token_cache.add(outcome, 1);
        }
    }

    /// An event has gone out on a stream.
    pub(crate) fn event_sent(&self, kind: &'static str) {
        if let Some(to) = &self.0 {
            to.events.add(1, &[KeyValue::new("kind", kind)]);
        }
    }

    /// Something that was written at `written`, on whatever instance, is heard of here by a stream
    /// that has been there since `listening`. What is older is read again, and no measure of speed.
    pub(crate) fn heard(&self, written: Timestamp, listening: Timestamp, now: Timestamp) {
        if let Some(to) = &self.0
            && written >= listening
        {
            to.deliveries.record(now.since(written).as_secs_f64(), &[]);
        }
    }

    /// A stream begins.
    pub(crate) fn stream_opened(&self, kind: &'static str) {
        if let Some(to) = &self.0 {
            to.streams.add(1, &[KeyValue::new("kind", kind)]);
        }
    }

    /// A stream has ended.
    pub(crate) fn stream_closed(&self, kind: &'static str, reason: &'static str, after: Duration) {
        if let Some(to) = &self.0 {
            let kind = [KeyValue::new("kind", kind)];
            to.streams.add(-1, &kind);
            to.stream_duration.record(after.as_secs_f64(), &kind);
            let [kind] = kind;
            to.streams_closed.add(1, &[kind, KeyValue::new("reason", reason)]);
        }
    }
}

impl Instruments {
    fn new(meter: &Meter, https: bool, clock: &Clock) -> Self {
        let counter = |name, meaning| meter.u64_counter(name).with_description(meaning).build();
        let seconds = |name, meaning, buckets: &[f64]| {
            let instrument = meter.f64_histogram(name).with_unit("s").with_description(meaning);
            instrument.with_boundaries(buckets.to_vec()).build()
        };
        Self {
            http: HttpMetrics::new(meter, https, clock.clone()),
            asking: Asking::new(meter, clock.clone()),
            operations: seconds(
                "mcp.server.operation.duration",
                "Duration of an MCP request that was answered, from receipt to result",
                &BUCKETS,
            ),
            questions: seconds(
                "mcp.client.operation.duration",
                "Duration of an MCP request of this server to its client",
                &BUCKETS,
            ),
            sessions_created: counter("mcp.sessions.created", "Sessions opened here"),
            sessions_ended: counter("mcp.sessions.ended", "Sessions that have ended, and why"),
            session_duration: seconds(
                "mcp.server.session.duration",
                "How long sessions were open that their clients have ended",
                &BUCKETS,
            ),
            events: counter("mcp.sse.events.sent", "Events that have gone out on streams"),
            deliveries: seconds(
                "mcp.bus.deliver.latency",
                "From writing down, on any instance, to a stream that hears of it here",
                &ASKING_BUCKETS,
            ),
            streams: meter
                .i64_up_down_counter("mcp.sse.streams.active")
                .with_description("Streams that are open on this instance")
                .build(),
            stream_duration: seconds(
                "mcp.sse.stream.duration",
                "How long streams were open",
                &STREAM_BUCKETS,
            ),
            streams_closed: counter("mcp.sse.streams.closed", "Streams that have ended, and why"),
            rejected: counter("mcp.rejected", "Requests answered with an error before a call"),
            refused: counter("mcp.auth.refused", "Callers that were not let in, and why"),
            introspections: seconds(
                "auth.introspection.duration",
                "Questions about a token to the authorization server, and what came of them",
                &ASKING_BUCKETS,
            ),
            token_cache: Tally::counter(
                meter,
                "auth.cache.lookups",
                "Tokens looked up among those remembered",
                ("outcome", &["active", "inactive", "miss", "stale"]),
            ),
        }
        .counting_from_zero()
    }

    /// What is counted is there from the start: a rate needs a value before the first event.
    fn counting_from_zero(self) -> Self {
        for reason in ["delete", "stream", "expired"] {
            self.sessions_ended.add(0, &[KeyValue::new("reason", reason)]);
        }
        for reason in Refusal::NAMES {
            self.refused.add(0, &[KeyValue::new("reason", reason)]);
        }
        self
    }
}

/// Observes whether the authorization server answers, and whether it is asked.
pub(crate) fn observe_auth(metrics: Option<&Metrics>, auth: &Arc<Auth>) {
    let Some(metrics) = metrics else { return };
    let meter = metrics.meter(SCOPE);
    let flag = |name, meaning, is_set: fn(&Auth) -> bool| {
        let auth = Arc::clone(auth);
        let gauge = meter.u64_observable_gauge(name).with_description(meaning);
        gauge.with_callback(move |gauge| gauge.observe(u64::from(is_set(&auth)), &[])).build()
    };
    flag("mcp.degraded", "1 while protected requests are answered 503, 0 otherwise", |auth| {
        !auth.is_available()
    });
    let resting = "1 while no questions about tokens are asked because too many have failed";
    flag("auth.breaker.state", resting, Auth::is_resting);
}

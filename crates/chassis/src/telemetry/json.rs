//! One event, one line, one flat JSON object: `timestamp`, `level`, `target`, which process it is,
//! where in a trace, the fields of the spans around it (`request_id`, for one) and its own fields.

use std::fmt;

use serde::Serializer as _;
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{JsonFields, Writer},
        time::{FormatTime as _, SystemTime},
    },
    registry::{LookupSpan, Scope},
};

use super::context;

/// The format. `tracing-subscriber`'s own nests the spans, and collectors search flat keys.
pub(super) struct FlatJson(pub(super) Process);

/// Which process writes: what every line says, by the names of OpenTelemetry.
#[derive(Clone, Default)]
pub(super) struct Process(pub(super) Vec<(&'static str, String)>);

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Line::default();
        line.set("timestamp", timestamp);
        line.set("level", event.metadata().level().as_str());
        line.set("target", event.metadata().target());
        self.0.0.iter().for_each(|(name, value)| line.set(name, value.as_str()));
        let span = context::current_span();
        // Without a trace there are no ids: made-up ones would lead nowhere.
        if span.is_valid() {
            line.set("trace_id", span.trace_id().to_string());
            line.set("span_id", span.span_id().to_string());
        }
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() else {
                continue;
            };
            let fields: Map<String, Value> = serde_json::from_str(fields).unwrap_or_default();
            fields.into_iter().for_each(|(name, value)| line.set(&name, value));
        }
        event.record(&mut line);
        line.write(&mut writer)
    }
}

/// Members in the order in which they were first set.
#[derive(Default)]
struct Line(Vec<(String, Value)>);

impl Line {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let mut text = Vec::new();
        let members = self.0.iter().map(|(name, value)| (name, value));
        serde_json::Serializer::new(&mut text).collect_map(members).map_err(|_| fmt::Error)?;
        writer.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)?;
        writer.write_char('\n')
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}

//! A line whose names repeat: the members are gathered first, and the last one of a name counts.

use std::fmt;

use serde::Serializer as _;
use serde_json::{Map, Value};
use tracing::{
    Event,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FormattedFields,
        format::{JsonFields, Writer},
        time::{FormatTime as _, SystemTime},
    },
    registry::{LookupSpan, SpanRef},
};

use super::{Process, context};

/// Writes the line of an event.
pub(super) fn write<'a, S: for<'s> LookupSpan<'s> + 'a>(
    writer: &mut Writer<'_>,
    event: &Event<'_>,
    process: &Process,
    spans: impl Iterator<Item = SpanRef<'a, S>>,
) -> fmt::Result {
    let mut timestamp = String::new();
    SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
    let mut line = Line::default();
    line.set("timestamp", timestamp);
    line.set("level", event.metadata().level().as_str());
    line.set("target", event.metadata().target());
    process.0.iter().for_each(|(name, value)| line.set(name, value.as_str()));
    let span = context::current_span();
    if span.is_valid() {
        line.set("trace_id", span.trace_id().to_string());
        line.set("span_id", span.span_id().to_string());
    }
    for span in spans {
        let extensions = span.extensions();
        let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
        let fields: Map<String, Value> = serde_json::from_str(fields).unwrap_or_default();
        fields.into_iter().for_each(|(name, value)| line.set(&name, value));
    }
    event.record(&mut line);
    line.write(writer)
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

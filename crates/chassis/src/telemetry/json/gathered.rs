//! A line or a span whose names repeat: the members are gathered first, and the last one of a name
//! counts.

use std::fmt;

use serde::Serializer as _;
use serde_json::{Map, Value};
use tracing::{
    Event,
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    fmt::{FormattedFields, format::Writer},
    registry::{LookupSpan, SpanRef},
};

use super::{Fields, Process, context, now};

/// Writes the line of an event.
pub(super) fn write<'a, S: for<'s> LookupSpan<'s> + 'a>(
    writer: &mut Writer<'_>,
    event: &Event<'_>,
    process: &Process,
    spans: impl Iterator<Item = SpanRef<'a, S>>,
) -> fmt::Result {
    let mut line = Line::default();
    line.set("timestamp", now().to_string());
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
        let Some(fields) = extensions.get::<FormattedFields<Fields>>() else { continue };
        line.read(fields);
    }
    event.record(&mut line);
    writer.write_str(&line.object()?)?;
    writer.write_char('\n')
}

/// The fields of a span, and what was recorded in it later.
pub(super) fn with(fields: &str, more: &Record<'_>) -> Result<String, fmt::Error> {
    let mut line = Line::default();
    line.read(fields);
    more.record(&mut line);
    let object = line.object()?;
    let members = object.strip_prefix('{').and_then(|object| object.strip_suffix('}'));
    Ok(members
        .filter(|members| !members.is_empty())
        .map(|members| format!(",{members}"))
        .unwrap_or_default())
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

    /// Sets what [`Fields`] has written.
    fn read(&mut self, fields: &str) {
        let object = format!("{{{}}}", fields.trim_start_matches(','));
        let fields: Map<String, Value> = serde_json::from_str(&object).unwrap_or_default();
        fields.into_iter().for_each(|(name, value)| self.set(&name, value));
    }

    fn object(&self) -> Result<String, fmt::Error> {
        let mut text = Vec::new();
        let members = self.0.iter().map(|(name, value)| (name, value));
        serde_json::Serializer::new(&mut text).collect_map(members).map_err(|_| fmt::Error)?;
        String::from_utf8(text).map_err(|_| fmt::Error)
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

//! One event, one line, one flat JSON object: `timestamp`, `level`, `target`, which process it is,
//! where in a trace, the fields of the spans around it (`request_id`, for one) and its own fields.
//!
//! Every request writes a line, so one is written as it comes, without a value or a name being
//! copied. Only where a name would be in it twice are the members gathered first ([`gathered`]).

mod gathered;

use std::{cell::Cell, fmt, fmt::Write as _, time::SystemTime};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::{LookupSpan, Scope, SpanRef},
};

use super::context;

/// The time of a line. (`tracing-subscriber` writes the same, number by number, which takes five times
/// as long.)
#[expect(
    clippy::disallowed_methods,
    reason = "a line is written when it is, whatever the clock of a test shows"
)]
fn now() -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_micros(SystemTime::now())
}

/// The format. `tracing-subscriber`'s own nests the spans, and collectors search flat keys.
pub(super) struct FlatJson {
    process: Process,
    /// What the process says of itself, as it stands in every line.
    written: String,
}

/// Which process writes: what every line says, by the names of OpenTelemetry.
#[derive(Clone, Default)]
pub(super) struct Process(pub(super) Vec<(&'static str, String)>);

/// The names that every line has room for.
const ALWAYS: [&str; 5] = ["timestamp", "level", "target", "trace_id", "span_id"];

thread_local! {
    /// Room for the members of an event and for its line.
    static ROOM: Cell<(String, String)> = const { Cell::new((String::new(), String::new())) };
}

impl FlatJson {
    pub(super) fn new(process: Process) -> Self {
        let mut written = Members(String::new());
        process.0.iter().for_each(|(name, value)| written.text(name, value));
        Self { process, written: written.0 }
    }

    /// Writes a line; nothing if a name would be in it twice.
    fn line<'a, S: for<'s> LookupSpan<'s> + 'a>(
        &self,
        line: &mut String,
        event: &Event<'_>,
        own: &Own,
        spans: impl Iterator<Item = SpanRef<'a, S>>,
    ) -> Option<()> {
        let is_said = |name: &str| {
            ALWAYS.contains(&name) || self.process.0.iter().any(|(said, _)| *said == name)
        };
        if !own.fits() || own.names().iter().any(|name| is_said(name)) {
            return None;
        }
        line.push_str("{\"timestamp\":\"");
        write!(line, "{}", now()).ok()?;
        line.push('"');
        let mut members = Members(std::mem::take(line));
        members.text("level", event.metadata().level().as_str());
        members.text("target", event.metadata().target());
        members.0.push_str(&self.written);
        let span = context::current_span();
        // Without a trace there are no ids: made-up ones would lead nowhere.
        if span.is_valid() {
            members.shown("trace_id", &span.trace_id());
            members.shown("span_id", &span.span_id());
        }
        *line = members.0;
        let mut said = 0;
        for span in spans {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<Fields>>();
            let Some(fields) = fields.filter(|fields| !fields.is_empty()) else { continue };
            let names = || span.fields().iter().map(|field| field.name());
            if names().all(|name| own.names().contains(&name)) {
                continue;
            }
            said += 1;
            // Of two spans nobody looks which names they share.
            if said > 1 || names().any(|name| is_said(name) || own.names().contains(&name)) {
                return None;
            }
            line.push_str(fields);
        }
        line.push_str(&own.members.0);
        line.push_str("}\n");
        Some(())
    }
}

/// What is kept of a span for the lines within it: its fields as members of an object, each with a
/// comma before it.
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let (members, line) = ROOM.take();
        let mut own = Own::new(members);
        fields.record(&mut own);
        let done = writer.write_str(&own.members.0);
        ROOM.set((own.members.0, line));
        done
    }

    fn add_fields(&self, now: &'w mut FormattedFields<Self>, more: &Record<'_>) -> fmt::Result {
        now.fields = gathered::with(&now.fields, more)?;
        Ok(())
    }
}

impl<S> FormatEvent<S, Fields> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Fields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let spans = || context.event_scope().into_iter().flat_map(Scope::from_root);
        // Taken, not borrowed: what a field shows may log by itself.
        let (members, mut line) = ROOM.take();
        line.clear();
        let mut own = Own::new(members);
        event.record(&mut own);
        let done = match self.line(&mut line, event, &own, spans()) {
            Some(()) => writer.write_str(&line),
            None => gathered::write(&mut writer, event, &self.process, spans()),
        };
        ROOM.set((own.members.0, line));
        done
    }
}

/// Members of an object, each with a comma before it.
struct Members(String);

impl Members {
    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.0.push('"');
        Escaped(&mut self.0).push(value);
        self.0.push('"');
    }

    /// A value as text, escaped as it is shown.
    fn shown(&mut self, name: &str, value: &dyn fmt::Display) {
        self.name(name);
        self.0.push('"');
        // A text takes whatever is written.
        let _ = write!(Escaped(&mut self.0), "{value}");
        self.0.push('"');
    }

    /// A number or a boolean.
    fn plain(&mut self, name: &str, value: &dyn fmt::Display) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }

    fn name(&mut self, name: &str) {
        self.0.push_str(",\"");
        Escaped(&mut self.0).push(name);
        self.0.push_str("\":");
    }
}

/// Writes text as it stands in a JSON string.
struct Escaped<'a>(&'a mut String);

impl Escaped<'_> {
    fn push(&mut self, text: &str) {
        let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        // Almost every text is plain, and to look at all of it without a way out takes less time.
        if !text.bytes().fold(false, |found, byte| found | is_special(byte)) {
            return self.0.push_str(text);
        }
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_special) {
            self.0.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                b'"' => self.0.push_str("\\\""),
                b'\\' => self.0.push_str("\\\\"),
                b'\n' => self.0.push_str("\\n"),
                b'\r' => self.0.push_str("\\r"),
                b'\t' => self.0.push_str("\\t"),
                control => {
                    // A text takes whatever is written.
                    let _ = write!(self.0, "\\u{control:04x}");
                }
            }
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

/// How many fields of an event are told apart without gathering them.
const MOST: usize = 24;

/// The fields of an event.
struct Own {
    members: Members,
    names: [&'static str; MOST],
    count: usize,
}

impl Own {
    /// No fields yet; they are written into `room`.
    fn new(mut room: String) -> Self {
        room.clear();
        Self { members: Members(room), names: [""; MOST], count: 0 }
    }

    /// A field that is said, once.
    fn say(&mut self, field: &Field) -> &mut Members {
        if let Some(name) = self.names.get_mut(self.count) {
            *name = field.name();
        }
        self.count += 1;
        &mut self.members
    }

    fn fits(&self) -> bool {
        self.count <= MOST
    }

    fn names(&self) -> &[&'static str] {
        &self.names[..self.count.min(MOST)]
    }
}

impl Visit for Own {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.say(field).text(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.say(field).plain(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.say(field).plain(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let members = self.say(field);
        // JSON has no other numbers.
        if value.is_finite() {
            members.plain(field.name(), &format_args!("{value:?}"));
        } else {
            members.plain(field.name(), &"null");
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.say(field).plain(field.name(), &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.say(field).shown(field.name(), &format_args!("{value:?}"));
    }
}

//! Everything that is logged in this process, at the finest level, by whatever library.

use std::{
    io::{self, Write},
    sync::{Mutex, OnceLock},
};

use serde_json::Value;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

static LOG: OnceLock<Log> = OnceLock::new();

/// The log so far.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<u8>>);

impl Log {
    /// The log of this process, which is kept from the first call on.
    pub(crate) fn keep() -> &'static Self {
        LOG.get_or_init(|| {
            let lines = tracing_subscriber::fmt().json().with_writer(Writer);
            // The parser of the tests' own browser tells every word of every page.
            let filter = EnvFilter::new("trace,html5ever=off");
            lines.with_env_filter(filter).init();
            Self::default()
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The audit lines of one event that name one client; of any client, if none is named.
    pub(crate) fn audit(&self, event: &str, client: Option<&str>) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let wanted = |line: &Value| {
            let fields = &line["fields"];
            line["target"] == "audit"
                && fields["event"] == event
                && client.is_none_or(|client| fields["client"] == client)
        };
        lines.filter(wanted).collect()
    }
}

struct Writer;

impl MakeWriter<'_> for Writer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(log) = LOG.get() {
            log.0.lock().unwrap().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

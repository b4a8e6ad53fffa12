//! What messages travel over, as the conventions name it.

use opentelemetry::KeyValue;
use shared::mcp::Revision;

use crate::session::Transport;

/// What messages travel over, as the conventions name it.
#[derive(Clone, Copy)]
pub(crate) enum Network {
    Http,
    Pipe,
}

impl Network {
    pub(crate) const fn of(transport: Transport) -> Self {
        match transport {
            Transport::Stdio => Self::Pipe,
            _ => Self::Http,
        }
    }

    pub(crate) const fn transport(self) -> &'static str {
        match self {
            Self::Http => "tcp",
            Self::Pipe => "pipe",
        }
    }

    pub(crate) const fn protocol(self) -> Option<&'static str> {
        match self {
            Self::Http => Some("http"),
            Self::Pipe => None,
        }
    }
    /// Adds what it is to the labels of something measured, and what is spoken, if that is known.
    pub(crate) fn label(self, labels: &mut Vec<KeyValue>, revision: Option<Revision>) {
        let revision = revision.map(Revision::as_str);
        labels.extend(revision.map(|name| KeyValue::new("mcp.protocol.version", name)));
        labels.push(KeyValue::new("network.transport", self.transport()));
        let protocol = self.protocol();
        labels.extend(protocol.map(|name| KeyValue::new("network.protocol.name", name)));
    }
}

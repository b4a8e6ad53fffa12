//! What messages travel over, as the conventions name it.

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
}

//! Who wants to know how long Redis takes. The store knows no telemetry; it tells whoever asks.

use std::{fmt, sync::Arc, time::Duration};

use crate::error::StoreError;

/// Is told of every command to Redis, when it is over. Cheap to clone.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Ran) + Send + Sync>);

/// A command that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its name, as `GETDEL` is; never its arguments.
    pub command: &'static str,
    /// How long it took, to the answer or to the failure.
    pub took: Duration,
    /// What kind of failure it was: `unavailable`, `refused` or `corrupt`.
    pub failure: Option<&'static str>,
}

impl Observer {
    /// Tells `listen`, which is called on the way of a request and must be quick.
    pub fn new(listen: impl Fn(&Ran) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listen))
    }

    pub(crate) fn tell(&self, ran: &Ran) {
        (self.0)(ran);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// The kind of a failure, for a label.
pub(crate) const fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => "unavailable",
        StoreError::Refused(_) => "refused",
        StoreError::Corrupt { .. } => "corrupt",
    }
}

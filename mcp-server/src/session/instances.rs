//! Which instances are alive: each says so every few seconds, so that a call whose instance died can
//! be answered with an error instead of silence.

use std::time::Duration;

use ambient::{Clock, Entropy};
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError, Table};

/// How often an instance says that it is alive.
const BEAT: Duration = Duration::from_millis(1500);

/// How long it is believed.
const LIFE: Duration = Duration::from_secs(5);

/// How often whoever waits for an instance looks. Two looks in a row must find it gone: after an
/// outage of Redis the first may come before the sign of life does. So a death is noticed within
/// `LIFE` and two of these.
pub(crate) const CHECK: Duration = Duration::from_secs(2);

/// A sign of life, under `mcp:alive:{id}`.
#[derive(Serialize, Deserialize)]
struct Alive {}

impl Record for Alive {
    const PREFIX: &'static str = "mcp:alive:";
}

/// All instances that share a store, and this one among them.
#[derive(Clone)]
pub(crate) struct Instances {
    table: Table<Alive>,
    own: String,
}

impl Instances {
    pub(crate) fn new(store: &Store, entropy: &Entropy) -> Self {
        Self { table: store.table(), own: entropy.hex::<8>() }
    }

    /// The name of this instance: new with every start.
    pub(crate) fn own(&self) -> &str {
        &self.own
    }

    /// Says again and again that this instance is alive. Never ends by itself.
    pub(crate) async fn beat(&self, clock: &Clock) {
        loop {
            if let Err(error) = self.table.put(&self.own, &Alive {}, LIFE).await {
                tracing::debug!(%error, "a sign of life could not be given");
            }
            clock.sleep(BEAT).await;
        }
    }

    /// Takes the sign of life back, at an orderly end.
    pub(crate) async fn leave(&self) {
        // Without it, life ends by itself.
        let _ = self.table.remove(&self.own).await;
    }

    /// Whether an instance is alive.
    pub(crate) async fn is_alive(&self, id: &str) -> Result<bool, StoreError> {
        Ok(id == self.own || self.table.get(id).await?.is_some())
    }
}

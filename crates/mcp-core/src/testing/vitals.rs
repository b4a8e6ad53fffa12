//! Vital signs for tests of features: what a test says they are.

use futures_util::future::BoxFuture;

use crate::{SessionFacts, Snapshot, StateError, Vitals};

/// A server that is as a test says.
#[derive(Clone, Debug, Default)]
pub struct TestVitals {
    /// How all instances are.
    pub snapshot: Snapshot,
    /// What is known of every session.
    pub session: Option<SessionFacts>,
}

impl Vitals for TestVitals {
    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, StateError>> {
        Box::pin(std::future::ready(Ok(self.snapshot.clone())))
    }

    fn session<'a>(
        &'a self,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionFacts>, StateError>> {
        Box::pin(std::future::ready(Ok(self.session)))
    }
}

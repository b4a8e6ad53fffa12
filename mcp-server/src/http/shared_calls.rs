//! The calls of a session whose answers all go out on its one stream (2024-11-05), as the stream knows
//! them: what has begun and has not been answered, and on which instance it runs. So a call ends with an
//! error if its instance dies, and a stream that has to end waits for what is running.

use std::collections::{BTreeMap, BTreeSet};

use ambient::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use shared::mcp::RequestId;

use crate::session::instances::{CHECK, Instances};

/// The calls of one session.
#[derive(Default)]
pub(super) struct SharedCalls {
    running: BTreeMap<RequestId, Runner>,
    check_at: Timestamp,
}

/// The instance that runs a call.
struct Runner {
    instance: String,
    /// How many times in a row it was found gone.
    missed: u32,
}

/// What tells an answer from everything else that a server says.
#[derive(Deserialize)]
struct Message {
    id: Option<RequestId>,
    method: Option<IgnoredAny>,
}

impl SharedCalls {
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// A call has begun, whose id is written as JSON.
    pub(super) fn begun(&mut self, id: &str, instance: &str, now: Timestamp) {
        let Ok(id) = serde_json::from_str(id) else { return };
        if self.running.is_empty() {
            self.check_at = now + CHECK;
        }
        self.running.insert(id, Runner { instance: instance.to_owned(), missed: 0 });
    }

    /// A call has ended without an answer.
    pub(super) fn ended(&mut self, id: &str) {
        if let Ok(id) = serde_json::from_str(id) {
            self.running.remove(&id);
        }
    }

    /// Something was said, which may be the answer to one of them.
    pub(super) fn said(&mut self, message: &str) {
        if self.is_empty() {
            return;
        }
        if let Ok(Message { id: Some(id), method: None }) = serde_json::from_str(message) {
            self.running.remove(&id);
        }
    }

    /// When to look next whether the instances are alive, if there is anything to look for.
    pub(super) fn check_at(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.check_at)
    }

    /// Looks whether the instances are alive; gives the calls that are lost, which are forgotten.
    pub(super) async fn lost(&mut self, instances: &Instances, now: Timestamp) -> Vec<RequestId> {
        self.check_at = now + CHECK;
        let there: BTreeSet<_> = self.running.values().map(|call| call.instance.clone()).collect();
        for instance in there {
            // While the store is away nobody knows who is gone.
            let Ok(is_alive) = instances.is_alive(&instance).await else { continue };
            for call in self.running.values_mut().filter(|call| call.instance == instance) {
                call.missed = if is_alive { 0 } else { call.missed + 1 };
            }
        }
        let lost = self.running.extract_if(.., |_, call| call.missed >= 2);
        lost.map(|(id, _)| id).collect()
    }

    /// All that are running, which are forgotten.
    pub(super) fn take(&mut self) -> Vec<RequestId> {
        std::mem::take(&mut self.running).into_keys().collect()
    }
}

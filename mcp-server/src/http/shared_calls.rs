//! The calls of a session whose answers all go out on its one stream (2024-11-05), as the stream knows
//! them: what has begun and has not been answered, and on which instance it runs. So a call ends with an
//! error if its instance dies, and a stream that has to end waits for what is running.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ambient::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use shared::mcp::RequestId;

use crate::session::instances::{Awaited, CHECK, Instances};

/// How many calls of a session are known while they run, and how many that were lost: each instance
/// runs a hundred at most.
const MOST: usize = 1024;

/// The calls of one session.
#[derive(Default)]
pub(super) struct SharedCalls {
    /// Each with the instance that runs it.
    running: BTreeMap<RequestId, Awaited>,
    /// Those that the stream itself has answered, the last ones: an instance that was only cut off says
    /// its own answer later, and there is one answer to a call.
    answered: VecDeque<RequestId>,
    check_at: Timestamp,
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
        self.answered.retain(|answered| *answered != id);
        if self.running.is_empty() {
            self.check_at = now + CHECK;
        }
        if self.running.len() < MOST {
            self.running.insert(id, Awaited::new(instance.to_owned()));
        }
    }

    /// A call has ended without an answer.
    pub(super) fn ended(&mut self, id: &str) {
        if let Ok(id) = serde_json::from_str(id) {
            self.running.remove(&id);
        }
    }

    /// Something was said, which may be the answer to one of them; false if that was answered before.
    pub(super) fn said(&mut self, message: &str) -> bool {
        if self.is_empty() && self.answered.is_empty() {
            return true;
        }
        let Ok(Message { id: Some(id), method: None }) = serde_json::from_str(message) else {
            return true;
        };
        self.running.remove(&id);
        !self.answered.contains(&id)
    }

    /// When to look next whether the instances are alive, if there is anything to look for.
    pub(super) fn check_at(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.check_at)
    }

    /// Looks whether the instances are alive; gives the calls that are lost, which the stream
    /// answers itself.
    pub(super) async fn lost(&mut self, instances: &Instances, now: Timestamp) -> Vec<RequestId> {
        self.check_at = now + CHECK;
        let there: BTreeSet<_> =
            self.running.values().map(|call| call.instance().to_owned()).collect();
        for instance in there {
            // While the store is away nobody knows who is gone.
            let Ok(is_alive) = instances.is_alive(&instance).await else { continue };
            for call in self.running.values_mut().filter(|call| call.instance() == instance) {
                call.seen(is_alive);
            }
        }
        let lost = self.running.extract_if(.., |_, call| call.is_gone());
        let lost: Vec<_> = lost.map(|(id, _)| id).collect();
        self.answered.extend(lost.iter().cloned());
        while self.answered.len() > MOST {
            self.answered.pop_front();
        }
        lost
    }

    /// All that are running, which are forgotten.
    pub(super) fn take(&mut self) -> Vec<RequestId> {
        std::mem::take(&mut self.running).into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use ambient::{Clock, Entropy};
    use store::Store;

    use super::*;

    #[tokio::test]
    async fn a_call_that_was_lost_is_answered_once_until_its_id_is_used_again() {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let instances = Instances::new(&Store::memory(clock.clone()), &Entropy::seeded(1));
        let mut calls = SharedCalls::default();
        let answer = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
        calls.begun("7", "gone", clock.now());
        assert!(calls.lost(&instances, clock.now()).await.is_empty(), "one look is not enough");
        assert_eq!(calls.lost(&instances, clock.now()).await, [RequestId::Number(7)]);
        assert!(calls.is_empty() && !calls.said(answer));
        assert!(calls.said(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#), "it is no answer");
        calls.begun("7", instances.own(), clock.now());
        assert!(calls.said(answer) && calls.is_empty());
    }

    #[test]
    fn no_more_calls_are_known_than_there_can_be() {
        let mut calls = SharedCalls::default();
        for id in 0..=MOST {
            calls.begun(&id.to_string(), "here", Timestamp::default());
        }
        assert_eq!(calls.take().len(), MOST);
    }
}

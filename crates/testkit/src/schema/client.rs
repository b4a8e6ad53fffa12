//! What a client writes: notifications, and answers to what it was asked.
//!
//! Its requests are judged where they are granted; these have no answer that could say so.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use shared::mcp::{Era, Revision};

use super::{Document, Kind, kind, with_id};

/// The questions that a server has asked a client: an answer is held against the one it answers.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<HashMap<String, String>>>);

impl Heard {
    /// Remembers a message of the server, if it is a question.
    pub fn note(&self, message: &Value) {
        let (Some(id), Some(method)) = (message.get("id"), message["method"].as_str()) else {
            return;
        };
        let mut questions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        questions.insert(id.to_string(), method.to_owned());
    }

    fn method(&self, id: &Value) -> Option<String> {
        let questions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        questions.get(&id.to_string()).cloned()
    }
}

/// Fails the test if a client of `revision` that has heard `heard` may not write this.
#[track_caller]
pub fn check_client_message(revision: Revision, message: &Value, heard: &Heard) {
    let found = client_violations(revision, message, heard);
    assert!(
        found.is_empty(),
        "a test has sent what {revision} does not allow, without saying that it is wrong on \
         purpose:\n- {}\nin {message:#}",
        found.join("\n- ")
    );
}

/// Everything that is wrong with a message or batch of a client, one sentence each. Requests are
/// left to the judgement of their answers.
#[must_use]
pub fn client_violations(revision: Revision, message: &Value, heard: &Heard) -> Vec<String> {
    let messages = match message.as_array() {
        Some(_) if !revision.has_batches() => return vec!["the revision has no batches".into()],
        Some(batch) => batch.as_slice(),
        None => std::slice::from_ref(message),
    };
    messages.iter().flat_map(|message| one(Document::of(revision), message, heard)).collect()
}

fn one(document: &Document, message: &Value, heard: &Heard) -> Vec<String> {
    match kind(message) {
        Err(problem) => vec![problem],
        Ok(Kind::Question(_)) => Vec::new(),
        Ok(Kind::Notification(method)) => notification(document, message, method),
        Ok(_) if document.revision.era() == Era::Modern => {
            vec!["a client answers with a new request since 2026-07-28".into()]
        }
        Ok(Kind::Result(result)) => answer(document, message, result, heard),
        Ok(Kind::Error(_)) => document.check(document.error_envelope(), &with_id(message)),
    }
}

fn notification(document: &Document, message: &Value, method: &str) -> Vec<String> {
    let mut found = document.check("JSONRPCNotification", message);
    match document.definition_of("ClientNotification", method) {
        Some(definition) => found.extend(document.check(definition, message)),
        None => found.push(format!("a client has no notification `{method}`")),
    }
    found
}

fn answer(document: &Document, message: &Value, result: &Value, heard: &Heard) -> Vec<String> {
    let mut found = document.check(document.result_envelope(), message);
    let Some(method) = message.get("id").and_then(|id| heard.method(id)) else {
        found.push("it answers a question that this client was not asked".into());
        return found;
    };
    match document.answer_definition("ServerRequest", &method, result) {
        Some(definition) => found.extend(document.check(&definition, result)),
        None => found.push(format!("the revision has no question `{method}`")),
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(revision: Revision, message: &Value) -> Vec<String> {
        let heard = Heard::default();
        for (id, method) in [
            ("roots", "roots/list"),
            ("model", "sampling/createMessage"),
            ("form", "elicitation/create"),
            ("alive", "ping"),
        ] {
            heard.note(&json!({"jsonrpc": "2.0", "id": id, "method": method}));
        }
        client_violations(revision, message, &heard)
    }

    fn answered(revision: Revision, id: &str, result: Value) -> Vec<String> {
        let mut message = json!({"jsonrpc": "2.0", "id": id});
        message["result"] = result;
        found(revision, &message)
    }

    #[test]
    fn right_notifications_have_no_violations_in_any_revision() {
        for revision in Revision::ALL {
            let note = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                "params": {"requestId": 1}});
            assert_eq!(found(revision, &note), [""; 0], "{revision}");
        }
    }

    #[test]
    fn a_notification_is_one_of_a_client_and_has_its_members() {
        let note = |method: &str| json!({"jsonrpc": "2.0", "method": method, "params": {}});
        for revision in Revision::ALL {
            assert!(!found(revision, &note("notifications/message")).is_empty(), "{revision}");
            assert!(!found(revision, &note("notifications/progress")).is_empty(), "{revision}");
        }
        let initialized = note("notifications/initialized");
        assert_eq!(found(Revision::V2025_03_26, &initialized), [""; 0]);
        assert!(!found(Revision::V2026_07_28, &initialized).is_empty());
    }

    #[test]
    fn an_answer_is_held_against_the_question() {
        let revision = Revision::V2025_11_25;
        assert_eq!(answered(revision, "roots", json!({"roots": []})), [""; 0]);
        assert_eq!(answered(revision, "alive", json!({})), [""; 0]);
        assert_eq!(answered(revision, "form", json!({"action": "cancel"})), [""; 0]);
        for (id, wrong) in [
            ("roots", json!({})),
            ("model", json!({"role": "assistant"})),
            ("form", json!({"action": "perhaps"})),
            ("strange", json!({})),
        ] {
            assert!(!answered(revision, id, wrong).is_empty(), "{id}");
        }
    }

    #[test]
    fn answers_and_batches_belong_to_their_revisions() {
        assert!(!answered(Revision::V2026_07_28, "roots", json!({"roots": []})).is_empty());
        let batch = json!([{"jsonrpc": "2.0", "id": "roots", "result": {"roots": []}}]);
        assert_eq!(found(Revision::V2025_03_26, &batch), [""; 0]);
        assert!(!found(Revision::V2025_06_18, &batch).is_empty());
        let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": "no"}});
        assert!(!found(Revision::V2025_11_25, &error).is_empty());
    }
}

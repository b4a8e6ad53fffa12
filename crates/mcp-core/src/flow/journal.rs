//! What a call has learnt so far: settled answers, open questions, effects already done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::mcp::{ElicitParams, InputRequest};

use super::digest::{digest, digest_of};

/// Travels inside `requestState`, sealed. See the rules in the decision on replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) answers: BTreeMap<String, Answer>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) asked: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) steps: BTreeMap<String, Value>,
    /// How many answers to each question were of no use. A state that was sealed before this was
    /// counted has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) discarded: BTreeMap<String, u8>,
    #[serde(default)]
    pub(super) round: u8,
}

/// A settled answer. It belongs to its question: if that changes, it counts for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    pub(super) value: Value,
}

impl Answer {
    pub(super) fn belongs_to(&self, name: &str) -> bool {
        self.question.as_deref().is_none_or(|question| question == name)
    }
}

impl Journal {
    /// Whether a question with this key is open.
    #[must_use]
    pub fn asks(&self, key: &str) -> bool {
        self.asked.contains_key(key)
    }

    /// Adds what the client sent with this round. An answer counts only if its question was open;
    /// what earlier rounds have settled cannot be changed, and unknown keys are ignored.
    #[must_use]
    pub fn with_answers(mut self, fresh: BTreeMap<String, Value>) -> Self {
        for (key, value) in fresh {
            if let Some(question) = self.asked.remove(&key) {
                self.answers.insert(key, Answer { question: Some(question), value });
            }
        }
        self
    }

    /// Drops an answer that is of no use.
    pub(super) fn discard(&mut self, key: &str) {
        if self.answers.remove(key).is_some() {
            let times = self.discarded.entry(key.to_owned()).or_default();
            *times = times.saturating_add(1);
        }
    }

    /// A first round that comes with answers already. Nothing was asked, so nothing is checked but
    /// the key: an answer is the client's word either way.
    #[must_use]
    pub fn unasked(fresh: BTreeMap<String, Value>) -> Self {
        let answer = |(key, value)| (key, Answer { question: None, value });
        Self { answers: fresh.into_iter().map(answer).collect(), ..Self::default() }
    }
}

/// Names a question by its content. The state has to be short: 96 bits do.
pub(super) fn name(question: &InputRequest) -> String {
    let mut name = match question {
        InputRequest::Elicit(ElicitParams::Form { message, requested_schema }) => {
            digest_of(&[question.method(), message], requested_schema)
        }
        other => digest(&serde_json::to_value(other).unwrap_or_default()),
    };
    name.truncate(24);
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question(fields: &str) -> InputRequest {
        let schema: Value = serde_json::from_str(fields).unwrap();
        let params = json!({ "mode": "form", "message": "x", "requestedSchema": schema });
        serde_json::from_value(json!({ "method": "elicitation/create", "params": params })).unwrap()
    }

    #[test]
    fn a_state_from_before_useless_answers_were_counted_is_read_and_one_without_any_is_no_longer() {
        let before = r#"{"asked":{"who":"x"},"round":1}"#;
        let journal: Journal = serde_json::from_str(before).unwrap();
        assert_eq!(serde_json::to_string(&journal).unwrap(), before);
        let mut journal = journal.with_answers([("who".to_owned(), json!(5))].into());
        journal.discard("who");
        journal.discard("who");
        assert_eq!(journal.discarded, [("who".to_owned(), 1)].into(), "one answer is one");
    }

    #[test]
    fn a_question_is_the_same_in_any_order_of_its_members() {
        let one = name(&question(r#"{"type":"object","properties":{"b":{},"a":{}}}"#));
        let same = question(r#"{ "properties": { "a": {}, "b": {} }, "type": "object" }"#);
        let other = question(r#"{"type":"object","properties":{"b":{},"c":{}}}"#);
        assert_eq!((one.len(), &one), (24, &name(&same)));
        assert_ne!(one, name(&other));
    }
}

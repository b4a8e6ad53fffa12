//! What the originals answered, as `scripts/clients/recorded.json` tells it to clients in every
//! language: an expectation is a part of the answer.

use std::{collections::BTreeSet, fs};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use shared::mcp::Revision;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/clients/recorded.json");

/// What only a caller can know, which its own tests read.
const BY_OTHER_MEANS: [&str; 4] = [
    "calculator://history/{calculationId}",
    "calculator://histories/{history}",
    "calculator://histories/{history}/{calculationId}",
    "session://info/{sessionId}",
];

#[derive(Deserialize)]
pub(crate) struct Recorded {
    calls: Vec<Call>,
    /// Calls that go on as tasks: the official clients make them in sessions, and those of this
    /// language in 2026-07-28.
    tasks: Vec<AsTask>,
}

#[derive(Deserialize)]
struct AsTask {
    params: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Call {
    pub(crate) method: String,
    covers: String,
    pub(crate) params: Value,
    expect: Value,
    needs: Option<String>,
    /// What offers it, if it is not offered unless it is asked for.
    toolset: Option<String>,
    /// What this revision cannot read as a value it is told as a text more.
    #[serde(skip)]
    tells_values_as_text: bool,
}

impl Recorded {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(FILE).expect("the file is there");
        serde_json::from_str(&text).expect("it is what it should be")
    }

    /// The calls that make sense in a revision, with as much of the answers as it can carry.
    pub(crate) fn calls_in(&self, revision: Revision) -> impl Iterator<Item = Call> {
        let calls = self.calls.iter().filter(move |call| call.exists_in(revision)).cloned();
        calls.map(move |mut call| {
            call.tells_values_as_text = !revision.has_structured_content();
            if call.tells_values_as_text
                && let Some(expected) = call.expect.as_object_mut()
            {
                expected.remove("structuredContent");
            }
            call
        })
    }

    /// Which of these no call covers.
    pub(crate) fn left_out_of(&self, listed: &BTreeSet<String>) -> Vec<String> {
        let calls = self.calls.iter().map(|call| call.covers.as_str());
        let tasks = self.tasks.iter().map(|task| task.params.name.as_str());
        let covered: BTreeSet<_> = calls.chain(tasks).chain(BY_OTHER_MEANS).collect();
        listed.iter().filter(|name| !covered.contains(name.as_str())).cloned().collect()
    }
}

impl Call {
    fn exists_in(&self, revision: Revision) -> bool {
        let asks = ["elicitation-request", "elicitInputs"].contains(&self.covers.as_str());
        let links = self.covers == "get-resource-links";
        let sends_away = self.needs.as_deref() == Some("url");
        self.toolset.is_none()
            && (revision.has_elicitation() || !asks)
            && (revision.has_titles() || !links)
            && (revision.has_elicitation_modes() || !sends_away)
    }

    /// Fails the test unless the answer is as it was recorded.
    pub(crate) fn check(&self, answer: &Value) {
        let asked = format!("{} {}", self.method, self.params);
        let mut answer = answer.clone();
        if self.tells_values_as_text {
            self.drop_value(&mut answer);
        }
        let answer = &answer;
        if let Some(wrong) = differs(answer, &self.expect, "") {
            panic!("{asked}{wrong}");
        }
        let failed = |told: &Value| told["isError"] == true;
        assert_eq!(failed(answer), failed(&self.expect), "{asked}: {answer}");
    }
}

impl Call {
    /// Takes away the text that tells the value of a result beside its words, if there is one.
    fn drop_value(&self, answer: &mut Value) {
        let expected = self.expect["content"].as_array().map(Vec::len);
        let Some(blocks) = answer["content"].as_array_mut() else { return };
        let value = blocks.last().and_then(|last| last["text"].as_str());
        let is_value = value.is_some_and(|text| {
            serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
        });
        if is_value && expected.is_some_and(|expected| blocks.len() == expected + 1) {
            blocks.pop();
        }
    }
}

/// Where an answer is not what was expected, and how; nothing if it is.
fn differs(answer: &Value, expected: &Value, path: &str) -> Option<String> {
    let fits = match expected {
        Value::String(text) if text.starts_with('~') => {
            // What other languages write as "anything that is not nothing".
            let pattern = text[1..].replace("[^]", "(?s:.)");
            let pattern = Regex::new(&pattern).expect("it is a pattern");
            answer.as_str().is_some_and(|answer| pattern.is_match(answer))
        }
        Value::Object(members) if members.contains_key("$json") => {
            let read = answer.as_str().and_then(|text| serde_json::from_str(text).ok());
            read.is_some_and(|read: Value| differs(&read, &expected["$json"], path).is_none())
        }
        Value::Object(members) => {
            let inner = |(name, expected): (&String, _)| {
                differs(&answer[name], expected, &format!("{path}.{name}"))
            };
            return members.iter().find_map(inner);
        }
        Value::Array(items) => match answer.as_array() {
            Some(answers) if answers.len() == items.len() => {
                let mut pairs = answers.iter().zip(items).enumerate();
                return pairs.find_map(|(n, (answer, item))| {
                    differs(answer, item, &format!("{path}[{n}]"))
                });
            }
            _ => false,
        },
        // Some clients read numbers of half the precision.
        Value::Number(number) => answer
            .as_f64()
            .zip(number.as_f64())
            .is_some_and(|(here, there)| (here - there).abs() <= there.abs() * 1e-6),
        other => answer == other,
    };
    (!fits).then(|| format!("{path}: {expected} was expected, not {answer}"))
}

#[test]
fn an_answer_fits_if_it_has_what_is_expected_and_maybe_more() {
    let answer = serde_json::json!({ "a": [{ "b": 1.0, "c": "x\ny" }], "d": "{\"e\":[2]}" });
    let fits = |expected: &str| {
        differs(&answer, &serde_json::from_str(expected).expect("JSON"), "").is_none()
    };
    assert!(fits(r#"{"a":[{"b":1,"c":"~^x[^]y$"}]}"#) && fits(r#"{"d":{"$json":{"e":[2]}}}"#));
    for wrong in [
        r#"{"a":[]}"#,
        r#"{"a":[{"b":2}]}"#,
        r#"{"a":[{"c":"~^y"}]}"#,
        r#"{"d":{"$json":{"e":[]}}}"#,
        r#"{"z":1}"#,
    ] {
        assert!(!fits(wrong), "{wrong}");
    }
}

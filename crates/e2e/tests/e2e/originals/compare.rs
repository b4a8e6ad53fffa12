//! What was recorded beside what is answered here, place by place.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::mcp::Revision;

use super::{
    listings::{Difference, differences},
    recorded,
};

/// Why some places are not as they were: in one era, or in both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    #[serde(rename = "reason")]
    words: String,
    #[serde(rename = "in")]
    revision: Option<String>,
    /// JSON pointers, by what was asked.
    places: BTreeMap<String, Vec<String>>,
}

/// Everything that was compared, and every place that differs.
pub(super) struct Comparison {
    revision: Revision,
    found: Vec<Difference>,
}

impl Comparison {
    pub(super) const fn new(revision: Revision) -> Self {
        Self { revision, found: Vec::new() }
    }

    /// Compares what was recorded under a label with what is so here.
    pub(super) fn add(&mut self, label: &str, theirs: &Value, ours: &Value) {
        let theirs = steadied(theirs);
        let ours = cut(&theirs, steadied(ours));
        differences(label, &apart(theirs), &apart(ours), "", &mut self.found);
    }

    /// Fails unless each difference has a reason in this part of `differences.json`, and each reason
    /// a difference.
    pub(super) fn check(self, part: &str) {
        let mut parts: BTreeMap<String, Vec<Reason>> = recorded("differences.json");
        let reasons = parts.remove(part).expect("there is such a part");
        assert!(reasons.iter().all(|one| !one.words.is_empty()));
        let revision = self.revision.as_str();
        let is_here = |one: &&Reason| one.revision.as_ref().is_none_or(|it| it == revision);
        let here = reasons.iter().filter(is_here);
        let places = here.flat_map(|one| &one.places).flat_map(|(label, paths)| {
            paths.iter().map(move |path| (label.as_str(), path.as_str()))
        });
        let mut known = BTreeSet::new();
        for place in places {
            assert!(known.insert(place), "{place:?} has two reasons");
        }
        let place = |one: &Difference| (one.item.clone(), one.path.clone());
        let found: BTreeSet<_> = self.found.iter().map(place).collect();
        let is_known = |one: &&Difference| known.contains(&(one.item.as_str(), one.path.as_str()));
        let new: Vec<_> = self.found.iter().filter(|one| !is_known(one)).collect();
        assert!(new.is_empty(), "in {}, without a reason: {new:#?}", self.revision);
        let needless: Vec<_> = known
            .into_iter()
            .filter(|(label, path)| !found.contains(&((*label).to_owned(), (*path).to_owned())))
            .collect();
        assert!(needless.is_empty(), "in {}, these are as they were: {needless:#?}", self.revision);
    }
}

/// What a message answers, as far as it is compared: a result without what belongs to the moment and
/// to the revision, or the code of an error, whose words are the server's own.
pub(super) fn told(message: &Value) -> Value {
    if let Some(error) = message.get("error") {
        return json!({ "error": { "code": error["code"] } });
    }
    let mut result = message["result"].clone();
    for frame in ["_meta", "resultType", "ttlMs", "cacheScope"] {
        result.as_object_mut().expect("a result").shift_remove(frame);
    }
    json!({ "result": result })
}

/// What differs from one moment, place or call to the next is the same everywhere.
fn steadied(value: &Value) -> Value {
    match value {
        Value::String(text) => steadied_text(text).into(),
        Value::Array(items) => items.iter().map(steadied).collect(),
        Value::Object(members) => {
            // A failure says so; a success need not.
            let said = |(name, value): &(&String, &Value)| {
                !(*name == "isError" && **value == json!(false))
            };
            let members = members.iter().filter(said);
            Value::Object(members.map(|(name, value)| (name.clone(), steadied(value))).collect())
        }
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

/// What stands for something else each time.
static FLEETING: LazyLock<[(Regex, &str); 2]> = LazyLock::new(|| {
    let pattern = |text| Regex::new(text).expect("a pattern");
    let uuid = pattern("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    [(uuid, "ID"), (pattern(r"\d{1,2}:\d{2}:\d{2} [AP]M"), "TIME")]
});

fn steadied_text(text: &str) -> String {
    FLEETING.iter().fold(text.to_owned(), |text, (pattern, stands_for)| {
        pattern.replace_all(&text, *stands_for).into_owned()
    })
}

/// Texts taken apart, so that a place is small: JSON at the end of one, and the lines of others.
fn apart(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let json = text.split_once('{').and_then(|(before, inside)| {
                let read: Value = serde_json::from_str(&format!("{{{inside}")).ok()?;
                Some(json!({ "before": before, "json": apart(steadied(&read)) }))
            });
            json.unwrap_or_else(|| {
                if text.contains('\n') { text.split('\n').collect() } else { text.into() }
            })
        }
        Value::Array(items) => items.into_iter().map(apart).collect(),
        Value::Object(members) => {
            let each = members.into_iter().map(|(name, value)| match (name.as_str(), &value) {
                // What was made of a text says when.
                ("blob", Value::String(encoded)) => {
                    let text = STANDARD.decode(encoded).ok().map(String::from_utf8);
                    let text = text.and_then(Result::ok).map(|text| steadied_text(&text).into());
                    (name, text.unwrap_or(value))
                }
                _ => (name, apart(value)),
            });
            Value::Object(each.collect())
        }
        other => other,
    }
}

/// Our answer with its long texts cut where those of the record are, if they begin alike.
fn cut(theirs: &Value, ours: Value) -> Value {
    match (theirs, ours) {
        (Value::String(theirs), Value::String(ours)) => match theirs.split_once('…') {
            Some((beginning, rest)) if rest.starts_with('[') && ours.starts_with(beginning) => {
                theirs.as_str().into()
            }
            _ => ours.into(),
        },
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            theirs.iter().zip(ours).map(|(theirs, ours)| cut(theirs, ours)).collect()
        }
        (Value::Object(theirs), Value::Object(ours)) => {
            let each = ours.into_iter().map(|(name, value)| {
                let value = cut(theirs.get(&name).unwrap_or(&Value::Null), value);
                (name, value)
            });
            Value::Object(each.collect())
        }
        (_, ours) => ours,
    }
}

//! Names, titles, descriptions, schemas and hints, item by item.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use testkit::rpc::{Script, Session};

use super::{recorded, session};

/// What one original lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    tools: Vec<Value>,
    prompts: Vec<Value>,
    resources: Vec<Value>,
    resource_templates: Vec<Value>,
}

/// One name of an item here, and its names there: there is one tool for one thing.
const NAMES: [(&str, &[&str]); 14] = [
    ("annotated-message", &["annotatedMessage", "get-annotated-message"]),
    ("print-env", &["printEnv", "get-env"]),
    ("get-resource-links", &["getResourceLinks"]),
    ("add", &["get-sum"]),
    ("toggle-logging", &["toggle-simulated-logging"]),
    ("long-running-operation", &["longRunningOperation", "trigger-long-running-operation"]),
    ("get-roots-list", &["listRoots"]),
    ("elicitation-request", &["startElicitation", "trigger-elicitation-request"]),
    ("url-elicitation", &["trigger-url-elicitation"]),
    ("sampling-request", &["trigger-sampling-request"]),
    ("sampling-request-async", &["trigger-sampling-request-async"]),
    ("elicitation-request-async", &["trigger-elicitation-request-async"]),
    ("simple-prompt", &["simple_prompt"]),
    (
        "demo://resource/static/document/instructions.md",
        &["demo://resource/static/document/server-instructions.md"],
    ),
];

/// Tools of the monolith that took other arguments: answered as it answered, and not listed.
const ANSWERED_ONLY: [&str; 4] =
    ["sampleLLM", "getTinyImage", "getResourceReference", "structuredContent"];

/// What is listed as something else, and why.
const ELSEWHERE: [(&str, &str); 4] = [
    (
        "calculator://history/{calculationId}",
        "C17: it was a resource that nobody could read; it is a template",
    ),
    (
        "session://info/{sessionId}",
        "that of the caller's session, which has another name each time",
    ),
    ("demo://resource/dynamic/text/{index}", "called `{resourceId}` by its next version"),
    ("demo://resource/dynamic/blob/{index}", "called `{resourceId}` by its next version"),
];

/// One place where an item is not as it was.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) item: String,
    pub(super) path: String,
    pub(super) theirs: Option<Value>,
    pub(super) ours: Option<Value>,
}

/// Differences that are of a kind: what is so for every item.
fn of_a_kind(difference: &Difference) -> Option<&'static str> {
    let Difference { path, theirs, ours, .. } = difference;
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_new = theirs.is_none();
    match last {
        "$schema" => Some("a schema that does not say is of 2020-12, and these are"),
        "name" if path == "/name" => Some("one name for one thing; the others are answered"),
        "execution" if *theirs == Some(json!({ "taskSupport": "forbidden" })) => {
            Some("what is not said is forbidden")
        }
        "additionalProperties" if ours.is_none() => {
            Some("what nobody knows is ignored, as it was there in spite of this")
        }
        "minLength" | "maxLength" | "pattern" | "minimum" | "maximum" | "minItems" | "maxItems"
            if is_new =>
        {
            Some("C11, E7: whatever a caller sends has bounds")
        }
        "type" if *theirs == Some(json!("number")) && *ours == Some(json!("integer")) => {
            Some("E16: what is counted is counted in whole numbers")
        }
        "type"
            if ours
                .as_ref()
                .is_some_and(|ours| ours[0] == *theirs.as_ref().unwrap_or(&Value::Null)) =>
        {
            Some("an argument that may be left out may be null")
        }
        "description" if is_new => Some("E12: everything is described"),
        "title" | "annotations" | "icons" | "outputSchema" | "size" if is_new => {
            Some("it says more of itself than it did")
        }
        "default" if is_new => Some("what is so when nothing is said is said"),
        "text" | "blob" if path.len() == last.len() + 1 => Some("a list has no contents"),
        _ => None,
    }
}

/// Differences of one item, and why: the item, the path, the reason.
const DELIBERATE: [(&str, &str, &str); 22] = [
    ("print-env", "/description", "E4: only what the operator has chosen is shown"),
    (
        "get-resource-reference",
        "/inputSchema/properties/resourceId/description",
        "E9: blobs have ids as well",
    ),
    (
        "gzip-file-as-resource",
        "/inputSchema/properties/data/default",
        "E3: nothing is fetched unless a host is allowed",
    ),
    (
        "gzip-file-as-resource",
        "/inputSchema/properties/data/description",
        "E3: nothing is fetched unless a host is allowed",
    ),
    (
        "url-elicitation",
        "/inputSchema/properties/url/description",
        "E3: people are sent to known hosts only",
    ),
    (
        "url-elicitation",
        "/inputSchema/properties/errorPath/description",
        "the words name a class of another language",
    ),
    ("url-elicitation", "/description", "the words name a class of another language"),
    ("sampling-request", "/inputSchema/properties/toolChoice", "the model can be lent tools"),
    ("completable-prompt", "/arguments/0/description", "E12: choices are named"),
    ("resource-prompt", "/arguments/0/description", "E12: choices are named"),
    ("resource-prompt", "/arguments/1/description", "E9: blobs have ids as well"),
    ("complex_prompt", "/arguments/0/description", "E12: choices are named"),
    ("complex_prompt", "/arguments/1/description", "E12: choices are named"),
    ("demo://resource/dynamic/text/{resourceId}", "/description", "only positive ones were found"),
    ("demo://resource/dynamic/blob/{resourceId}", "/description", "only positive ones were found"),
    ("calculate", "/inputSchema/properties/history", "C17: histories have names that can be read"),
    (
        "batch_calculate",
        "/inputSchema/properties/history",
        "C17: histories have names that can be read",
    ),
    (
        "advanced_calculate",
        "/inputSchema/properties/history",
        "C17: histories have names that can be read",
    ),
    ("calculate", "/inputSchema/properties/precision", "of the calculator without sessions"),
    ("advanced_calculate", "/inputSchema/properties/k", "of the calculator over a pipe"),
    (
        "advanced_calculate",
        "/inputSchema/properties/operation/enum",
        "of the calculator over a pipe",
    ),
    (
        "advanced_calculate",
        "/inputSchema/properties/value/description",
        "C11: bounds, and what an angle is",
    ),
];

fn ours_of(theirs: &str) -> &str {
    let known = NAMES.iter().find(|(_, names)| names.contains(&theirs));
    known.map_or(theirs, |(ours, _)| ours)
}

fn key(list: &str) -> &'static str {
    match list {
        "resources" => "uri",
        "resourceTemplates" => "uriTemplate",
        _ => "name",
    }
}

/// Everything that is listed here, by list and name.
async fn listed(session: &Session) -> BTreeMap<(&'static str, String), Value> {
    let mut found = BTreeMap::new();
    for (method, list) in [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ] {
        let mut params = json!({});
        loop {
            let reply = session.call(method, params).await.expect(200);
            for item in reply.result()[list].as_array().expect("a list") {
                let name = item[key(list)].as_str().expect("a name");
                found.insert((list, name.to_owned()), item.clone());
            }
            let Some(cursor) = reply.result().get("nextCursor") else { break };
            params = json!({ "cursor": cursor });
        }
    }
    found
}

/// Every place where two values differ.
pub(super) fn differences(
    item: &str,
    theirs: &Value,
    ours: &Value,
    path: &str,
    found: &mut Vec<Difference>,
) {
    let differs = |path: String, theirs: Option<&Value>, ours: Option<&Value>| Difference {
        item: item.to_owned(),
        path,
        theirs: theirs.cloned(),
        ours: ours.cloned(),
    };
    match (theirs, ours) {
        (Value::Object(left), Value::Object(right)) => {
            // People fill in a form, and arguments, in the order in which they are written.
            if path.ends_with("/properties") {
                let common = |one: &Map<String, Value>, other: &Map<String, Value>| -> Value {
                    one.keys().filter(|name| other.contains_key(*name)).cloned().collect()
                };
                let (theirs, ours) = (common(left, right), common(right, left));
                if theirs != ours {
                    found.push(differs(path.to_owned(), Some(&theirs), Some(&ours)));
                }
            }
            for name in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                let inner = format!("{path}/{name}");
                match (left.get(name), right.get(name)) {
                    (Some(theirs), Some(ours)) => differences(item, theirs, ours, &inner, found),
                    (theirs, ours) => found.push(differs(inner, theirs, ours)),
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (place, (theirs, ours)) in left.iter().zip(right).enumerate() {
                differences(item, theirs, ours, &format!("{path}/{place}"), found);
            }
        }
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => {}
        _ if theirs == ours => {}
        _ => found.push(differs(path.to_owned(), Some(theirs), Some(ours))),
    }
}

impl Listing {
    /// Every item, with the name of its list.
    fn items(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        let lists = [
            ("tools", &self.tools),
            ("prompts", &self.prompts),
            ("resources", &self.resources),
            ("resourceTemplates", &self.resource_templates),
        ];
        lists.into_iter().flat_map(|(list, items)| items.iter().map(move |item| (list, item)))
    }
}

/// Whether another version of the same thing says what is said here: they differ among themselves.
fn said_by_another(originals: &BTreeMap<String, Listing>) -> impl Fn(&Difference) -> bool {
    let items = originals.values().flat_map(Listing::items);
    let items: Vec<_> = items.map(|(list, item)| (ours_of(name_in(list, item)), item)).collect();
    move |difference| {
        let same = items.iter().filter(|(name, _)| *name == difference.item);
        let says =
            |(_, item): &(&str, &Value)| item.pointer(&difference.path) == difference.ours.as_ref();
        same.clone().count() > 1 && same.clone().any(says)
    }
}

fn name_in<'a>(list: &str, item: &'a Value) -> &'a str {
    item[key(list)].as_str().expect("a name")
}

#[tokio::test]
async fn everything_that_the_originals_list_is_listed_as_it_was_or_has_a_reason() {
    let (_world, session) = session(Script::default()).await;
    let ours = listed(&session).await;
    let originals: BTreeMap<String, Listing> = recorded("listings.json");
    let (mut missing, mut found) = (BTreeSet::new(), Vec::new());
    for (list, theirs) in originals.values().flat_map(Listing::items) {
        let name = name_in(list, theirs);
        match ours.get(&(list, ours_of(name).to_owned())) {
            Some(here) => differences(ours_of(name), theirs, here, "", &mut found),
            None => {
                missing.insert(name);
            }
        }
    }
    let known = ELSEWHERE.iter().map(|(name, _)| *name).chain(ANSWERED_ONLY);
    assert_eq!(missing, known.collect());
    let is_said = said_by_another(&originals);
    found.retain(|one| of_a_kind(one).is_none() && !is_said(one));
    let places = found.iter().map(|one| (one.item.as_str(), one.path.as_str()));
    let deliberate = DELIBERATE.iter().map(|(item, path, _)| (*item, *path));
    assert_eq!(places.collect::<BTreeSet<_>>(), deliberate.collect(), "{found:#?}");
}

#[tokio::test]
async fn what_is_answered_and_not_listed_is_there() {
    let (_world, session) = session(Script::default()).await;
    let tools = NAMES.iter().filter(|(ours, _)| !ours.contains("://") && *ours != "simple-prompt");
    let names = tools.flat_map(|(_, others)| others.iter().copied());
    for name in names.chain(ANSWERED_ONLY) {
        // A number where a text belongs: what is there says so, what is not is an error.
        let wrong = json!({ "message": 1, "url": 1, "prompt": 1, "topic": 1, "duration": -1 });
        let reply = session.tool(name, wrong).await;
        // One of them needs a scope, which is an error that only what is there has.
        let is_unknown = |message: &Value| message["error"]["code"] == -32602;
        assert!(!reply.messages.iter().any(is_unknown), "{name}: {reply}");
    }
}

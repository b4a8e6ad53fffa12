//! What each of them answered, call by call.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use testkit::rpc::{Reply, Script, Session};

use super::{listings::differences, recorded, session};

/// One call, as it was.
#[derive(Deserialize)]
struct Call {
    label: String,
    method: String,
    params: Option<Value>,
    /// What the client answers, by the method of the question.
    #[serde(default)]
    client: Map<String, Value>,
    /// What it was asked.
    asked: Option<Value>,
    result: Option<Value>,
    error: Option<Value>,
}

/// Calls that are answered otherwise, and why.
const DELIBERATE: [(&str, &str); 32] = [
    ("unknown tool", "SEP-1303: what is not there is an error of the protocol"),
    ("annotated image", "the picture is drawn here: another of the same size"),
    ("env", "E4: only what the operator has chosen is shown, to those with the scope"),
    ("links default", "E9: bytes are said to be bytes"),
    ("links 1", "E9: bytes are said to be bytes"),
    ("ref blob 3", "E9: bytes are said to be bytes"),
    ("sum big", "what is no number is a failure: JSON has no Infinity"),
    ("tiny", "the picture is drawn here: another of the same size"),
    ("gzip weird name", "E13: names are encoded, so that what is listed can be read"),
    ("roots", "addresses are told as the client tells them"),
    ("elicit accept", "E11: no field is left out of the summary"),
    ("research without task", "2025-11-25 basic/utilities/tasks: -32601, as an error"),
    (
        "echo with task (taskSupport absent)",
        "2025-11-25 basic/utilities/tasks: -32601, which says what is wrong",
    ),
    ("prompt resource blob", "E9: bytes are said to be bytes"),
    ("prompt resource bad type", "E18: a wrong argument is -32602"),
    ("prompt resource bad id", "E18: a wrong argument is -32602"),
    ("complete dept s lower", "people do not type capitals to find a name"),
    ("read demo://resource/dynamic/blob/2", "E9: bytes are said to be bytes"),
    ("read demo://resource/dynamic/text/1.0", "one resource has one address"),
    ("read demo://resource/dynamic/text/1e3", "one resource has one address"),
    ("read demo://resource/static/document/instructions.md", "it is about this server"),
    ("setLevel bad", "E18: a wrong argument is -32602"),
    ("toggle updates", "the pace is that of the reference, and it ends by itself"),
    ("toggle logging", "the pace is that of the reference, and it ends by itself"),
    ("toggle updates off", "no session is named `undefined`"),
    ("toggle logging off", "no session is named `undefined`"),
    ("calculator: huge", "what is no number is a failure: JSON has no Infinity"),
    ("calculator: adv fact171", "what is no number is a failure: JSON has no Infinity"),
    ("calculator: adv log base0", "a base that is given is used"),
    ("calculator: adv log base1", "what is no number is a failure"),
    ("calculator: adv log base -2", "what is no number is a failure"),
    ("calculator: adv sin with base", "what is not used is not told"),
];

/// Answers that differ in a way of many.
fn of_a_kind(call: &Call, last: &Value) -> Option<&'static str> {
    let text = last["result"]["content"][0]["text"].as_str().unwrap_or_default();
    if call.error.is_some() && last["error"]["code"] == -32002 {
        return Some("the code of this revision for what is not there");
    }
    let is_refused = last["result"]["isError"] == true;
    (is_refused && text.starts_with("The arguments do not fit"))
        .then_some("C11, E7, E16: whatever a caller sends has bounds")
}

/// What differs from one moment, place or call to the next, and the ends of long texts.
fn steadied(value: &Value) -> Value {
    match value {
        Value::String(text) => steadied_text(text).into(),
        Value::Array(items) => items.iter().map(steadied).collect(),
        Value::Object(members) => {
            // A failure says so; a success need not.
            let said = |(name, value): &(&String, &Value)| {
                !(*name == "_meta" || *name == "isError" && **value == json!(false))
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
    let steady = |text: String, (pattern, stands_for): &(Regex, &str)| {
        pattern.replace_all(&text, *stands_for).into_owned()
    };
    let text = FLEETING.iter().fold(text.to_owned(), steady);
    // What is JSON inside a text is the same in any order.
    match text.split_once('{').filter(|_| text.ends_with('}')) {
        Some((before, inside)) => match serde_json::from_str::<Value>(&format!("{{{inside}")) {
            Ok(read) => format!("{before}{}", steadied(&read)),
            Err(_) => text,
        },
        None => text,
    }
}

/// Whether an answer is what was recorded: its parts, and the beginnings of what was cut off.
fn fits(recorded: &Value, answer: &Value) -> bool {
    match (recorded, answer) {
        (Value::String(theirs), Value::String(ours)) => match theirs.split_once('…') {
            Some((beginning, rest)) if rest.starts_with('[') => ours.starts_with(beginning),
            _ => theirs == ours,
        },
        (Value::Array(theirs), Value::Array(ours)) => {
            theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(a, b)| fits(a, b))
        }
        (Value::Object(theirs), Value::Object(ours)) => {
            let known = |name: &String| {
                // Results say more for programs than they did, and errors have words of their own.
                theirs.contains_key(name)
                    || ["structuredContent", "data", "description", "total"]
                        .contains(&name.as_str())
            };
            ours.keys().all(known)
                && theirs
                    .iter()
                    .all(|(name, value)| ours.get(name).is_some_and(|our| fits(value, our)))
        }
        _ => recorded == answer,
    }
}

/// What a validator says of arguments is in its own words: that it refuses them is what counts.
fn refused_arguments(call: &Call) -> bool {
    let text = call.result.as_ref().map(|result| result["content"][0]["text"].to_string());
    let code =
        call.error.as_ref().map(|error| (error["code"].clone(), error["message"].to_string()));
    text.is_some_and(|text| text.contains("Input validation error"))
        || code.is_some_and(|(code, message)| {
            code == -32602 && message.contains("Invalid arguments for tool")
        })
}

/// An error counts by its code: its words are the server's own.
fn is_as_it_was(call: &Call, last: &Value) -> bool {
    if refused_arguments(call) {
        return last["result"]["isError"] == true;
    }
    match (&call.result, &call.error) {
        (Some(theirs), _) => fits(&steadied(theirs), &steadied(&last["result"])),
        (None, Some(theirs)) => last["error"]["code"] == theirs["code"],
        (None, None) => false,
    }
}

async fn asked(session: &Session, call: &Call) -> Reply {
    session.call(&call.method, call.params.clone().unwrap_or_default()).await
}

/// A client that answers what the call at hand says, and one at a time.
fn scripted(calls: &[Call]) -> (Script, Arc<Mutex<Map<String, Value>>>) {
    let answers = Arc::new(Mutex::new(Map::new()));
    let methods = calls.iter().flat_map(|call| call.client.keys().cloned());
    let script = methods.fold(Script::default(), |script, method| {
        let (answers, name) = (Arc::clone(&answers), method.clone());
        script.on(&method, move |_| {
            answers.lock().expect("nobody panics").get(&name).cloned().unwrap_or_default()
        })
    });
    (script, answers)
}

#[tokio::test]
async fn every_answer_is_as_it_was_or_has_a_reason() {
    let calls: Vec<Call> = recorded("answers.json");
    let (script, answers) = scripted(&calls);
    let (_world, session) = session(script).await;
    let mut others = BTreeMap::new();
    for call in &calls {
        call.client.clone_into(&mut answers.lock().expect("nobody panics"));
        let reply = asked(&session, call).await;
        let last = reply.messages.last().cloned().unwrap_or_default();
        if !is_as_it_was(call, &last) && of_a_kind(call, &last).is_none() {
            let theirs = call.result.as_ref().or(call.error.as_ref());
            others.insert(call.label.as_str(), format!("{theirs:?}\n  here: {last}"));
        }
    }
    let deliberate: BTreeMap<_, _> = DELIBERATE.into_iter().collect();
    let unreasoned: Vec<_> =
        others.iter().filter(|(label, _)| !deliberate.contains_key(*label)).collect();
    assert!(unreasoned.is_empty(), "{unreasoned:#?}");
    let needless: Vec<_> = deliberate.keys().filter(|label| !others.contains_key(*label)).collect();
    assert!(needless.is_empty(), "these are as they were: {needless:?}");
}

/// Questions that are put otherwise: the call, the path, the reason.
const ASKED_OTHERWISE: [(&str, &str, &str); 3] = [
    (
        "elicit accept",
        "/params/requestedSchema/properties/number/title",
        "E11: it said 1-1000 and meant 0-1000",
    ),
    (
        "sampling",
        "/params/messages/0/content/text",
        "it names the tool, which has another name here",
    ),
    (
        "sampling async (client sync)",
        "/params/messages/0/content/text",
        "it names the tool, which has another name here",
    ),
];

#[tokio::test]
async fn every_question_is_put_as_it_was_or_has_a_reason() {
    let calls: Vec<Call> = recorded("answers.json");
    let (script, answers) = scripted(&calls);
    let (_world, session) = session(script).await;
    let mut found = Vec::new();
    for call in calls.iter().filter(|call| call.asked.is_some()) {
        call.client.clone_into(&mut answers.lock().expect("nobody panics"));
        let _ = asked(&session, call).await;
        let mut put = session.questions().pop().expect("it asks");
        for member in ["id", "jsonrpc"] {
            put.as_object_mut().expect("a message").remove(member);
        }
        // What belongs to the moment is in `_meta`.
        put["params"].as_object_mut().expect("parameters").remove("_meta");
        let theirs = call.asked.as_ref().expect("it was asked");
        differences(&call.label, theirs, &put, "", &mut found);
    }
    let otherwise: Vec<_> = ASKED_OTHERWISE.iter().map(|(call, path, _)| (*call, *path)).collect();
    let paths: Vec<_> = found.iter().map(|one| (one.item.as_str(), one.path.as_str())).collect();
    assert_eq!(paths, otherwise, "{found:#?}");
}

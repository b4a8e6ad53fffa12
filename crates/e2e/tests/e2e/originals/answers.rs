//! What each of them answered, call by call, in both eras.

use std::sync::{Arc, Mutex};

use ambient::Clock;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::mcp::Revision;
use testkit::rpc::{Modern, Reply, Script, Session};

use super::{
    compare::{Comparison, told},
    modern_in, recorded, session_in, world,
};

/// One call, as it was.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    label: String,
    method: String,
    params: Option<Value>,
    /// What the client answers, by the method of the question; a list is answered one by one.
    #[serde(default)]
    client: Map<String, Value>,
    /// What it was asked.
    asked: Option<Value>,
    /// How far it said that it was.
    #[serde(default)]
    progress: Vec<Value>,
    result: Option<Value>,
    error: Option<Value>,
}

impl Call {
    fn params(&self) -> Value {
        self.params.clone().unwrap_or_default()
    }

    /// All that was recorded of the answer.
    fn record(&self) -> Value {
        let mut record = match (&self.result, &self.error) {
            (Some(result), _) => told(&json!({ "result": result })),
            (None, error) => told(&json!({ "error": error })),
        };
        let worded = |note: &Value| {
            let mut note = note.clone();
            let members = note.as_object_mut().expect("an object");
            // C17: the calculator wrote its words where nobody looks for them.
            if let Some(words) = members.shift_remove("data") {
                members.insert("message".to_owned(), words);
            }
            note
        };
        record["progress"] = self.progress.iter().map(worded).collect();
        if let Some(asked) = &self.asked {
            record["asked"] = asked.clone();
        }
        record
    }

    /// The same of ours.
    fn answer(&self, replies: &[Reply], question: Option<Value>) -> Value {
        let last = replies.last().and_then(|reply| reply.messages.last()).expect("an answer");
        let mut answer = told(last);
        let notes = replies.iter().flat_map(|reply| reply.notifications("notifications/progress"));
        let untold = |note: &Value| {
            let mut note = note.clone();
            note.as_object_mut().expect("an object").shift_remove("progressToken");
            note
        };
        answer["progress"] = notes.map(untold).collect();
        if self.asked.is_some()
            && let Some(question) = question
        {
            answer["asked"] = question;
        }
        answer
    }
}

/// A client that answers what the call at hand says, and one at a time.
#[derive(Clone, Default)]
struct Client(Arc<Mutex<Map<String, Value>>>);

impl Client {
    fn script(&self, calls: &[Call]) -> Script {
        let methods = calls.iter().flat_map(|call| call.client.keys().cloned());
        methods.fold(Script::default(), |script, method| {
            let (client, name) = (self.clone(), method.clone());
            script.on(&method, move |_| client.answer(&name))
        })
    }

    fn answer(&self, method: &str) -> Value {
        let mut answers = self.0.lock().expect("nobody panics");
        match answers.get_mut(method) {
            Some(Value::Array(rest)) if !rest.is_empty() => rest.remove(0),
            Some(answer) => answer.clone(),
            None => Value::Null,
        }
    }

    fn turn_to(&self, call: &Call) {
        call.client.clone_into(&mut self.0.lock().expect("nobody panics"));
    }
}

/// A question without what belongs to the moment.
fn bare(question: &Value) -> Value {
    let mut params = question["params"].clone();
    params.as_object_mut().expect("parameters").shift_remove("_meta");
    json!({ "method": question["method"], "params": params })
}

async fn in_session(session: &Session, call: &Call) -> Value {
    let before = session.questions().len();
    let reply = session.call(&call.method, call.params()).await;
    let question = session.questions().get(before).map(bare);
    call.answer(&[reply], question)
}

async fn without_session(modern: &Modern, call: &Call) -> Value {
    let replies = modern.converse(&call.method, call.params()).await;
    let first = replies[0].messages.last().expect("an answer");
    let questions = first["result"]["inputRequests"].as_object();
    let question = questions.and_then(|all| all.values().next()).map(bare);
    call.answer(&replies, question)
}

/// The nine fields of `elicitInputs`, as the reference server asked for them.
fn nine_fields() -> Value {
    let pets = ["cats", "dogs", "birds", "fish", "reptiles"];
    let names = ["Cats", "Dogs", "Birds", "Fish", "Reptiles"];
    // As a text, since as a number it would be taken for that of the circle.
    let number: Value = serde_json::from_str("3.14").expect("a number");
    json!({
        "name": { "type": "string", "title": "Full Name" },
        "check": { "type": "boolean" },
        "color": { "type": "string", "default": "blue" },
        "email": { "type": "string", "format": "email" },
        "homepage": { "type": "string", "format": "uri" },
        "birthdate": { "type": "string", "format": "date" },
        "integer": { "type": "integer", "minimum": 1, "maximum": 100, "default": 42 },
        "number": { "type": "number", "minimum": 0.0, "maximum": 1000.0, "default": number },
        "petType": { "type": "string", "enum": pets, "enumNames": names, "default": "dogs" },
    })
}

#[tokio::test]
async fn the_form_of_the_reference_has_its_nine_fields_in_both_eras() {
    let (world, token) = world(Clock::system()).await;
    let declining =
        || Script::default().on("elicitation/create", |_| json!({ "action": "decline" }));
    let call: Call = serde_json::from_value(json!({
        "label": "elicitInputs", "method": "tools/call", "asked": {},
        "params": { "name": "elicitInputs", "arguments": {} },
    }))
    .expect("it is a call");
    let session = session_in(&world, &token, declining()).await;
    let modern = modern_in(&world, &token, declining());
    for told in [in_session(&session, &call).await, without_session(&modern, &call).await] {
        let params = &told["asked"]["params"];
        assert_eq!(params["message"], "Please provide inputs for the following fields:");
        let schema = &params["requestedSchema"];
        assert_eq!(schema["required"], json!(["name"]));
        let mut fields = schema["properties"].clone();
        let expected = nine_fields();
        for field in fields.as_object_mut().expect("fields").values_mut() {
            let described = field.as_object_mut().expect("a field").shift_remove("description");
            assert!(described.is_some_and(|words| words.is_string()), "{schema}");
        }
        let order =
            |fields: &Value| fields.as_object().map(|all| all.keys().cloned().collect::<Vec<_>>());
        assert_eq!((order(&fields), &fields), (order(&expected), &expected));
    }
}

#[tokio::test]
async fn every_answer_in_a_session_is_as_it_was_or_has_a_reason() {
    let calls: Vec<Call> = recorded("answers.json");
    let (client, (world, token)) = (Client::default(), world(Clock::system()).await);
    let session = session_in(&world, &token, client.script(&calls)).await;
    let mut comparison = Comparison::new(Revision::LATEST_LEGACY);
    for call in &calls {
        client.turn_to(call);
        comparison.add(&call.label, &call.record(), &in_session(&session, call).await);
    }
    comparison.check("answers");
}

#[tokio::test]
async fn every_answer_without_a_session_is_as_it_was_or_has_a_reason() {
    let calls: Vec<Call> = recorded("answers.json");
    let (client, (world, token)) = (Client::default(), world(Clock::system()).await);
    let modern = modern_in(&world, &token, client.script(&calls));
    let mut comparison = Comparison::new(Revision::V2026_07_28);
    for call in &calls {
        client.turn_to(call);
        comparison.add(&call.label, &call.record(), &without_session(&modern, call).await);
    }
    comparison.check("answers");
}

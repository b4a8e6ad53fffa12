//! The research query of the everything server, from its beginning to its result, in both forms of
//! tasks.

use std::{collections::BTreeMap, time::Duration};

use ambient::Clock;
use e2e::World;
use serde_json::{Map, Value, json};
use shared::mcp::{Revision, TASKS_EXTENSION};
use testkit::rpc::{Exchange, Modern, Script, Session};

use super::{
    compare::{Comparison, told},
    modern_in, recorded, session_in, world,
};

/// Less than a stage of the query: none is missed by looking so often.
const LOOK: Duration = Duration::from_millis(100);

/// More looks than a query takes.
const LOOKS: usize = 1000;

/// What was recorded of each query: parameters, answers, and what became of it.
type Queries = BTreeMap<String, Map<String, Value>>;

/// The same of a query here: all but what was sent.
type Became = Map<String, Value>;

/// A task without what belongs to the moment.
fn bare(task: &Value) -> Value {
    let mut task = task.clone();
    let members = task.as_object_mut().expect("a task");
    for moment in ["taskId", "createdAt", "lastUpdatedAt", "_meta", "resultType"] {
        members.shift_remove(moment);
    }
    task
}

/// A question without what belongs to the moment.
fn question(message: &Value) -> Value {
    let mut params = message["params"].clone();
    params.as_object_mut().expect("parameters").shift_remove("_meta");
    json!({ "method": message["method"], "params": params })
}

/// Where a task was, each time that it was elsewhere.
#[derive(Default)]
struct Statuses(Vec<Value>);

impl Statuses {
    fn note<'a>(&mut self, task: &'a Value) -> &'a str {
        let (now, words) = (&task["status"], &task["statusMessage"]);
        // A task that has just begun, or goes on with an answer, has not said yet what it does.
        let goes_on =
            now == "working" && self.0.last().is_some_and(|last| last["statusMessage"] == *words);
        let status = json!({ "status": now, "statusMessage": words });
        if words.is_string() && !goes_on && self.0.last() != Some(&status) {
            self.0.push(status);
        }
        now.as_str().expect("a status")
    }
}

async fn code_of(session: &Session, method: &str, id: &Value) -> Value {
    json!({ "code": session.call(method, json!({ "taskId": id })).await.error()["code"] })
}

/// The result that a session waits for, and what it is asked meanwhile.
async fn asked_in(session: &Session, id: &Value, answer: &Value) -> (Exchange, Value) {
    let mut stream = session.open(session.draft("tasks/result", json!({ "taskId": id }))).await;
    let asked = stream.next().await.expect("a question");
    drop(session.respond(&asked["id"], Ok(answer.clone())).await.expect(202));
    (stream, question(&asked))
}

async fn followed_in(world: &World, session: &Session, query: &Map<String, Value>) -> Became {
    let mut became = Became::new();
    let created = session.call("tools/call", query["params"].clone()).await.expect(200);
    let id = created.result()["task"]["taskId"].clone();
    became.insert("created".to_owned(), bare(&created.result()["task"]));
    let (mut statuses, mut waiting) = (Statuses::default(), None);
    for _ in 0..LOOKS {
        let task = session.call("tasks/get", json!({ "taskId": id })).await.expect(200);
        match statuses.note(task.result()) {
            "input_required" if waiting.is_none() => {
                let answer = &query["client"]["elicitation/create"];
                let (stream, asked) = asked_in(session, &id, answer).await;
                became.insert("asked".to_owned(), asked);
                waiting = Some(stream);
            }
            "working" | "input_required" => world.clock.advance(LOOK),
            _ => break,
        }
    }
    became.insert("statuses".to_owned(), statuses.0.into());
    let result = if let Some(mut stream) = waiting {
        stream.next().await.expect("a result")
    } else {
        let listed = session.call("tasks/list", json!({})).await.expect(200);
        became.insert("listed".to_owned(), bare(&listed.result()["tasks"][0]));
        let reply = session.call("tasks/result", json!({ "taskId": id })).await.expect(200);
        reply.messages.last().expect("a result").clone()
    };
    became.insert("result".to_owned(), told(&result)["result"].clone());
    became
}

async fn cancelled_in(session: &Session, params: Value) -> Became {
    let created = session.call("tools/call", params).await.expect(200);
    let id = &created.result()["task"]["taskId"];
    let cancelled = session.call("tasks/cancel", json!({ "taskId": id })).await.expect(200);
    let after = session.call("tasks/get", json!({ "taskId": id })).await.expect(200);
    Became::from_iter([
        ("cancelled".to_owned(), bare(cancelled.result())),
        ("after".to_owned(), bare(after.result())),
        ("again".to_owned(), code_of(session, "tasks/cancel", id).await),
        ("resultAfter".to_owned(), code_of(session, "tasks/result", id).await),
        ("unknown".to_owned(), code_of(session, "tasks/get", &json!("0".repeat(32))).await),
    ])
}

async fn followed(world: &World, modern: &Modern, query: &Map<String, Value>) -> Became {
    let mut became = Became::new();
    let mut params = query["params"].clone();
    params.as_object_mut().expect("parameters").shift_remove("task");
    let created = modern.call("tools/call", params).await.expect(200);
    let id = created.result()["taskId"].clone();
    became.insert("created".to_owned(), bare(created.result()));
    let mut statuses = Statuses::default();
    for _ in 0..LOOKS {
        let task = modern.call("tasks/get", json!({ "taskId": id })).await.expect(200);
        match statuses.note(task.result()) {
            "input_required" => {
                let questions = task.result()["inputRequests"].as_object().expect("questions");
                let (key, asked) = questions.iter().next().expect("a question");
                let answers = json!({ key: query["client"]["elicitation/create"] });
                let update = json!({ "taskId": id, "inputResponses": answers });
                drop(modern.call("tasks/update", update).await.expect(200));
                became.insert("asked".to_owned(), question(asked));
            }
            "working" => world.clock.advance(LOOK),
            _ => {
                let result = json!({ "result": task.result()["result"] });
                became.insert("result".to_owned(), told(&result)["result"].clone());
                break;
            }
        }
    }
    became.insert("statuses".to_owned(), statuses.0.into());
    became
}

async fn cancelled(modern: &Modern, mut params: Value) -> Became {
    params.as_object_mut().expect("parameters").shift_remove("task");
    let created = modern.call("tools/call", params).await.expect(200);
    let id = json!({ "taskId": created.result()["taskId"] });
    let cancelled = modern.call("tasks/cancel", id.clone()).await.expect(200);
    let after = modern.call("tasks/get", id.clone()).await.expect(200);
    let again = modern.call("tasks/cancel", id).await.expect(200);
    let unknown = modern.call("tasks/get", json!({ "taskId": "0".repeat(32) })).await;
    Became::from_iter([
        ("cancelled".to_owned(), bare(cancelled.result())),
        ("after".to_owned(), bare(after.result())),
        ("again".to_owned(), bare(again.result())),
        ("unknown".to_owned(), json!({ "code": unknown.error()["code"] })),
    ])
}

/// Compares what became of the queries with what was recorded.
fn compare(revision: Revision, queries: Queries, mut became: BTreeMap<&str, Became>) {
    let mut comparison = Comparison::new(revision);
    for (label, mut query) in queries {
        for sent in ["params", "client"] {
            query.shift_remove(sent);
        }
        let ours = became.remove(label.as_str()).expect("it was followed");
        comparison.add(&label, &Value::Object(query), &Value::Object(ours));
    }
    comparison.check("tasks");
}

#[tokio::test]
async fn a_query_becomes_what_it_became_or_has_a_reason_in_a_session() {
    let queries: Queries = recorded("tasks.json");
    let (world, token) = world(Clock::manual(Clock::system().now())).await;
    let session = session_in(&world, &token, Script::default()).await;
    let became = BTreeMap::from([
        ("research", followed_in(&world, &session, &queries["research"]).await),
        ("ambiguous", followed_in(&world, &session, &queries["ambiguous"]).await),
        ("cancelled", cancelled_in(&session, queries["research"]["params"].clone()).await),
    ]);
    compare(Revision::LATEST_LEGACY, queries, became);
}

/// The query went through all of its stages, and nobody was asked what it means.
fn went_on_unasked(became: &Became) {
    let text = became["result"]["content"][0]["text"].as_str().expect("a report");
    assert!(text.contains("Stage 4") && !text.contains("Clarification"), "{text}");
    let statuses = became["statuses"].as_array().expect("where it was");
    let said = |one: &Value| one["statusMessage"].as_str().unwrap_or_default().to_owned();
    let said: Vec<_> = statuses.iter().map(said).collect();
    assert!(said.contains(&"Generating report...".to_owned()), "{said:?}");
    assert!(!said.iter().any(|words| words.contains("clarification")), "{said:?}");
    assert!(!became.contains_key("asked"));
}

#[tokio::test]
async fn an_ambiguous_query_of_a_client_without_forms_goes_on_unasked_in_both_eras() {
    let queries: Queries = recorded("tasks.json");
    let (world, token) = world(Clock::manual(Clock::system().now())).await;
    let session = world.session(&token).open().await;
    went_on_unasked(&followed_in(&world, &session, &queries["ambiguous"]).await);
    let able = json!({ "extensions": { TASKS_EXTENSION: {} } });
    let modern = world.modern(&token).capabilities(able);
    went_on_unasked(&followed(&world, &modern, &queries["ambiguous"]).await);
}

#[tokio::test]
async fn a_query_becomes_what_it_became_or_has_a_reason_without_a_session() {
    let queries: Queries = recorded("tasks.json");
    let (world, token) = world(Clock::manual(Clock::system().now())).await;
    let modern = modern_in(&world, &token, Script::default());
    let became = BTreeMap::from([
        ("research", followed(&world, &modern, &queries["research"]).await),
        ("ambiguous", followed(&world, &modern, &queries["ambiguous"]).await),
        ("cancelled", cancelled(&modern, queries["research"]["params"].clone()).await),
    ]);
    compare(Revision::V2026_07_28, queries, became);
}

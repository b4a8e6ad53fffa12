//! Tasks, in the form of the extension and in that of 2025-11-25.

use std::time::Duration;

use serde_json::{Value, json};
use shared::mcp::{Era, Revision, TASKS_EXTENSION, keys};
use testkit::{
    as_time_passes,
    rpc::{Exchange, Modern, Script, Session},
};

use crate::{
    authorization::{Scene, scene_on},
    world::{World, still, two, world},
};

fn able() -> Value {
    json!({ "elicitation": {}, "extensions": { TASKS_EXTENSION: {} } })
}

async fn start(modern: &Modern, tool: &str) -> String {
    let reply = modern.tool(tool, json!({})).await.expect(200);
    assert_eq!(reply.result()["resultType"], "task", "{reply}");
    reply.result()["taskId"].as_str().unwrap().to_owned()
}

async fn get(modern: &Modern, id: &str) -> Value {
    modern.call("tasks/get", json!({ "taskId": id })).await.expect(200).result().clone()
}

/// Waits until a task is where it should be.
async fn until(modern: &Modern, id: &str, status: &str) -> Value {
    let reached = async || {
        let task = get(modern, id).await;
        (task["status"] == status).then_some(task)
    };
    testkit::eventually(testkit::PATIENCE, reached).await
}

fn client(world: &World) -> Modern {
    world.modern().capabilities(able())
}

#[tokio::test]
async fn a_task_is_found_and_completed_on_another_instance() {
    let (here, there) = two().await;
    let id = start(&client(&here), "job").await;
    let elsewhere = client(&there);
    assert_eq!(get(&elsewhere, &id).await["status"], "working");
    here.clock.advance(Duration::from_secs(10));
    let done = until(&elsewhere, &id, "completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "done");
    assert!(done.get("inputRequests").is_none() && done.get("error").is_none());
}

#[tokio::test]
async fn a_client_that_cannot_follow_tasks_waits_for_the_answer() {
    let world = world().await;
    let modern = world.modern();
    let call = modern.tool("job", json!({}));
    let time = async {
        let clock = ambient::Clock::system();
        for _ in 0..100 {
            clock.sleep(Duration::from_millis(10)).await;
            world.clock.advance(Duration::from_secs(10));
        }
    };
    let reply = tokio::select! { reply = call => reply, () = time => panic!("no answer") };
    assert_eq!(reply.expect(200).result()["content"][0]["text"], "done");
}

#[tokio::test]
async fn the_methods_of_tasks_are_closed_to_who_does_not_declare_them() {
    let world = world().await;
    let id = start(&client(&world), "job").await;
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let params = json!({ "taskId": id, "inputResponses": {} });
        drop(world.modern().call(method, params).await.expect_error(400, -32021));
        let unknown = json!({ "taskId": "0".repeat(32), "inputResponses": {} });
        drop(client(&world).call(method, unknown).await.expect_error(200, -32602));
        let malformed = json!({ "taskId": 5, "inputResponses": [] });
        drop(world.modern().call(method, malformed.clone()).await.expect_error(400, -32021));
        drop(client(&world).call(method, malformed).await.expect_error(200, -32602));
    }
    let unanswered = json!({ "taskId": id });
    drop(client(&world).call("tasks/update", unanswered).await.expect_error(200, -32602));
    for method in ["tasks/list", "tasks/result"] {
        drop(client(&world).call(method, json!({ "taskId": id })).await.expect_error(404, -32601));
    }
}

#[tokio::test]
async fn a_task_asks_and_goes_on_with_the_answer_from_another_instance() {
    let (here, there) = two().await;
    let id = start(&client(&here), "ask-later").await;
    let elsewhere = client(&there);
    let waiting = until(&elsewhere, &id, "input_required").await;
    assert_eq!(waiting["inputRequests"]["who"]["method"], "elicitation/create");
    let update = async |key: &str, content: Value| {
        let answer = json!({ "action": "accept", "content": content });
        let params = json!({ "taskId": id, "inputResponses": { key: answer } });
        drop(elsewhere.call("tasks/update", params).await.expect(200));
    };
    update("nobody-asked", json!({})).await;
    let of_no_kind = json!({ "taskId": id, "inputResponses": { "who": {} } });
    drop(elsewhere.call("tasks/update", of_no_kind).await.expect_error(200, -32602));
    update("who", json!({ "name": 5 })).await;
    let again = until(&elsewhere, &id, "input_required").await;
    let keys: Vec<_> = again["inputRequests"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["who-2"], "a key is not used twice");
    update("who-2", json!({ "name": "Ada" })).await;
    let done = until(&elsewhere, &id, "completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "Hello, Ada!");
}

#[tokio::test]
async fn a_cancelled_task_stops_on_whichever_instance_it_runs() {
    let (mut here, there) = two().await;
    let id = start(&client(&here), "job").await;
    here.happened("started").await;
    let elsewhere = client(&there);
    for _ in 0..2 {
        drop(elsewhere.call("tasks/cancel", json!({ "taskId": id })).await.expect(200));
    }
    // Its work is dropped in the middle, so nothing of it can go on, and what was cancelled says so.
    here.happened("dropped").await;
    let task = get(&elsewhere, &id).await;
    assert_eq!(task["status"], "cancelled");
    assert_eq!(task["statusMessage"], "Client cancelled task execution.");
}

#[tokio::test]
async fn a_task_whose_instance_died_has_failed_and_says_so() {
    let (here, there) = two().await;
    let id = start(&client(&here), "job").await;
    here.lifecycle.abort();
    here.lifecycle.finished().await;
    there.clock.advance(Duration::from_secs(6));
    assert_eq!(get(&client(&there), &id).await["status"], "working", "one look is not enough");
    there.clock.advance(Duration::from_secs(3));
    let failed = get(&client(&there), &id).await;
    assert_eq!(failed["error"]["data"]["reason"], "instance_lost", "{failed}");
}

async fn no_room(session: &Session) {
    let core = json!({ "name": "job", "arguments": {}, "task": {} });
    drop(session.call("tools/call", core).await.expect_error(200, -32602));
}

/// Two instances that know their callers.
async fn two_for_alice() -> (Scene, World) {
    let (store, clock) = still();
    let here = scene_on(&store, clock, &[]).await;
    let there = here.another(&store, &[]).await;
    (here, there)
}

/// A client of one of them, which both have one name.
fn alice(world: &World) -> Modern {
    Modern::new(&format!("{}/mcp", world.address)).capabilities(able()).bearer("alice.mcp")
}

async fn session_of_alice(world: &World) -> Session {
    Session::opening(&format!("{}/mcp", world.address)).bearer("alice.mcp").open().await
}

#[tokio::test]
async fn a_caller_has_so_many_tasks_and_room_for_another_when_one_has_ended() {
    let (Scene { world: here, .. }, there) = &two_for_alice().await;
    let (modern, elsewhere, session) = (alice(here), alice(there), session_of_alice(there).await);
    let mut last = String::new();
    for _ in 0..100 {
        last = start(&modern, "job").await;
    }
    no_room(&session).await;
    start(&client(here).bearer("bob.mcp"), "job").await;
    drop(elsewhere.call("tasks/cancel", json!({ "taskId": last })).await.expect(200));
    start_core(&session, "job").await;
    no_room(&session).await;
    here.clock.advance(Duration::from_secs(10));
    until(&elsewhere, &last, "cancelled").await;
    let free = async || modern.tool("job", json!({})).await.result().get("taskId").cloned();
    testkit::eventually(testkit::PATIENCE, free).await;
}

#[tokio::test]
async fn a_tool_that_may_be_a_task_runs_on_without_one_where_there_is_no_room() {
    let (store, clock) = still();
    let mut scene = scene_on(&store, clock, &[]).await;
    let here = &mut scene.world;
    let modern = alice(here);
    for _ in 0..100 {
        start(&modern, "job").await;
    }
    let chore = modern.tool("chore", json!({})).await.expect(200);
    assert_eq!(chore.result()["isError"], true, "{chore}");
    here.forget();
    let call = async { modern.tool("job", json!({})).await.expect(200) };
    let time = async {
        here.happened("started").await;
        here.clock.advance(Duration::from_secs(10));
    };
    let (reply, ()) = tokio::join!(call, time);
    assert_eq!(reply.result()["content"][0]["text"], "done", "{reply}");
}

#[tokio::test]
async fn where_everybody_is_the_same_caller_nobody_takes_up_the_room_of_the_others() {
    let world = world().await;
    for _ in 0..150 {
        start(&client(&world), "job").await;
    }
    start_core(&session(&world).await, "job").await;
}

#[tokio::test]
async fn the_tasks_of_an_instance_that_died_take_up_no_room() {
    let (Scene { world: here, .. }, there) = &two_for_alice().await;
    for _ in 0..100 {
        start(&alice(here), "job").await;
    }
    here.lifecycle.abort();
    here.lifecycle.finished().await;
    there.clock.advance(Duration::from_secs(6));
    no_room(&session_of_alice(there).await).await;
    there.clock.advance(Duration::from_secs(3));
    start(&alice(there), "job").await;
}

#[tokio::test]
async fn a_task_that_has_ended_does_not_change_any_more() {
    let world = world().await;
    let modern = client(&world);
    let id = start(&modern, "job").await;
    let cancel = async || {
        drop(modern.call("tasks/cancel", json!({ "taskId": id })).await.expect(200));
        get(&modern, &id).await
    };
    let ended = cancel().await;
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(cancel().await, ended);
}

#[tokio::test]
async fn what_a_task_asks_is_told_to_those_only_who_can_be_asked() {
    let world = world().await;
    let id = start(&client(&world), "ask-later").await;
    until(&client(&world), &id, "input_required").await;
    let follower = world.modern().capabilities(json!({ "extensions": { TASKS_EXTENSION: {} } }));
    let refused = follower.call("tasks/get", json!({ "taskId": id })).await;
    let needed = refused.expect_error(400, -32021).error()["data"]["requiredCapabilities"].clone();
    assert_eq!(needed, json!({ "elicitation": {} }));
    let wanted = json!({ "notifications": { "taskIds": [id] } });
    let mut stream = follower.open(follower.draft("subscriptions/listen", wanted)).await;
    assert_eq!(stream.next().await.unwrap()["params"]["notifications"]["taskIds"], json!([id]));
    let answer = json!({ "action": "accept", "content": { "name": 5 } });
    let update = json!({ "taskId": id, "inputResponses": { "who": answer } });
    drop(follower.call("tasks/update", update).await.expect(200));
    let asked_again = async || {
        let waiting = client(&world).call("tasks/get", json!({ "taskId": id })).await;
        waiting.result()["inputRequests"].get("who-2").cloned()
    };
    testkit::eventually(testkit::PATIENCE, asked_again).await;
    drop(follower.call("tasks/cancel", json!({ "taskId": id })).await.expect(200));
    let mut told = stream.next().await.unwrap();
    while told["params"]["status"] == "working" {
        told = stream.next().await.unwrap();
    }
    assert_eq!(told["params"]["status"], "cancelled", "{told}");
}

async fn session(world: &World) -> Session {
    let name = json!({ "action": "accept", "content": { "name": "Ada" } });
    let script = Script::default().on("elicitation/create", move |_| name.clone());
    world.opening().capabilities(json!({ "elicitation": {} })).script(script).open().await
}

async fn start_core(session: &Session, tool: &str) -> String {
    let params = json!({ "name": tool, "arguments": {}, "task": { "ttl": 60_000 } });
    let reply = session.call("tools/call", params).await.expect(200);
    assert_eq!(reply.result()["task"]["status"], "working", "{reply}");
    reply.result()["task"]["taskId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_waits_for_the_result_of_a_task_and_is_asked_meanwhile() {
    let (here, there) = two().await;
    let session = session(&here).await;
    let id = start_core(&session, "ask-later").await;
    let elsewhere = session.at(&there.endpoint());
    let reply = elsewhere.call("tasks/result", json!({ "taskId": id })).await.expect(200);
    let result = reply.messages.last().unwrap()["result"].clone();
    assert_eq!(result["content"][0]["text"], "Hello, Ada!");
    let related = json!({ "taskId": id });
    assert_eq!(result["_meta"]["io.modelcontextprotocol/related-task"], related);
    let asked = &elsewhere.questions()[0];
    assert_eq!(asked["params"]["_meta"]["io.modelcontextprotocol/related-task"], related);
    drop(session.call("tasks/cancel", json!({ "taskId": id })).await.expect_error(200, -32602));
}

#[tokio::test]
async fn a_task_is_kept_as_long_as_it_says_and_no_longer() {
    let world = world().await;
    let (session, modern) = (session(&world).await, client(&world));
    let id = start_core(&session, "job").await;
    let kept = async |id: &str| session.call("tasks/get", json!({ "taskId": id })).await;
    assert_eq!(kept(&id).await.expect(200).result()["ttl"], 60_000);
    let days = json!({ "name": "job", "arguments": {}, "task": { "ttl": 100_000_000_000_u64 } });
    let reply = session.call("tools/call", days).await.expect(200);
    assert_eq!(reply.result()["task"]["ttl"], 86_400_000, "what is longer than it may be is less");
    let extension = start(&modern, "job").await;
    assert_eq!(get(&modern, &extension).await["ttlMs"], 3_600_000);
    world.clock.advance(Duration::from_secs(59));
    drop(kept(&id).await.expect(200));
    world.clock.advance(Duration::from_secs(2));
    drop(kept(&id).await.expect_error(200, -32602));
    world.clock.advance(Duration::from_secs(3500));
    assert_eq!(get(&modern, &extension).await["status"], "completed");
    world.clock.advance(Duration::from_secs(100));
    let gone = modern.call("tasks/get", json!({ "taskId": extension })).await;
    drop(gone.expect_error(200, -32602));
}

#[tokio::test]
async fn a_task_tells_nothing_of_its_progress() {
    let mut world = world().await;
    let modern = client(&world);
    let params = json!({ "name": "job", "arguments": {}, "_meta": { "progressToken": "p" } });
    let reply = modern.call("tools/call", params).await.expect(200);
    assert_eq!(reply.messages.len(), 1, "{reply}");
    let id = reply.result()["taskId"].as_str().unwrap().to_owned();
    world.happened("started").await;
    let wanted = json!({ "notifications": { "taskIds": [id] } });
    let mut stream = modern.open(modern.draft("subscriptions/listen", wanted)).await;
    drop(stream.next().await);
    world.clock.advance(Duration::from_secs(10));
    let mut told = stream.next().await.unwrap();
    while told["params"]["status"] == "working" {
        told = stream.next().await.unwrap();
    }
    assert_eq!(told["method"], "notifications/tasks");
    assert_eq!(told["params"]["status"], "completed", "{told}");
}

/// Waits for the result of a task, up to its question.
async fn waiting(session: &Session, id: &str) -> (Exchange, Value) {
    let mut stream = session.open(session.draft("tasks/result", json!({ "taskId": id }))).await;
    let question = stream.next().await.unwrap();
    assert_eq!(question["method"], "elicitation/create");
    (stream, question["id"].clone())
}

/// Reads that a question is withdrawn.
async fn withdrawn(stream: &mut Exchange, question: &Value) {
    let note = stream.next().await.unwrap();
    assert_eq!(note["method"], "notifications/cancelled");
    assert_eq!(note["params"]["requestId"], *question);
}

#[tokio::test]
async fn the_result_of_a_task_that_ends_comes_although_it_has_asked() {
    let (here, there) = two().await;
    let session = session(&here).await;
    let id = start_core(&session, "ask-later").await;
    let (mut stream, question) = waiting(&session, &id).await;
    let elsewhere = session.at(&there.endpoint());
    drop(elsewhere.call("tasks/cancel", json!({ "taskId": id })).await.expect(200));
    withdrawn(&mut stream, &question).await;
    assert_eq!(stream.next().await.unwrap()["error"]["code"], -32602);
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn of_two_who_wait_for_a_task_one_is_asked_and_both_get_the_result() {
    let (here, there) = two().await;
    let session = session(&here).await;
    let id = start_core(&session, "ask-later").await;
    let (mut first, question) = waiting(&session, &id).await;
    let (mut second, asked) = waiting(&session.at(&there.endpoint()), &id).await;
    withdrawn(&mut first, &question).await;
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    drop(session.respond(&asked, Ok(answer)).await);
    for stream in [&mut first, &mut second] {
        let result = stream.next().await.unwrap();
        assert_eq!(result["result"]["content"][0]["text"], "Hello, Ada!", "{result}");
    }
}

#[tokio::test]
async fn who_still_waits_is_asked_when_who_was_asked_is_gone() {
    let world = world().await;
    let session = session(&world).await;
    let id = start_core(&session, "ask-later").await;
    let (mut first, question) = waiting(&session, &id).await;
    let draft = session.draft("tasks/result", json!({ "taskId": id })).id("second");
    let mut second = session.open(draft).await;
    let asked = second.next().await.unwrap()["id"].clone();
    withdrawn(&mut first, &question).await;
    let cancelled = json!({ "requestId": "second" });
    drop(session.notify("notifications/cancelled", cancelled).await.expect(202));
    withdrawn(&mut second, &asked).await;
    assert_eq!(second.next().await, None);
    let next = as_time_passes(&world.clock, Duration::from_secs(1), first.next());
    let question = next.await.unwrap();
    assert_eq!(question["method"], "elicitation/create");
    assert_ne!(question["id"], asked);
}

#[tokio::test]
async fn that_a_task_is_wanted_means_nothing_where_there_are_none() {
    let world = world().await;
    let call =
        |task: Value| json!({ "name": "echo", "arguments": { "message": "hi" }, "task": task });
    for task in [json!(5), json!({ "ttl": "x" }), json!({}), Value::Null] {
        let modern = world.modern();
        let reply = modern.send(modern.draft("tools/call", call(task.clone())).malformed()).await;
        assert_eq!(reply.expect(200).result()["content"][0]["text"], "hi", "{task}");
        for revision in Revision::ALL.into_iter().filter(|r| r.era() == Era::Legacy) {
            let session = world.opening().revision(revision).open().await;
            let draft = session.draft("tools/call", call(task.clone())).malformed();
            let reply = session.send(draft).await;
            if revision.has_core_tasks() && !task.is_null() {
                let code = if task == json!({}) { -32601 } else { -32602 };
                drop(reply.expect_error(200, code));
            } else {
                assert_eq!(reply.expect(200).result()["content"][0]["text"], "hi", "{task}");
            }
        }
    }
    let whole = r#"{"ttl":60000.0}"#;
    let session = session(&world).await;
    let task = serde_json::from_str::<Value>(whole).unwrap();
    let params = json!({ "name": "job", "arguments": {}, "task": task });
    let reply = session.call("tools/call", params).await.expect(200);
    assert_eq!(reply.result()["task"]["ttl"], 60_000, "{reply}");
}

#[tokio::test]
async fn who_declares_tasks_of_the_core_only_has_not_declared_the_extension() {
    let world = world().await;
    let core = json!({ "tasks": { "cancel": {}, "requests": { "tools": { "call": {} } } } });
    let modern = world.modern().capabilities(core);
    let id = start(&client(&world), "job").await;
    drop(modern.call("tasks/get", json!({ "taskId": id })).await.expect_error(400, -32021));
    let call = modern.tool("job", json!({}));
    let reply = as_time_passes(&world.clock, Duration::from_secs(1), call).await.expect(200);
    assert_eq!(reply.messages.last().unwrap()["result"]["content"][0]["text"], "done");
}

#[tokio::test]
async fn a_session_says_which_tools_can_be_tasks_and_refuses_the_others() {
    let world = world().await;
    let session = session(&world).await;
    assert!(session.initialized["capabilities"]["tasks"]["requests"]["tools"]["call"].is_object());
    let listed = session.call("tools/list", Value::Null).await.expect(200);
    let tools = listed.result()["tools"].as_array().unwrap();
    let execution =
        |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap()["execution"].clone();
    assert_eq!(execution("job"), json!({ "taskSupport": "optional" }));
    assert_eq!(execution("echo"), Value::Null);
    assert_eq!(execution("chore"), json!({ "taskSupport": "required" }));
    let plain = json!({ "name": "chore", "arguments": {} });
    drop(session.call("tools/call", plain).await.expect_error(200, -32601));
    let params = json!({ "name": "echo", "arguments": { "message": "x" }, "task": {} });
    drop(session.call("tools/call", params).await.expect_error(200, -32601));
    let unknown = json!({ "name": "nope", "arguments": {}, "task": {} });
    let refused = session.call("tools/call", unknown).await.expect_error(200, -32602);
    assert_eq!(refused.error()["message"], "Unknown tool: nope");
}

#[tokio::test]
async fn where_everybody_is_the_same_caller_nobody_lists_tasks() {
    let world = world().await;
    let session = session(&world).await;
    let tasks = &session.initialized["capabilities"]["tasks"];
    assert!(tasks.get("list").is_none() && tasks["cancel"].is_object(), "{tasks}");
    drop(session.call("tasks/list", Value::Null).await.expect_error(200, -32601));
}

#[tokio::test]
async fn tasks_of_one_era_are_unknown_in_the_other() {
    let world = world().await;
    let session = session(&world).await;
    let (modern, core) = (start(&client(&world), "job").await, start_core(&session, "job").await);
    let asked = client(&world).call("tasks/get", json!({ "taskId": core })).await;
    drop(asked.expect_error(200, -32602));
    let asked = session.call("tasks/get", json!({ "taskId": modern })).await;
    drop(asked.expect_error(200, -32602));
}

#[tokio::test]
async fn a_subscription_is_told_of_the_tasks_that_it_follows_wherever_they_run() {
    let (here, there) = two().await;
    let id = start(&client(&here), "ask-later").await;
    let elsewhere = client(&there);
    drop(until(&elsewhere, &id, "input_required").await);
    let wanted = json!({ "notifications": { "taskIds": [id, "0".repeat(32), id] } });
    let mut stream =
        elsewhere.open(elsewhere.draft("subscriptions/listen", wanted).id("sub")).await;
    let acknowledged = stream.next().await.unwrap();
    assert_eq!(acknowledged["params"]["notifications"], json!({ "taskIds": [id] }));
    drop(client(&here).call("tasks/cancel", json!({ "taskId": id })).await.expect(200));
    let told = stream.next().await.unwrap();
    assert_eq!(told["method"], "notifications/tasks");
    assert_eq!(told["params"]["_meta"][keys::SUBSCRIPTION_ID], "sub");
    let polled = get(&elsewhere, &id).await;
    for member in ["taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs"] {
        assert_eq!(told["params"][member], polled[member], "{member}");
    }
    assert_eq!(told["params"]["status"], "cancelled");
}

#[tokio::test]
async fn only_who_declares_tasks_may_follow_them() {
    let world = world().await;
    let wanted = json!({ "notifications": { "taskIds": ["0".repeat(32)] } });
    let refused = world.modern().call("subscriptions/listen", wanted).await;
    let refused = refused.expect_error(400, -32021);
    let needed = &refused.error()["data"]["requiredCapabilities"]["extensions"];
    assert!(needed.get(TASKS_EXTENSION).is_some(), "{refused}");
}

//! Lines of text: both eras on one pipe, and input that ends, breaks and floods.

use std::time::Duration;

use serde_json::{Value, json};
use shared::mcp::{Revision, keys};
use testkit::{PATIENCE, as_time_passes, rpc::Pipe, within};
use tokio::{
    io::{BufReader, duplex, split},
    task::JoinSet,
};

use crate::world::{World, world};

/// A client of a server that serves it alone.
async fn pipe() -> (World, Pipe, JoinSet<std::io::Result<()>>) {
    let world = world().await;
    let (pipe, serving) = pipe_to(&world);
    (world, pipe, serving)
}

/// The only client of this server.
pub(crate) fn pipe_to(world: &World) -> (Pipe, JoinSet<std::io::Result<()>>) {
    let (here, there) = duplex(1 << 16);
    let (input, output) = split(there);
    let server = world.server.clone();
    let mut serving = JoinSet::new();
    serving.spawn(async move { server.serve_lines(BufReader::new(input), output).await });
    let (output, input) = split(here);
    (Pipe::new(output, input), serving)
}

fn echo(message: &str) -> Value {
    json!({ "name": "echo", "arguments": { "message": message } })
}

fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn every_revision_with_sessions_is_spoken() {
    for revision in Revision::ALL.into_iter().filter(|r| *r != Revision::V2026_07_28) {
        let (_world, mut pipe, _serving) = pipe().await;
        let opened = pipe.initialize(revision, json!({})).await;
        assert_eq!(opened["result"]["protocolVersion"], revision.as_str());
        pipe.request(1, "tools/call", echo("hi")).await;
        assert_eq!(text(&pipe.next().await.unwrap()), "hi");
    }
}

#[tokio::test]
async fn a_stateless_request_needs_no_session_and_may_come_beside_one() {
    let (_world, mut pipe, _serving) = pipe().await;
    pipe.revision = Revision::V2026_07_28;
    pipe.stateless(1, "server/discover", json!({}), &json!({})).await;
    let discovered = pipe.next().await.unwrap();
    let all = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
    assert_eq!(discovered["result"]["supportedVersions"], json!(all));
    let meta = json!({ keys::PROTOCOL_VERSION: "2099-01-01", keys::CLIENT_CAPABILITIES: {} });
    pipe.request(3, "server/discover", json!({ "_meta": meta })).await;
    let refused = pipe.next().await.unwrap();
    assert_eq!(refused["error"]["data"]["supported"], json!(all));
    drop(pipe.initialize(Revision::V2025_11_25, json!({})).await);
    pipe.revision = Revision::V2026_07_28;
    pipe.stateless(2, "tools/call", echo("modern"), &json!({})).await;
    let answer = pipe.next().await.unwrap();
    assert_eq!((text(&answer), &answer["result"]["resultType"]), ("modern", &json!("complete")));
}

#[tokio::test]
async fn a_question_is_asked_and_answered_on_the_pipe() {
    let (_world, mut pipe, _serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({ "elicitation": {} })).await);
    pipe.request(1, "tools/call", json!({ "name": "ask", "arguments": {} })).await;
    let question = pipe.next().await.unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let content = json!({ "action": "accept", "content": { "name": "Ada" } });
    pipe.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": content })).await;
    assert_eq!(text(&pipe.next().await.unwrap()), "Hello, Ada!");
}

/// Whatever it is, it is an answer, and the call must not wait for another.
#[tokio::test]
async fn a_question_that_is_answered_by_no_error_of_json_rpc_has_failed() {
    let (_world, mut pipe, _serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({ "elicitation": {} })).await);
    for (id, error) in [(1, json!("x")), (2, json!({ "message": "no code" })), (3, json!({}))] {
        pipe.request(id, "tools/call", json!({ "name": "ask", "arguments": {} })).await;
        let question = pipe.next().await.unwrap();
        let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "error": error });
        pipe.write(format!("{answer}\n").as_bytes()).await;
        let ended = pipe.next().await.unwrap();
        assert_eq!((&ended["id"], &ended["result"]["isError"]), (&json!(id), &json!(true)));
    }
}

#[tokio::test]
async fn a_stateless_client_is_asked_by_an_answer_and_never_by_a_request() {
    let (_world, mut pipe, _serving) = pipe().await;
    pipe.revision = Revision::V2026_07_28;
    let call = json!({ "name": "ask", "arguments": {} });
    pipe.stateless(1, "tools/call", call, &json!({ "elicitation": {} })).await;
    let answer = pipe.next().await.unwrap();
    assert_eq!(answer["result"]["resultType"], "input_required");
}

#[tokio::test]
async fn a_cancelled_call_stops_and_is_not_answered_in_both_eras() {
    let (mut world, mut pipe, _serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({})).await);
    let stay = json!({ "name": "stay", "arguments": {} });
    let claim = json!({ keys::PROTOCOL_VERSION: "2026-07-28", keys::CLIENT_CAPABILITIES: {} });
    let (bare, claiming) = (json!({ "requestId": 8 }), json!({ "requestId": 8, "_meta": claim }));
    for (stateless, cancelled) in [(false, &bare), (true, &bare), (true, &claiming)] {
        world.forget();
        if stateless {
            pipe.stateless(8, "tools/call", stay.clone(), &json!({})).await;
        } else {
            pipe.request(8, "tools/call", stay.clone()).await;
        }
        world.happened("started").await;
        let method = "notifications/cancelled";
        pipe.send(&json!({ "jsonrpc": "2.0", "method": method, "params": cancelled })).await;
        world.happened("dropped").await;
    }
    pipe.request(9, "ping", json!({})).await;
    assert_eq!(pipe.next().await.unwrap()["id"], 9);
}

#[tokio::test]
async fn the_question_of_a_call_that_is_cancelled_is_withdrawn() {
    let (_world, mut pipe, _serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_06_18, json!({ "elicitation": {} })).await);
    pipe.request(1, "tools/call", json!({ "name": "ask", "arguments": {} })).await;
    let question = pipe.next().await.unwrap();
    let params = json!({ "requestId": 1 });
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
    pipe.send(&cancel).await;
    let withdrawn = pipe.next().await.unwrap();
    assert_eq!(withdrawn["method"], "notifications/cancelled");
    assert_eq!(withdrawn["params"]["requestId"], question["id"]);
}

#[tokio::test]
async fn a_call_is_cancelled_whose_id_a_cancelled_one_had() {
    let (mut world, mut pipe, _serving) = pipe().await;
    pipe.revision = Revision::V2026_07_28;
    let claim = json!({ keys::PROTOCOL_VERSION: "2026-07-28", keys::CLIENT_CAPABILITIES: {} });
    let params = json!({ "name": "stay", "arguments": {}, "_meta": claim });
    let call = json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": params });
    let params = json!({ "requestId": 8 });
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params
    });
    pipe.send(&call).await;
    world.happened("started").await;
    world.forget();
    // Both lines are there at once: the first call has not ended when the second begins.
    pipe.write(format!("{cancel}\n{call}\n").as_bytes()).await;
    world.happened("dropped").await;
    world.happened("started").await;
    world.forget();
    pipe.write(format!("{cancel}\n").as_bytes()).await;
    world.happened("dropped").await;
}

#[tokio::test]
async fn a_session_lives_as_long_as_its_process() {
    let (world, mut pipe, mut serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({})).await);
    // Used all the time, until it is older than others may become; and then not used for long.
    for minutes in [vec![2; 1000], vec![60 * 24 * 30]].concat() {
        world.clock.advance(Duration::from_mins(minutes));
        pipe.request(1, "tools/call", echo("there")).await;
        assert_eq!(text(&pipe.next().await.unwrap()), "there");
    }
    let announce = json!({ "name": "announce", "arguments": {} });
    pipe.request(2, "tools/call", announce).await;
    let told = [pipe.next().await.unwrap(), pipe.next().await.unwrap()];
    assert!(told.iter().any(|m| m["method"] == "notifications/tools/list_changed"), "{told:?}");
    pipe.end().await;
    let ended = testkit::within(testkit::PATIENCE, serving.join_next()).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_wants_no_answer_gets_none_even_if_it_is_wrong() {
    let (_world, mut pipe, _serving) = pipe().await;
    let note = |meta: Value| {
        let method = "notifications/cancelled";
        json!({ "jsonrpc": "2.0", "method": method, "params": { "requestId": 1, "_meta": meta } })
    };
    let malformed = note(json!({ keys::PROTOCOL_VERSION: 5 }));
    let unknown = note(json!({ keys::PROTOCOL_VERSION: "v9", keys::CLIENT_CAPABILITIES: {} }));
    let batch = json!([note(json!({}))]);
    let answers = json!([{ "jsonrpc": "2.0", "id": 5, "result": {} }]);
    let no_params = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": 5 });
    let nobodys = json!({ "jsonrpc": "2.0", "id": null, "result": {} });
    for session in [false, true] {
        if session {
            drop(pipe.initialize(Revision::V2025_06_18, json!({})).await);
        }
        for silent in [&malformed, &unknown, &batch, &answers, &no_params, &nobodys] {
            pipe.write(format!("{silent}\n").as_bytes()).await;
        }
        pipe.request("after", "ping", json!({})).await;
        let answer = pipe.next().await.unwrap();
        assert_eq!(answer["id"], "after", "{answer}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_answered_and_ends_nothing() {
    let (_world, mut pipe, _serving) = pipe().await;
    pipe.write(b"{nonsense\n\n  \n").await;
    assert_eq!(pipe.next().await.unwrap()["error"]["code"], -32700);
    pipe.write(&[b"\xff\xfe\n".to_vec(), vec![b'x'; 5 << 20], b"\n".to_vec()].concat()).await;
    assert_eq!(pipe.next().await.unwrap()["error"]["code"], -32700);
    assert_eq!(pipe.next().await.unwrap()["error"]["code"], -32600);
    pipe.request(1, "tools/list", json!({})).await;
    assert_eq!(pipe.next().await.unwrap()["error"]["code"], -32600);
    pipe.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    // An answer to what nobody has asked.
    pipe.write(b"{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}\n").await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({})).await);
    pipe.request("again", "initialize", json!({})).await;
    assert_eq!(pipe.next().await.unwrap()["error"]["code"], -32600);
}

#[tokio::test]
async fn a_ping_is_answered_before_there_is_a_session() {
    let (_world, mut pipe, _serving) = pipe().await;
    pipe.request("early", "ping", json!({})).await;
    let answer = pipe.next().await.unwrap();
    assert_eq!((&answer["id"], &answer["result"]), (&json!("early"), &json!({})));
    drop(pipe.initialize(Revision::V2025_11_25, json!({})).await);
}

#[tokio::test]
async fn changes_are_told_to_a_session_and_to_a_subscription() {
    let (_world, mut pipe, _serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({})).await);
    pipe.request(1, "tools/call", json!({ "name": "announce", "arguments": {} })).await;
    let (one, other) = (pipe.next().await.unwrap(), pipe.next().await.unwrap());
    let messages = [one, other];
    assert!(messages.iter().any(|m| m["method"] == "notifications/tools/list_changed"));
    assert!(messages.iter().any(|m| m["id"] == 1));
}

#[tokio::test]
async fn the_end_of_the_input_is_the_end_and_what_was_asked_is_answered() {
    let (_world, mut pipe, mut serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({})).await);
    pipe.request(1, "tools/call", echo("last")).await;
    pipe.end().await;
    assert_eq!(text(&pipe.next().await.unwrap()), "last");
    assert_eq!(pipe.next().await, None);
    let ended = testkit::within(testkit::PATIENCE, serving.join_next()).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_subscription_keeps_no_process_whose_input_has_ended() {
    let (_world, mut pipe, mut serving) = pipe().await;
    pipe.revision = Revision::V2026_07_28;
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    pipe.stateless(1, "subscriptions/listen", wanted, &json!({})).await;
    let acknowledged = pipe.next().await.unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    pipe.end().await;
    // The clock stands still: nothing is waited for.
    let ended = testkit::within(testkit::PATIENCE, serving.join_next()).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_subscription_ends_with_a_result_when_the_server_stops() {
    let (world, mut pipe, mut serving) = pipe().await;
    pipe.revision = Revision::V2026_07_28;
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    pipe.stateless(1, "subscriptions/listen", wanted, &json!({})).await;
    let acknowledged = pipe.next().await.unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    world.lifecycle.stop();
    let last = pipe.next().await.unwrap();
    assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!(1), &json!("complete")));
    let ended = testkit::within(testkit::PATIENCE, serving.join_next()).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_refused_and_answers_still_get_through() {
    let (world, mut pipe, _serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({ "elicitation": {} })).await);
    for id in 0..100 {
        pipe.request(id, "tools/call", json!({ "name": "ask", "arguments": {} })).await;
    }
    let mut question = Value::Null;
    for _ in 0..100 {
        question = pipe.next().await.unwrap();
    }
    pipe.request(100, "tools/list", json!({})).await;
    // Some of those before it might have ended in no time.
    let refused = as_time_passes(&world.clock, Duration::from_millis(100), pipe.next()).await;
    assert_eq!(refused.unwrap()["error"]["code"], -32600);
    pipe.request(101, "ping", json!({})).await;
    assert_eq!(pipe.next().await.unwrap()["result"], json!({}));
    let declined = json!({ "action": "decline" });
    pipe.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": declined })).await;
    assert_eq!(pipe.next().await.unwrap()["result"]["isError"], true);
}

/// More than a pipe holds, for a client that reads nothing.
async fn flood(pipe: &mut Pipe) {
    pipe.revision = Revision::V2026_07_28;
    for id in 0..20 {
        let large = "x".repeat(100_000);
        pipe.stateless(id, "tools/call", echo(&large), &json!({})).await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_keeps_no_process_whose_input_has_ended() {
    let (world, mut pipe, mut serving) = pipe().await;
    flood(&mut pipe).await;
    pipe.end().await;
    let ended = serving.join_next();
    let ended = as_time_passes(&world.clock, Duration::from_millis(500), ended).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_keeps_no_process_that_is_to_stop() {
    for at_once in [false, true] {
        let (world, mut pipe, mut serving) = pipe().await;
        flood(&mut pipe).await;
        world.lifecycle.stop();
        if at_once {
            world.lifecycle.abort();
        }
        let ended = serving.join_next();
        let ended = if at_once {
            within(PATIENCE, ended).await
        } else {
            as_time_passes(&world.clock, Duration::from_secs(1), ended).await
        };
        ended.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_call_has_the_time_of_a_shutdown_and_then_an_answer_that_says_so() {
    let (world, mut pipe, mut serving) = pipe().await;
    drop(pipe.initialize(Revision::V2025_11_25, json!({ "elicitation": {} })).await);
    for id in [1, 2] {
        pipe.request(id, "tools/call", json!({ "name": "ask", "arguments": {} })).await;
    }
    let questions = [pipe.next().await.unwrap(), pipe.next().await.unwrap()];
    world.lifecycle.stop();
    // Who is asked may still answer.
    let declined = json!({ "action": "decline" });
    pipe.send(&json!({ "jsonrpc": "2.0", "id": questions[0]["id"], "result": declined })).await;
    assert_eq!(pipe.next().await.unwrap()["result"]["isError"], true);
    let last = as_time_passes(&world.clock, Duration::from_millis(100), async {
        loop {
            let message = pipe.next().await.unwrap();
            if message["method"] != "notifications/cancelled" {
                return message;
            }
        }
    });
    let last = last.await;
    assert_eq!(last["error"]["data"]["reason"], "shutting_down", "{last}");
    let ended = serving.join_next();
    let ended = as_time_passes(&world.clock, Duration::from_millis(100), ended).await;
    ended.unwrap().unwrap().unwrap();
}

//! State of features over two instances: nothing is lost, and nobody sees what is another's.

use std::{cell::Cell, collections::BTreeSet};

use e2e::{Setup, World};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::mcp::Revision;
use testkit::{
    PATIENCE, eventually,
    rpc::{Exchange, Modern, Reply, Session},
};

use crate::support::session;

on_both_stores![
    of_200_calculations_over_two_instances_none_is_lost,
    of_200_calculations_in_a_session_none_is_lost,
    of_50_calculations_in_each_of_four_sessions_none_is_lost_or_anothers,
    who_watches_is_told_of_what_is_calculated_elsewhere,
    who_watches_without_a_session_is_told_of_their_own_calculations,
    what_is_calculated_here_is_read_there,
    a_history_ends_nowhere_but_at_its_owner,
    statistics_are_those_of_all_instances,
    a_refused_initialize_leaves_no_session,
];

async fn two(setup: Setup) -> World {
    setup.instances(2).start().await
}

/// How many histories the calculations go into: each has room for some that are made twice.
const HISTORIES: u32 = 8;

/// The `n`th calculation.
fn nth(n: u32) -> Value {
    json!({ "a": n, "b": 1, "op": "add", "history": format!("h{}", n % HISTORIES) })
}

/// Makes a calculation, and gives its id and how often it was tried in vain. A busy machine may not
/// answer in time, and says so: then it is not known whether it was kept, and it is made again.
async fn made(call: impl AsyncFn() -> Reply) -> (String, u64) {
    for vain in 0..20 {
        let reply = call().await;
        if reply.status == 200 && reply.messages[0]["result"].is_object() {
            return (id(reply.result()), vain);
        }
    }
    panic!("no calculation was answered");
}

/// All ids, and how many tries were in vain.
fn sum(made: Vec<(String, u64)>) -> (BTreeSet<String>, u64) {
    let vain = made.iter().map(|(_, vain)| vain).sum();
    (made.into_iter().map(|(id, _)| id).collect(), vain)
}

fn id(result: &Value) -> String {
    result["structuredContent"]["id"].as_str().expect("a calculation has an id").to_owned()
}

/// The ids that a history holds, by its completion.
fn completion(history: u32) -> Value {
    json!({
        "ref": {
            "type": "ref/resource",
            "uri": "calculator://histories/{history}/{calculationId}",
        },
        "argument": { "name": "calculationId", "value": "" },
        "context": { "arguments": { "history": format!("h{history}") } },
    })
}

fn values(result: &Value) -> Vec<String> {
    serde_json::from_value(result["completion"]["values"].clone()).expect("they are texts")
}

fn text(result: &Value) -> Value {
    let text = result["contents"][0]["text"].as_str().expect("the content is a text");
    serde_json::from_str(text).expect("the text is JSON")
}

async fn read(from: &Modern, uri: &str) -> Value {
    text(from.call("resources/read", json!({ "uri": uri })).await.expect(200).result())
}

async fn of_200_calculations_over_two_instances_none_is_lost(setup: Setup) {
    let world = two(setup).await;
    let alice = world.login("alice").await;
    let both = [0, 1].map(|n| world.modern(alice.access()).at(&world.endpoint_at(n)));
    let calls = (0..200_u32).map(|n| {
        let instance = both[usize::from(n % 3 == 0)].clone();
        async move { made(async || instance.tool("calculate", nth(n)).await).await }
    });
    let (made, vain) = sum(join_all(calls).await);
    let mut kept = BTreeSet::new();
    for history in 0..HISTORIES {
        let reply = both[0].call("completion/complete", completion(history)).await.expect(200);
        kept.extend(values(reply.result()));
    }
    assert!(made.len() == 200 && kept.is_superset(&made), "{made:?} {kept:?}");
    let counted = read(&both[1], "calculator://stats").await["totalCalculations"].as_u64();
    assert!((200..=200 + vain).contains(&counted.expect("a number")), "{counted:?} {vain}");
}

async fn of_200_calculations_in_a_session_none_is_lost(setup: Setup) {
    let world = two(setup).await;
    let here = session(&world, world.login("alice").await.access()).await;
    let there = here.at(&world.endpoint_at(1));
    let calls = (0..200_u32).map(|n| {
        let instance = if n % 2 == 0 { &here } else { &there };
        async move { made(async || instance.tool("calculate", nth(n)).await).await }
    });
    let (made, vain) = sum(join_all(calls).await);
    let mut kept = BTreeSet::new();
    for history in 0..HISTORIES {
        let reply = there.call("completion/complete", completion(history)).await.expect(200);
        kept.extend(values(reply.result()));
    }
    assert!(made.len() == 200 && kept.is_superset(&made), "{made:?} {kept:?}");
    // The session's own facts are counted the same way: C5 lost most of them. An instance tells of
    // uses once a second: the next one there tells of all before it. A count that the store does not
    // take in time is given up, and where calculations were not taken in time a few may be.
    let promised = if vain == 0 { 1 + 200 + u64::from(HISTORIES) } else { 150 };
    let uri = format!("session://info/{}", here.id.as_deref().expect("a session has a name"));
    let looks = Cell::new(0);
    let counted = eventually(PATIENCE, || async {
        looks.set(looks.get() + 1);
        let _ = there.call("ping", json!({})).await.expect(200);
        let info = here.call("resources/read", json!({ "uri": uri })).await.expect(200);
        let counted = text(info.result())["requestCount"].as_u64().expect("a number");
        (counted >= promised).then_some(counted)
    });
    let counted = counted.await;
    // `initialize`, the calculations, the completions, and two for each look.
    let all = 1 + 200 + vain + u64::from(HISTORIES) + 2 * looks.get();
    assert!(counted <= all, "{counted} of {all}");
}

async fn of_50_calculations_in_each_of_four_sessions_none_is_lost_or_anothers(setup: Setup) {
    let world = two(setup).await;
    let alice = world.login("alice").await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let here = session(&world, alice.access()).await;
        let there = here.at(&world.endpoint_at(1));
        sessions.push([here, there]);
    }
    // As many as a history keeps: one more, or one of another session, would take the place of one.
    let calls = (0..200_usize).map(|n| {
        let instance = &sessions[n % 4][n / 4 % 2];
        let one = json!({ "a": n, "b": n % 4, "op": "add" });
        async move { (n % 4, made(async || instance.tool("calculate", one.clone()).await).await) }
    });
    let all = join_all(calls).await;
    for (which, [_, there]) in sessions.iter().enumerate() {
        let (ids, vain) =
            sum(all.iter().filter(|one| one.0 == which).map(|one| one.1.clone()).collect());
        let read = there.call("resources/read", json!({ "uri": "calculator://history" })).await;
        let kept = text(read.expect(200).result());
        let kept = kept.as_array().expect("a history");
        assert_eq!((ids.len(), kept.len()), (50, 50));
        let second = f64::from(u8::try_from(which).expect("a few"));
        assert!(kept.iter().all(|one| one["inputs"][1].as_f64() == Some(second)), "{kept:?}");
        // A calculation that was made twice has put out another one.
        let missing = ids.iter().filter(|id| !kept.iter().any(|one| one["id"] == ***id)).count();
        assert!(
            u64::try_from(missing).expect("a few") <= vain,
            "{missing} are lost, {vain} in vain"
        );
    }
}

/// What somebody is told next, without what repeats itself: its method, and of what.
async fn told(stream: &mut Exchange) -> (String, String) {
    let note = stream.next().await.expect("the stream goes on");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&note["method"]), text(&note["params"]["uri"]))
}

const UPDATED: &str = "notifications/resources/updated";

/// All that is told until nothing is missing of what was expected.
async fn told_all(stream: &mut Exchange, expected: &[(&str, &str)]) {
    let mut missing = expected.to_vec();
    while !missing.is_empty() {
        let (method, uri) = told(stream).await;
        let found = missing.iter().position(|one| *one == (&*method, &*uri));
        let found = found.unwrap_or_else(|| panic!("{method} {uri} is not among {missing:?}"));
        missing.swap_remove(found);
    }
}

async fn who_watches_is_told_of_what_is_calculated_elsewhere(setup: Setup) {
    let world = two(setup).await;
    let (alice, bob) = (world.login("alice").await, world.login("bob").await);
    let here = session(&world, alice.access()).await;
    let other = session(&world, bob.access()).await;
    let info = format!("session://info/{}", here.id.as_deref().expect("a session has a name"));
    for uri in ["calculator://history", "calculator://stats", &info, "calculator://histories/lab"] {
        for session in [&here, &other] {
            let _ = session.call("resources/subscribe", json!({ "uri": uri })).await.expect(200);
        }
    }
    let (mut stream, mut foreign) = (here.listen(None).await, other.listen(None).await);
    let there = here.at(&world.endpoint_at(1));
    let plain = json!({ "a": 1, "b": 1, "op": "add" });
    let _ = there.tool("calculate", plain.clone()).await.expect(200);
    let list = "notifications/resources/list_changed";
    let own = [(UPDATED, "calculator://history"), (UPDATED, &*info), (list, "")];
    let all = (UPDATED, "calculator://stats");
    told_all(&mut stream, &[own[0], own[1], own[2], all]).await;
    // Somebody else hears of what is everybody's, and of nothing else.
    told_all(&mut foreign, &[all]).await;
    let named = json!({ "a": 1, "b": 1, "op": "add", "history": "lab" });
    let _ = there.tool("calculate", named).await.expect(200);
    told_all(&mut stream, &[(UPDATED, "calculator://histories/lab"), all]).await;
    told_all(&mut foreign, &[all]).await;
    // What has no result changes nothing: what comes next is of the next one.
    let nothing = json!({ "a": 1, "b": 0, "op": "divide" });
    let _ = there.tool("calculate", nothing).await.expect(200);
    let _ = there.tool("calculate", plain).await.expect(200);
    told_all(&mut stream, &[own[0], own[1], own[2], all]).await;
    told_all(&mut foreign, &[all]).await;
}

async fn who_watches_without_a_session_is_told_of_their_own_calculations(setup: Setup) {
    let world = two(setup).await;
    let (alice, bob) = (world.login("alice").await, world.login("bob").await);
    let watched = ["calculator://history", "calculator://stats", "calculator://histories/lab"];
    let wanted = json!({ "notifications": { "resourceSubscriptions": watched } });
    let [alices, bobs] = [&alice, &bob].map(|one| world.modern(one.access()));
    let open = async |of: &Modern| {
        let mut stream = of.open(of.draft("subscriptions/listen", wanted.clone())).await;
        let acknowledged = stream.next().await.expect("it is acknowledged");
        let granted = &acknowledged["params"]["notifications"]["resourceSubscriptions"];
        assert_eq!(granted.as_array().expect("a list").len(), watched.len());
        stream
    };
    let (mut own, mut foreign) = (open(&alices).await, open(&bobs).await);
    let there = alices.clone().at(&world.endpoint_at(1));
    let plain = json!({ "a": 1, "b": 1, "op": "add" });
    let _ = there.tool("calculate", plain.clone()).await.expect(200);
    let all = (UPDATED, "calculator://stats");
    told_all(&mut own, &[(UPDATED, "calculator://history"), all]).await;
    told_all(&mut foreign, &[all]).await;
    // A session of the same user has a history of its own, and a name is the user's everywhere.
    let in_session = session(&world, alice.access()).await.at(&world.endpoint_at(1));
    let _ = in_session.tool("calculate", plain).await.expect(200);
    told_all(&mut own, &[all]).await;
    let named = json!({ "a": 1, "b": 1, "op": "add", "history": "lab" });
    let _ = in_session.tool("calculate", named).await.expect(200);
    told_all(&mut own, &[(UPDATED, "calculator://histories/lab"), all]).await;
}

async fn what_is_calculated_here_is_read_there(setup: Setup) {
    let world = two(setup).await;
    let here = session(&world, world.login("alice").await.access()).await;
    let there = here.at(&world.endpoint_at(1));
    let one = json!({ "a": 6, "b": 7, "op": "multiply" });
    let made = id(here.tool("calculate", one).await.expect(200).result());
    let uri = format!("calculator://history/{made}");
    let (mut listed, mut params) = (Vec::new(), json!({}));
    loop {
        let page = there.call("resources/list", params).await.expect(200).result().clone();
        listed.extend(page["resources"].as_array().expect("a list").clone());
        let Some(cursor) = page.get("nextCursor") else { break };
        params = json!({ "cursor": cursor });
    }
    assert!(listed.iter().any(|one| one["uri"] == uri.as_str()), "{listed:#?}");
    let found = there.call("resources/read", json!({ "uri": uri })).await.expect(200);
    assert_eq!(text(found.result())["result"], 42.0);
}

async fn a_history_ends_nowhere_but_at_its_owner(setup: Setup) {
    let world = two(setup).await;
    let (alice, bob) = (world.login("alice").await, world.login("bob").await);
    let [alices, bobs] = [&alice, &bob].map(|one| world.modern(one.access()));
    let made = id(alices.tool("calculate", nth(1)).await.expect(200).result());
    let uri = format!("calculator://histories/h1/{made}");
    assert_eq!(read(&alices, &uri).await["id"], made.as_str());
    let foreign = bobs.call("resources/read", json!({ "uri": uri })).await;
    assert_eq!(foreign.error()["code"], -32602, "{foreign:?}");
    assert_eq!(read(&bobs, "calculator://history").await, json!([]));
    // A session has a history of its own, also for the same user.
    let plain = json!({ "a": 1, "b": 1, "op": "add" });
    let in_session = session(&world, alice.access()).await;
    let kept = id(in_session.tool("calculate", plain).await.expect(200).result());
    assert_eq!(read(&alices, "calculator://history").await, json!([]));
    let uri = json!({ "uri": format!("calculator://history/{kept}") });
    let other: Session = world.session(alice.access()).revision(Revision::V2025_06_18).open().await;
    assert_eq!(other.call("resources/read", uri).await.error()["code"], -32002);
}

async fn statistics_are_those_of_all_instances(setup: Setup) {
    let world = two(setup).await;
    let alice = world.login("alice").await;
    let here = session(&world, alice.access()).await;
    let there = session(&world, alice.access()).await.at(&world.endpoint_at(1));
    for instance in [&here, &there, &there] {
        let sqrt = json!({ "operation": "sqrt", "value": 4 });
        let _ = instance.tool("advanced_calculate", sqrt).await.expect(200);
    }
    let stats = world.modern(alice.access());
    let counted = read(&stats, "calculator://stats").await;
    let breakdown = json!([{ "operation": "sqrt", "count": 3 }]);
    assert_eq!(counted["operationBreakdown"], breakdown);
    assert_eq!(counted["activeSessions"], 2);
    // C10: what has ended is not counted, wherever it ended.
    let _ = here.at(&world.endpoint_at(1)).end().await.expect(204);
    assert_eq!(read(&stats, "calculator://stats").await["activeSessions"], 1);
}

async fn a_refused_initialize_leaves_no_session(setup: Setup) {
    // C9: 50 that were refused were 50 sessions.
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let opening = world.session(alice.access());
    for (name, value, status) in [
        ("host", "evil.example.com", 403),
        ("origin", "https://evil.example.com", 403),
        ("accept", "text/html", 406),
        ("content-type", "text/plain", 415),
    ] {
        let refused = opening.send(opening.draft().header(name, value)).await.expect(status);
        assert!(refused.header("mcp-session-id").is_none(), "{refused}");
    }
    let stats = world.modern(alice.access());
    assert_eq!(read(&stats, "calculator://stats").await["activeSessions"], 0);
}

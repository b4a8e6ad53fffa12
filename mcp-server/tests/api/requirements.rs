//! Rules of the specification whose breach misleads clients or opens a door, each over a socket.
//! `docs/mcp-requirements.md` says which is which.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use shared::mcp::{Revision, keys};
use testkit::rpc::{Draft, Modern, Script};

use crate::world::world;

fn listing(modern: &Modern) -> Draft {
    modern.draft("tools/list", json!({}))
}

fn place(modern: &Modern, region: Option<&str>) -> Draft {
    let params = json!({ "name": "place", "arguments": { "region": "eu" } });
    let draft = modern.draft("tools/call", params);
    match region {
        Some(region) => draft.header("mcp-param-region", region),
        None => draft,
    }
}

fn who(name: &str) -> Script {
    let answer = json!({ "action": "accept", "content": { "name": name } });
    Script::default().on("elicitation/create", move |_| answer.clone())
}

fn asking() -> Value {
    json!({ "name": "ask", "arguments": {} })
}

#[tokio::test]
async fn what_a_request_must_say_of_itself_is_named_when_it_is_missing() {
    let world = world().await;
    let modern = world.modern();
    for key in [keys::PROTOCOL_VERSION, keys::CLIENT_CAPABILITIES] {
        let refused = modern.send(listing(&modern).without_meta(key)).await;
        let refused = refused.expect_error(400, -32602);
        assert!(refused.error()["message"].as_str().unwrap().contains(key), "{refused}");
    }
    let bare = listing(&modern).edit(|message| message["params"] = json!({}));
    drop(modern.send(bare).await.expect_error(400, -32602));
    let wrong = listing(&modern).meta(keys::CLIENT_CAPABILITIES, json!([]));
    drop(modern.send(wrong).await.expect_error(400, -32602));
}

#[tokio::test]
async fn a_version_that_is_not_served_is_told_those_that_are() {
    let world = world().await;
    let modern = world.modern();
    let discovered = modern.call("server/discover", json!({})).await.expect(200);
    let supported = discovered.result()["supportedVersions"].as_array().unwrap().clone();
    for version in ["2027-01-01", "v9", "2026-07-29"] {
        let draft = listing(&modern).meta(keys::PROTOCOL_VERSION, version);
        let refused = modern.send(draft.header("mcp-protocol-version", version)).await;
        let refused = refused.expect_error(400, -32022);
        let data = &refused.error()["data"];
        assert_eq!(data["requested"], version);
        let told = data["supported"].as_array().unwrap();
        assert!(!told.is_empty() && told.iter().all(|one| supported.contains(one)), "{refused}");
    }
}

#[tokio::test]
async fn a_refusal_carries_the_id_of_its_request_with_its_type() {
    let world = world().await;
    let modern = world.modern();
    for id in [json!("five"), json!(5), json!("5")] {
        let draft = listing(&modern).id(id.clone()).header("mcp-method", "other");
        let refused = modern.send(draft).await.expect_error(400, -32020);
        assert_eq!(refused.messages[0]["id"], id);
        let unknown = modern.draft("no/such", json!({})).id(id.clone());
        assert_eq!(modern.send(unknown).await.expect_error(404, -32601).messages[0]["id"], id);
    }
}

#[tokio::test]
async fn an_argument_that_a_header_repeats_is_in_both_or_refused() {
    let world = world().await;
    let modern = world.modern();
    for wrong in [None, Some("us"), Some("EU"), Some("=?base64?ZXU?="), Some("=?base64?!!!!?=")] {
        let refused = modern.send(place(&modern, wrong)).await;
        drop(refused.expect_error(400, -32020));
    }
    for right in ["eu", "=?base64?ZXU=?="] {
        let reply = modern.send(place(&modern, Some(right))).await.expect(200);
        assert_eq!(reply.content_text(), "eu");
    }
}

#[tokio::test]
async fn a_header_for_no_argument_is_ignored_and_one_for_none_that_is_there_is_refused() {
    let world = world().await;
    let modern = world.modern();
    let strange = place(&modern, Some("eu")).header("mcp-param-colour", "\t=?base64?");
    drop(modern.send(strange).await.expect(200));
    for absent in [json!({}), json!({ "region": null })] {
        let params = json!({ "name": "place", "arguments": absent });
        let draft = modern.draft("tools/call", params).header("mcp-param-region", "eu");
        drop(modern.send(draft).await.expect_error(400, -32020));
    }
}

#[tokio::test]
async fn a_resource_that_is_not_there_is_an_error_by_its_era_and_never_an_empty_one() {
    let world = world().await;
    let gone = json!({ "uri": "test://gone" });
    let modern = world.modern().call("resources/read", gone.clone()).await;
    assert_eq!(modern.expect_error(200, -32602).error()["data"]["uri"], gone["uri"]);
    let session = world.session().await.call("resources/read", gone.clone()).await;
    assert_eq!(session.expect_error(200, -32002).error()["data"]["uri"], gone["uri"]);
}

#[tokio::test]
async fn a_method_that_nobody_knows_is_404_in_one_era_and_an_answer_in_the_other() {
    let world = world().await;
    drop(world.modern().call("no/such", json!({})).await.expect_error(404, -32601));
    let session = world.session().await;
    drop(session.call("no/such", json!({})).await.expect_error(200, -32601));
    drop(session.call("ping", json!({})).await.expect(200));
}

#[tokio::test]
async fn results_that_may_be_kept_say_for_how_long_and_by_whom_and_no_others_do() {
    let world = world().await;
    let modern = world.modern();
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "test://watched" })),
    ] {
        let reply = modern.call(method, params).await.expect(200);
        assert!(reply.result()["ttlMs"].is_u64(), "{method}");
        let scope = reply.result()["cacheScope"].as_str().unwrap();
        assert!(["public", "private"].contains(&scope), "{method}: {scope}");
        let expected = if method == "resources/read" { "private" } else { "public" };
        assert_eq!(scope, expected, "{method}");
    }
    let called = modern.tool("echo", json!({ "message": "x" })).await.expect(200);
    assert!(called.result().get("ttlMs").is_none() && called.result().get("cacheScope").is_none());
}

#[tokio::test]
async fn a_cursor_that_was_not_given_out_is_refused_in_both_eras() {
    let world = world().await;
    let session = world.session().await;
    for method in ["tools/list", "resources/list", "resources/templates/list"] {
        // Some of them say 10, in other words.
        let odd = ["", "garbage", "LTE=", "MTAwMDAwMDAwMDAwMDAwMDAwMDAw", "KzEw", "MDEw"];
        for cursor in odd {
            let params = json!({ "cursor": cursor });
            let modern = world.modern().call(method, params.clone()).await;
            drop(modern.expect_error(200, -32602));
            drop(session.call(method, params).await.expect_error(200, -32602));
        }
    }
}

#[tokio::test]
async fn a_state_that_has_grown_old_is_refused() {
    let world = world().await;
    let modern = world.modern().capabilities(json!({ "elicitation": {} })).script(who("Eve"));
    let first = modern.call("tools/call", asking()).await.expect(200);
    let again = modern.with_answers(asking(), first.result());
    world.clock.advance(Duration::from_mins(9));
    let late = modern.call("tools/call", again.clone()).await.expect(200);
    assert_eq!(late.content_text(), "Hello, Eve!");
    world.clock.advance(Duration::from_mins(2));
    drop(modern.call("tools/call", again).await.expect_error(200, -32602));
}

#[tokio::test]
async fn answers_that_are_missing_are_asked_for_again_and_strange_ones_ignored() {
    let world = world().await;
    let modern = world.modern().capabilities(json!({ "elicitation": {} })).script(who("Eve"));
    let first = modern.call("tools/call", asking()).await.expect(200);
    let state = first.result()["requestState"].clone();
    let with = |answers: Value| {
        let mut params = asking();
        (params["inputResponses"], params["requestState"]) = (answers, state.clone());
        params
    };
    let first_of_all = |answers: Value| {
        let mut params = asking();
        params["inputResponses"] = answers;
        params
    };
    for strange in [json!({ "zzz": 5 }), json!({ "zzz": { "action": "accept" } })] {
        let asked = modern.draft("tools/call", first_of_all(strange)).malformed();
        let asked = modern.send(asked).await.expect(200);
        assert!(asked.result()["inputRequests"]["who"].is_object(), "{asked}");
    }
    let eve = json!({ "action": "accept", "content": { "name": "Eve" } });
    let answered = modern.draft("tools/call", with(json!({ "who": eve, "zzz": 5 }))).malformed();
    assert_eq!(modern.send(answered).await.expect(200).content_text(), "Hello, Eve!");
    for unhelpful in [json!({}), json!({ "other": { "action": "accept" } })] {
        let asked = modern.call("tools/call", with(unhelpful)).await.expect(200);
        assert_eq!(asked.result()["resultType"], "input_required");
        assert!(asked.result()["inputRequests"]["who"].is_object());
    }
    for malformed in [json!([]), json!("x"), json!(5)] {
        drop(modern.call("tools/call", with(malformed)).await.expect_error(200, -32602));
    }
    for malformed in [json!(["accept"]), json!("x"), json!({ "action": "nod" }), json!({})] {
        let refused = modern.call("tools/call", with(json!({ "who": malformed }))).await;
        assert!(refused.expect_error(200, -32602).error()["message"].to_string().contains("`who`"));
    }
    let misfit = json!({ "who": { "action": "accept", "content": { "name": 5 } } });
    let asked = modern.call("tools/call", with(misfit)).await.expect(200);
    assert!(asked.result()["inputRequests"]["who"].is_object(), "{asked}");
}

#[tokio::test]
async fn the_third_answer_that_does_not_fit_ends_the_call_in_both_eras() {
    let world = world().await;
    let misfit = || {
        let answer = json!({ "action": "accept", "content": { "name": 5 } });
        Script::default().on("elicitation/create", move |_| answer.clone())
    };
    let able = json!({ "elicitation": {} });
    let session = world.opening().capabilities(able.clone()).script(misfit()).open().await;
    let in_session = session.call("tools/call", asking()).await.expect(200);
    let modern = world.modern().capabilities(able).script(misfit());
    let rounds = modern.converse("tools/call", asking()).await;
    assert_eq!((session.questions().len(), rounds.len()), (3, 4), "{rounds:#?}");
    let ends =
        [&in_session, &rounds[3]].map(|reply| reply.messages.last().unwrap()["result"].clone());
    for end in ends {
        assert_eq!(end["isError"], true, "{end}");
        let expected = "the client gave no usable answer to `who`: `name` must be a string";
        assert_eq!(end["content"][0]["text"], expected);
    }
}

#[tokio::test]
async fn headers_are_held_against_the_body_in_every_round() {
    let world = world().await;
    let modern = world.modern().capabilities(json!({ "elicitation": {} })).script(who("Eve"));
    let first = modern.call("tools/call", asking()).await.expect(200);
    let again = || modern.draft("tools/call", modern.with_answers(asking(), first.result()));
    for (header, other) in [("mcp-name", "echo"), ("mcp-method", "prompts/get")] {
        let wrong = modern.send(again().header(header, other)).await;
        drop(wrong.expect_error(400, -32020));
        drop(modern.send(again().without_header(header)).await.expect_error(400, -32020));
    }
    assert_eq!(modern.send(again()).await.expect(200).content_text(), "Hello, Eve!");
}

#[tokio::test]
async fn a_subscription_is_named_by_the_type_of_its_id() {
    let world = world().await;
    let modern = world.modern();
    for id in [json!("7"), json!(7)] {
        let params = json!({ "notifications": { "toolsListChanged": true } });
        let mut stream =
            modern.open(modern.draft("subscriptions/listen", params).id(id.clone())).await;
        for _ in 0..2 {
            let told = stream.next().await.unwrap();
            assert_eq!(told["params"]["_meta"][keys::SUBSCRIPTION_ID], id);
            drop(modern.tool("announce", json!({})).await.expect(200));
        }
    }
}

#[tokio::test]
async fn initialize_opens_a_session_unless_it_claims_to_be_modern() {
    let world = world().await;
    let (opening, modern) = (world.opening(), world.modern());
    drop(modern.call("initialize", json!({})).await.expect_error(404, -32601));
    let contradiction = opening.draft().header("mcp-protocol-version", "2026-07-28");
    drop(modern.send(contradiction).await.expect_error(400, -32020));
    let claims = |version: &str| {
        let meta = json!({ keys::PROTOCOL_VERSION: version, keys::CLIENT_CAPABILITIES: {} });
        opening.draft().edit(|message| message["params"]["_meta"] = meta)
    };
    let reply = opening.send(claims("2025-11-25")).await.expect(200);
    assert_eq!(reply.result()["protocolVersion"], "2025-11-25");
    for header in [None, Some("2025-11-25")] {
        let whole = match header {
            None => claims("2026-07-28").without_header("mcp-protocol-version"),
            Some(legacy) => claims("2026-07-28").header("mcp-protocol-version", legacy),
        };
        drop(modern.send(whole).await.expect_error(400, -32020));
    }
    let newest = opening.draft().param("protocolVersion", "2026-07-28");
    let reply = opening.send(newest).await.expect(200);
    assert_eq!(reply.result()["protocolVersion"], Revision::LATEST_LEGACY.as_str());
}

#[tokio::test]
async fn a_modern_header_without_a_claim_never_reaches_a_session() {
    let world = world().await;
    let session = world.session().await;
    let modern = |draft: Draft| draft.header("mcp-protocol-version", "2026-07-28");
    let listed = session.send(modern(session.draft("tools/list", json!({})))).await;
    drop(listed.expect_error(400, -32602));
    let answer = json!({ "jsonrpc": "2.0", "id": "ask-0", "result": {} });
    let answered = session.open(modern(session.post(answer).malformed())).await.finish().await;
    drop(answered.expect_error(400, -32600));
    for verb in [Method::GET, Method::DELETE] {
        let draft = modern(session.listen_draft(None).verb(verb));
        let reply = session.open(draft).await.finish().await.expect(405);
        assert_eq!(reply.header("allow"), Some("POST"));
    }
    drop(session.call("ping", json!({})).await.expect(200));
}

/// A request beside what no batch may hold.
pub(crate) fn batches_that_are_none() -> impl Iterator<Item = Value> {
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let initialize = json!({ "jsonrpc": "2.0", "id": 2, "method": "initialize", "params": {} });
    let meta = json!({ keys::PROTOCOL_VERSION: "2026-07-28", keys::CLIENT_CAPABILITIES: {} });
    let claims =
        json!({ "jsonrpc": "2.0", "id": 3, "method": "ping", "params": { "_meta": meta } });
    let answer = json!({ "jsonrpc": "2.0", "id": 4, "result": {} });
    let wrong = [initialize, claims, answer, json!(5)];
    wrong.into_iter().map(move |wrong| json!([ping, wrong]))
}

#[tokio::test]
async fn a_batch_holds_neither_initialize_nor_a_claim_of_the_newer_era() {
    let world = world().await;
    let session = world.opening().revision(Revision::V2025_03_26).open().await;
    for batch in batches_that_are_none() {
        drop(session.send(session.post(batch).malformed()).await.expect(400));
    }
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    drop(session.send(session.post(json!([ping]))).await.expect(200));
}

#[tokio::test]
async fn a_session_says_nothing_before_its_call_does_and_never_in_words_of_the_newer_era() {
    let world = world().await;
    let session = world.session().await;
    let missing = session.tool("ask", json!({})).await.expect(200);
    assert_eq!(missing.result()["isError"], true);
    let wrong = [
        ("tools/call", json!({ "name": "nope", "arguments": {} })),
        ("resources/read", json!({ "uri": "test://gone" })),
        ("tools/list", json!({ "cursor": "garbage" })),
    ];
    for (method, params) in wrong {
        let reply = session.call(method, params).await.expect(200);
        let code = reply.error()["code"].as_i64().unwrap();
        assert!(!(-32099..=-32020).contains(&code), "{reply}");
    }
}

#[tokio::test]
async fn who_goes_away_in_the_older_era_finds_the_answer_and_in_the_newer_has_cancelled() {
    let mut world = world().await;
    let (session, modern) = (world.session().await, world.modern());
    let staying = json!({ "name": "stay", "arguments": {} });
    let leave = session.open(session.draft("tools/call", staying.clone()));
    tokio::select! {
        left = leave => drop(left),
        () = world.happened("started") => {}
    }
    world.happened("started").await;
    world.clock.advance(Duration::from_mins(1));
    world.happened("finished").await;
    world.forget();
    let mut opening = Box::pin(modern.open(modern.draft("tools/call", staying)));
    tokio::select! {
        _ = &mut opening => panic!("the call stays"),
        () = world.happened("started") => {}
    }
    drop(opening);
    world.happened("dropped").await;
}

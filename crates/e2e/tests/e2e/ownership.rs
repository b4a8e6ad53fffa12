//! What belongs to one user, through one client, is nobody else's: not the session, not the question,
//! not the state of a call, not the tokens.

use e2e::{Login, Setup, World};
use serde_json::json;
use shared::mcp::Revision;
use testkit::rpc::OldSession;

use crate::support::{asking, filled_in, forms, person, session, told_name, works};

on_both_stores![
    a_session_of_somebody_else_is_not_there,
    the_old_transport_takes_nothing_from_somebody_else,
    a_session_is_bound_to_the_client_too,
    a_refreshed_token_still_owns_its_session,
    a_question_is_not_answered_by_somebody_else,
    a_call_is_not_continued_by_somebody_else,
    tokens_are_not_revoked_by_somebody_else,
    a_refresh_token_is_worth_nothing_to_another_client,
];

async fn alice_and_bob(setup: Setup) -> (World, Login, Login) {
    let world = setup.instances(2).start().await;
    let (alice, bob) = (world.login("alice").await, world.login("bob").await);
    (world, alice, bob)
}

async fn a_session_of_somebody_else_is_not_there(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup).await;
    let session = session(&world, alice.access()).await;
    let stolen = session.as_bearer(bob.access());
    for stolen in [stolen.at(&world.endpoint_at(1)), stolen] {
        let _ = stolen.call("ping", json!({})).await.expect_error(404, -32001);
        let _ = stolen.end().await.expect(404);
        assert_eq!(stolen.listen(None).await.status, 404);
    }
    let _ = session.call("ping", json!({})).await.expect(200);
}

async fn the_old_transport_takes_nothing_from_somebody_else(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup).await;
    let mut session = OldSession::open(&world.mcp[0].origin, Some(alice.access())).await;
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    session.bearer = Some(bob.access().to_owned());
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(session.send(&ping).await, 404);
    session.bearer = Some(alice.access().to_owned());
    session.request(2, "ping", json!({})).await;
    let answer = session.next().await.expect("an answer");
    assert_eq!(answer["id"], 2, "nothing else has been answered");
}

async fn a_session_is_bound_to_the_client_too(setup: Setup) {
    let world = setup.start().await;
    let (one, other) = (world.login("alice").await, world.login("alice").await);
    let session = session(&world, one.access()).await;
    let elsewhere = session.as_bearer(other.access());
    let _ = elsewhere.call("ping", json!({})).await.expect_error(404, -32001);
    let _ = session.call("ping", json!({})).await.expect(200);
}

async fn a_refreshed_token_still_owns_its_session(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let session = session(&world, alice.access()).await;
    let fresh = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    let _ = session.as_bearer(&fresh.access).call("ping", json!({})).await.expect(200);
}

async fn a_question_is_not_answered_by_somebody_else(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup).await;
    let session = session(&world, alice.access()).await;
    let mut call = session.open(session.draft("tools/call", asking())).await;
    let question = call.next().await.expect("a question");
    let stolen = session.as_bearer(bob.access());
    let _ = stolen.respond(&question["id"], Ok(filled_in("Bob"))).await.expect(404);
    // Through a session of his own he reaches only himself.
    let own = self::session(&world, bob.access()).await;
    let forged = json!({ "jsonrpc": "2.0", "id": question["id"], "result": filled_in("Bob") });
    let _ = own.send(own.post(forged).malformed()).await.expect(202);
    let _ = session.respond(&question["id"], Ok(filled_in("Alice"))).await.expect(202);
    assert_eq!(told_name(call.finish().await.result()), "Alice");
}

async fn a_call_is_not_continued_by_somebody_else(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup).await;
    let modern =
        |login: &Login| world.modern(login.access()).capabilities(forms()).script(person("Ada"));
    let interrupted = modern(&alice).call("tools/call", asking()).await.expect(200);
    let again = modern(&alice).with_answers(asking(), interrupted.result());
    let stolen = modern(&bob).call("tools/call", again.clone()).await;
    let _ = stolen.expect_error(200, -32602);
    let done = modern(&alice).call("tools/call", again).await.expect(200);
    assert_eq!(told_name(done.result()), "Ada");
}

async fn tokens_are_not_revoked_by_somebody_else(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup).await;
    for token in [alice.access(), alice.refresh()] {
        let form = [("token", token), ("client_id", &bob.client.id)];
        let answer = world.auth_http().post_form("/revoke", &form).await;
        answer.expect_oauth_error(400, "invalid_grant");
    }
    assert!(world.is_active(alice.access()).await);
    works(&world, alice.access()).await;
}

async fn a_refresh_token_is_worth_nothing_to_another_client(setup: Setup) {
    let (world, alice, bob) = alice_and_bob(setup).await;
    let stolen = bob.oauth.try_refresh(&bob.client, alice.refresh()).await;
    stolen.expect_oauth_error(400, "invalid_grant");
    // Nor does the attempt cost its owner anything.
    let fresh = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    works(&world, &fresh.access).await;
}

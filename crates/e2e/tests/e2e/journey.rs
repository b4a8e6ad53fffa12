//! The straight line through both servers: from a request without a token to a call, and on until
//! the token is worth nothing.

use std::time::Duration;

use e2e::{Asking, Setup, approve};
use http::Method;
use serde_json::json;
use shared::mcp::Revision;
use testkit::{
    oauth::{OAuth, query},
    rpc::OldSession,
};

use crate::support::{WITH_SESSIONS, asking, forms, person, standing, told_name, works};

on_both_stores![
    a_client_that_knows_the_endpoint_finds_out_the_rest,
    a_token_says_who_may_do_what_and_where,
    a_token_opens_the_stateless_revision,
    a_token_opens_every_revision_with_sessions,
    a_client_that_was_given_the_stream_of_2024_11_05_logs_in_for_it,
    a_question_is_answered_in_both_eras,
    progress_is_told_in_both_eras,
    a_refresh_gives_new_tokens_and_takes_nothing_away,
    a_lost_answer_to_a_refresh_can_be_had_again,
    a_refresh_token_that_comes_again_later_ends_its_login,
    an_access_token_ends_by_itself_and_a_refresh_gives_another,
    a_revoked_login_is_refused_as_soon_as_the_cache_has_forgotten_it,
    a_cache_without_time_forgets_at_once,
    a_user_who_says_no_is_believed,
    a_user_who_does_not_log_in_gives_nothing,
];

async fn a_client_that_knows_the_endpoint_finds_out_the_rest(setup: Setup) {
    let world = setup.start().await;
    let oauth = world.oauth().await;
    assert_eq!(oauth.issuer, world.issuer());
    let scope = oauth.challenge.iter().find(|(name, _)| name == "scope");
    assert_eq!(scope.map(|(_, value)| value.as_str()), Some("mcp"));
    assert!(oauth.challenge.iter().all(|(name, _)| name != "error"), "nothing was wrong");
    for endpoint in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
        assert!(oauth.endpoint(endpoint).starts_with(&world.issuer()), "{endpoint}");
    }
}

async fn a_token_says_who_may_do_what_and_where(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let told = world.introspect(alice.access()).await;
    let facts = ["active", "sub", "client_id", "scope", "aud", "iss"].map(|name| &told[name]);
    let (endpoint, issuer) = (world.endpoint(), world.issuer());
    let expected = [json!(true), "alice".into(), alice.client.id.into(), "mcp".into()];
    assert_eq!(facts[..4], expected.iter().collect::<Vec<_>>());
    assert_eq!(facts[4..], [&json!(endpoint), &json!(issuer)]);
}

async fn a_token_opens_the_stateless_revision(setup: Setup) {
    let world = setup.start().await;
    let modern = world.modern(world.login("alice").await.access());
    let discovered = modern.call("server/discover", json!({})).await.expect(200);
    assert_eq!(discovered.result()["supportedVersions"][0], "2026-07-28");
    let listed = modern.call("tools/list", json!({})).await.expect(200);
    let tools = listed.result()["tools"].as_array().expect("a list");
    assert!(tools.iter().any(|tool| tool["name"] == "add"));
    let added = modern.tool("add", json!({ "a": 2, "b": 3 })).await.expect(200);
    assert_eq!(added.content_text(), "The sum of 2 and 3 is 5.");
}

async fn a_token_opens_every_revision_with_sessions(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    for revision in WITH_SESSIONS {
        let session = world.session(alice.access()).revision(revision).open().await;
        assert_eq!(session.revision, revision);
        let added = session.tool("add", json!({ "a": 2, "b": 3 })).await.expect(200);
        assert_eq!(added.content_text(), "The sum of 2 and 3 is 5.");
        let _ = session.end().await.expect(204);
        let _ = session.call("ping", json!({})).await.expect_error(404, -32001);
    }
}

async fn a_client_that_was_given_the_stream_of_2024_11_05_logs_in_for_it(setup: Setup) {
    let world = setup.start().await;
    let base = world.endpoint().replace("/mcp", "");
    let (http, sse) = (world.mcp_http(), format!("{base}/sse"));
    let oauth = OAuth::discover_by(http.request(Method::GET, &sse), &sse).await;
    let asking = Asking::of(oauth).await;
    let resource = asking
        .request
        .query
        .iter()
        .find(|(name, _)| name == "resource")
        .expect("a client says what it wants a token for");
    assert_eq!(resource.1, sse);
    let alice = asking.let_in(&mut world.browser(), "alice").await;
    assert_eq!(world.introspect(alice.access()).await["aud"], json!(world.endpoint()));
    let mut session = OldSession::open(&base, Some(alice.access())).await;
    drop(session.initialize(Revision::V2024_11_05, json!({})).await);
    let params = json!({ "name": "add", "arguments": { "a": 2, "b": 3 } });
    session.request(7, "tools/call", params).await;
    let answer = session.next().await.expect("an answer");
    assert_eq!(answer["result"]["content"][0]["text"], "The sum of 2 and 3 is 5.");
}

async fn a_question_is_answered_in_both_eras(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let modern = world.modern(alice.access()).capabilities(forms()).script(person("Ada"));
    let replies = modern.converse("tools/call", asking()).await;
    assert_eq!(replies.len(), 2);
    assert_eq!(told_name(replies[1].result()), "Ada");
    let opening = world.session(alice.access()).capabilities(forms()).script(person("Ada"));
    let session = opening.open().await;
    let reply = session.call("tools/call", asking()).await.expect(200);
    assert_eq!((session.questions().len(), told_name(reply.result())), (1, "Ada"));
}

async fn progress_is_told_in_both_eras(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let arguments = json!({ "duration": 0.02, "steps": 4 });
    let call = json!({ "name": "long-running-operation", "arguments": arguments });
    let modern = world.modern(alice.access());
    let draft = modern.draft("tools/call", call.clone()).meta("progressToken", "p");
    let session = world.session(alice.access()).open().await;
    let other = session.draft("tools/call", call).meta("progressToken", 7);
    for reply in [modern.send(draft).await.expect(200), session.send(other).await.expect(200)] {
        let told = reply.notifications("notifications/progress");
        let steps: Vec<_> = told.iter().map(|note| note["progress"].as_f64()).collect();
        assert_eq!(steps, [1.0, 2.0, 3.0, 4.0].map(Some));
    }
}

async fn a_refresh_gives_new_tokens_and_takes_nothing_away(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let fresh = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    assert_ne!(fresh.access, alice.access());
    assert_ne!(fresh.refresh.as_deref(), Some(alice.refresh()));
    // The access token before lives to its own end: a client may have calls on the way.
    works(&world, alice.access()).await;
    works(&world, &fresh.access).await;
}

async fn a_lost_answer_to_a_refresh_can_be_had_again(setup: Setup) {
    let world = setup.start().await;
    let alice = world.login("alice").await;
    let first = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    let again = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    assert_eq!((first.access, first.refresh), (again.access, again.refresh));
}

async fn a_refresh_token_that_comes_again_later_ends_its_login(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let alice = world.login("alice").await;
    let fresh = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    world.clock.advance(Duration::from_secs(61));
    let reused = alice.oauth.try_refresh(&alice.client, alice.refresh()).await;
    reused.expect_oauth_error(400, "invalid_grant");
    assert!(!world.is_active(&fresh.access).await && !world.is_active(alice.access()).await);
    let next = fresh.refresh.expect("a refresh token");
    let dead = alice.oauth.try_refresh(&alice.client, &next).await;
    dead.expect_oauth_error(400, "invalid_grant");
}

async fn an_access_token_ends_by_itself_and_a_refresh_gives_another(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let alice = world.login("alice").await;
    works(&world, alice.access()).await;
    let life = alice.tokens.answer["expires_in"].as_u64().expect("a number of seconds");
    world.clock.advance(Duration::from_secs(life));
    let reply = world.modern(alice.access()).call("tools/list", json!({})).await.expect(401);
    let challenge = reply.header("www-authenticate").expect("a challenge");
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    let fresh = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    works(&world, &fresh.access).await;
}

async fn a_revoked_login_is_refused_as_soon_as_the_cache_has_forgotten_it(setup: Setup) {
    let world = setup.clock(standing()).start().await;
    let alice = world.login("alice").await;
    let session = world.session(alice.access()).open().await;
    assert!(world.is_active(alice.access()).await);
    alice.oauth.revoke(&alice.client, alice.refresh()).await;
    assert!(!world.is_active(alice.access()).await);
    world.clock.advance(Duration::from_secs(30));
    let _ = world.modern(alice.access()).call("tools/list", json!({})).await.expect(401);
    let _ = session.call("ping", json!({})).await.expect(401);
    let refused = alice.oauth.try_refresh(&alice.client, alice.refresh()).await;
    refused.expect_oauth_error(400, "invalid_grant");
}

async fn a_cache_without_time_forgets_at_once(setup: Setup) {
    let world = setup.setting("MCP_AUTH_CACHE_TTL", "0").start().await;
    let alice = world.login("alice").await;
    works(&world, alice.access()).await;
    alice.oauth.revoke(&alice.client, alice.access()).await;
    let _ = world.modern(alice.access()).call("tools/list", json!({})).await.expect(401);
    // Only the access token was given back: the login lives.
    let fresh = alice.oauth.refresh(&alice.client, &alice.tokens).await;
    works(&world, &fresh.access).await;
}

async fn a_user_who_says_no_is_believed(setup: Setup) {
    let world = setup.start().await;
    let asking = world.asking().await;
    let mut browser = world.browser();
    let consent = browser.open(&asking.request.url()).await.page().expect(200);
    let callback = browser.submit(&consent, consent.form("Deny")).await.callback();
    let field = |name| query(&callback, name);
    assert_eq!(field("error").as_deref(), Some("access_denied"));
    assert_eq!(field("state").as_ref(), Some(&asking.request.state));
    assert_eq!(field("iss"), Some(world.issuer()));
    assert_eq!(field("code"), None);
}

async fn a_user_who_does_not_log_in_gives_nothing(setup: Setup) {
    let world = setup.start().await;
    let asking = world.asking().await;
    let mut browser = world.browser();
    let consent = browser.open(&asking.request.url()).await.page().expect(200);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    let callback = browser.submit(&login, login.form("Cancel")).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&callback, "code"), None);
}

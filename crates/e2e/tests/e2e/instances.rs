//! Any instance serves whatever another has begun.

use e2e::{Setup, World, approve, sign_in};
use serde_json::json;
use testkit::{PATIENCE, browser::Browser, eventually, oauth::Tokens, rpc::Session};

use crate::support::{
    asking, filled_in, forms, person, redeem, session, standing, told_name, works,
};

on_both_stores![
    a_code_issued_here_is_redeemed_there,
    a_code_that_is_redeemed_twice_ends_what_came_of_it,
    of_two_who_redeem_a_code_at_once_nobody_keeps_tokens,
    two_who_refresh_at_once_get_the_same_tokens,
    a_login_that_begins_at_one_instance_ends_at_another,
    a_token_revoked_here_is_worth_nothing_there,
    a_session_opened_here_is_used_and_ended_there,
    a_session_used_here_and_ended_there_is_gone_here,
    without_a_choice_no_instance_believes_what_it_saw,
    a_stream_opened_here_ends_when_its_session_is_ended_there,
    a_question_asked_here_is_answered_there,
    a_call_that_runs_here_is_cancelled_there,
    a_call_interrupted_here_goes_on_there,
];

async fn two(setup: Setup) -> World {
    setup.instances(2).setting("MCP_AUTH_CACHE_TTL", "0").start().await
}

async fn a_code_issued_here_is_redeemed_there(setup: Setup) {
    let world = two(setup).await;
    let asking = world.asking().await;
    let callback = world.walk(&asking.request.url(), "alice").await;
    let answer = redeem(&world.auth[1].http(), &asking.form(&callback)).await;
    works(&world, &Tokens::read(&answer).access).await;
}

async fn a_code_that_is_redeemed_twice_ends_what_came_of_it(setup: Setup) {
    let world = two(setup).await;
    let asking = world.asking().await;
    let form = asking.form(&world.walk(&asking.request.url(), "alice").await);
    let tokens = Tokens::read(&redeem(&world.auth[1].http(), &form).await);
    assert!(world.is_active(&tokens.access).await);
    let again = redeem(&world.auth[0].http(), &form).await;
    again.expect_oauth_error(400, "invalid_grant");
    assert!(!world.is_active(&tokens.access).await);
    let refresh = tokens.refresh.expect("a refresh token");
    let dead = asking.oauth.try_refresh(&asking.client, &refresh).await;
    dead.expect_oauth_error(400, "invalid_grant");
}

async fn of_two_who_redeem_a_code_at_once_nobody_keeps_tokens(setup: Setup) {
    let world = two(setup).await;
    let asking = world.asking().await;
    let form = asking.form(&world.walk(&asking.request.url(), "alice").await);
    let (here, there) = (world.auth[0].http(), world.auth[1].http());
    let answers = tokio::join!(redeem(&here, &form), redeem(&there, &form));
    let answers = [answers.0, answers.1];
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(good.len() < 2, "{good:#?}");
    for answer in bad {
        answer.expect_oauth_error(400, "invalid_grant");
    }
    for answer in good {
        assert!(!world.is_active(&Tokens::read(answer).access).await);
    }
}

async fn two_who_refresh_at_once_get_the_same_tokens(setup: Setup) {
    let world = two(setup).await;
    let alice = world.login("alice").await;
    let form = [
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", alice.refresh().to_owned()),
        ("client_id", alice.client.id.clone()),
    ];
    let (here, there) = (world.auth[0].http(), world.auth[1].http());
    let answers = tokio::join!(redeem(&here, &form), redeem(&there, &form));
    let (one, other) = (Tokens::read(&answers.0), Tokens::read(&answers.1));
    assert_eq!((&one.access, &one.refresh), (&other.access, &other.refresh));
    works(&world, &one.access).await;
}

async fn a_login_that_begins_at_one_instance_ends_at_another(setup: Setup) {
    let world = two(setup).await;
    let asking = world.asking().await;
    let mut browser = world.browser();
    let consent = browser.open(&asking.request.url()).await.page().expect(200);
    go_on_at(&world, 1, &mut browser);
    let login = approve(&mut browser, &consent).await.page().expect(200);
    go_on_at(&world, 0, &mut browser);
    let callback = sign_in(&mut browser, &login, "alice").await.callback();
    works(&world, asking.redeem(&callback).await.access()).await;
}

fn go_on_at(world: &World, instance: usize, browser: &mut Browser) {
    world.lead_to_auth(instance);
    browser.reconnect();
}

async fn a_token_revoked_here_is_worth_nothing_there(setup: Setup) {
    let world = two(setup).await;
    let alice = world.login("alice").await;
    works(&world, alice.access()).await;
    alice.oauth.revoke(&alice.client, alice.refresh()).await;
    world.lead_to_auth(1);
    assert!(!world.is_active(alice.access()).await);
    let there = world.modern(alice.access()).at(&world.endpoint_at(1));
    let _ = there.call("tools/list", json!({})).await.expect(401);
}

async fn a_session_opened_here_is_used_and_ended_there(setup: Setup) {
    let world = two(setup).await;
    let here = session(&world, world.login("alice").await.access()).await;
    let there = here.at(&world.endpoint_at(1));
    let reply = there.tool("echo", json!({ "message": "hi" })).await.expect(200);
    assert_eq!(reply.content_text(), "Echo: hi");
    let _ = there.end().await.expect(204);
    let _ = here.call("ping", json!({})).await.expect_error(404, -32001);
}

/// An instance that has just seen a session hears of its end by a message, which takes a moment.
async fn ended(session: &Session) {
    let gone = async || {
        let reply = session.call("ping", json!({})).await;
        (reply.status != 200).then_some(reply)
    };
    let _ = eventually(PATIENCE, gone).await.expect_error(404, -32001);
}

async fn a_session_used_here_and_ended_there_is_gone_here(setup: Setup) {
    // Time stands still: what was seen here would count for ever, so it is the message that ends it.
    let world = two(setup.clock(standing()).setting("SESSION_CHECK", "near")).await;
    let here = session(&world, world.login("alice").await.access()).await;
    for _ in 0..3 {
        let _ = here.call("ping", json!({})).await.expect(200);
    }
    let _ = here.at(&world.endpoint_at(1)).end().await.expect(204);
    ended(&here).await;
}

async fn without_a_choice_no_instance_believes_what_it_saw(setup: Setup) {
    let world = two(setup).await;
    let here = session(&world, world.login("alice").await.access()).await;
    let _ = here.call("ping", json!({})).await.expect(200);
    let _ = here.at(&world.endpoint_at(1)).end().await.expect(204);
    let _ = here.call("ping", json!({})).await.expect_error(404, -32001);
}

async fn a_stream_opened_here_ends_when_its_session_is_ended_there(setup: Setup) {
    let world = two(setup).await;
    let here = session(&world, world.login("alice").await.access()).await;
    let stream = here.listen(None).await;
    let _ = here.at(&world.endpoint_at(1)).end().await.expect(204);
    assert!(stream.finish().await.messages.is_empty());
}

async fn a_question_asked_here_is_answered_there(setup: Setup) {
    let world = two(setup).await;
    let here = session(&world, world.login("alice").await.access()).await;
    let mut call = here.open(here.draft("tools/call", asking())).await;
    let question = call.next().await.expect("a question");
    let there = here.at(&world.endpoint_at(1));
    let _ = there.respond(&question["id"], Ok(filled_in("Ada"))).await.expect(202);
    assert_eq!(told_name(call.finish().await.result()), "Ada");
}

async fn a_call_that_runs_here_is_cancelled_there(setup: Setup) {
    let world = two(setup.clock(standing())).await;
    let here = session(&world, world.login("alice").await.access()).await;
    let call = json!({ "name": "long-running-operation", "arguments": { "duration": 9 } });
    let draft = here.draft("tools/call", call).id("the-call");
    let running = here.open(draft.header("accept", "text/event-stream")).await;
    let there = here.at(&world.endpoint_at(1));
    let cancelled = json!({ "requestId": "the-call" });
    let _ = there.notify("notifications/cancelled", cancelled).await.expect(202);
    assert!(running.finish().await.messages.is_empty());
}

async fn a_call_interrupted_here_goes_on_there(setup: Setup) {
    let world = two(setup).await;
    let alice = world.login("alice").await;
    let here = world.modern(alice.access()).capabilities(forms()).script(person("Ada"));
    let interrupted = here.call("tools/call", asking()).await.expect(200);
    assert_eq!(interrupted.result()["resultType"], "input_required");
    let again = here.with_answers(asking(), interrupted.result());
    let there = here.at(&world.endpoint_at(1));
    let done = there.call("tools/call", again).await.expect(200);
    assert_eq!(told_name(done.result()), "Ada");
}

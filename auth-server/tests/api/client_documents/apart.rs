//! Clients that are known by a document, where two instances have read it at different times: both on
//! a real Redis, each with copies of its own.

use ambient::Clock;
use serde_json::json;
use testkit::{oauth::Tokens, redis::namespace};

use super::{Host, document, open};
use crate::{
    keys_on_redis::connect,
    support::{World, approve, redemption, sign_in},
};

/// Two instances that share Redis and the time.
async fn two() -> (World, World) {
    let (place, clock) = (namespace().await, World::clock());
    let on = async |clock: Clock| {
        let settings = [("AUTH_CIMD_ALLOW_PRIVATE", "1")];
        World::on_with(connect(&place).await, clock, &settings).await
    };
    (on(clock.clone()).await, on(clock).await)
}

/// One instance finds no document, while the other has a copy that is good for five more minutes.
async fn withdrawn_at_one(one: &World, other: &World, host: &Host) {
    let client = host.client();
    let _ = open(one, &client).await.expect(200);
    one.pass(300);
    let _ = open(other, &client).await.expect(200);
    host.lose(usize::MAX);
    one.pass(300);
    let _ = open(one, &client).await.expect(400);
}

#[tokio::test]
async fn who_has_an_older_copy_asks_again_before_its_user_does_anything() {
    let ((one, other), host) = (two().await, Host::start().await);
    withdrawn_at_one(&one, &other, &host).await;
    host.lose(0);
    let tokens = other.tokens(&host.client()).await;
    assert!(other.is_active(&tokens.access).await);
    let client = host.client();
    let _ = other.refresh(&client, &tokens.refresh.unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_document_that_is_gone_is_gone_at_every_instance() {
    let ((one, other), host) = (two().await, Host::start().await);
    withdrawn_at_one(&one, &other, &host).await;
    let asked = host.asked();
    let page = open(&other, &host.client()).await.expect(400);
    assert!(page.text().contains("does not say what it is"), "{page}");
    assert!(host.asked() > asked);
}

#[tokio::test]
async fn an_older_copy_is_no_answer_when_the_host_has_withdrawn_it_and_is_silent() {
    let ((one, other), host) = (two().await, Host::start().await);
    withdrawn_at_one(&one, &other, &host).await;
    host.lose(0);
    host.set(503, &json!({}));
    let _ = open(&other, &host.client()).await.expect(503);
}

/// The user is asked at one instance while the other finds no document for a moment.
#[tokio::test]
async fn the_host_has_the_last_word_about_a_user_who_has_agreed() {
    for is_there in [true, false] {
        let ((one, other), host) = (two().await, Host::start().await);
        let (client, mut browser) = (host.client(), other.browser());
        let _ = open(&one, &client).await.expect(200);
        one.pass(300);
        let request = other.request(&client);
        let consent = browser.open(&request.url()).await.page().expect(200);
        host.lose(2);
        one.pass(300);
        let _ = open(&one, &client).await.expect(400);
        if !is_there {
            let mut changed = document(&host.url);
            changed["client_name"] = json!("Somebody else");
            host.set(200, &changed);
        }
        let login = approve(&mut browser, &consent).await.page().expect(200);
        let end = sign_in(&mut browser, &login, "alice", crate::support::PASSWORD).await;
        if is_there {
            let code = testkit::oauth::query(&end.callback(), "code").unwrap();
            let _ = Tokens::read(&other.token(&redemption(&client, &request, &code)).await);
        } else {
            let page = end.page().expect(400);
            assert!(page.text().contains("has been withdrawn"), "{page}");
        }
    }
}

#[tokio::test]
async fn what_one_has_not_found_is_looked_for_again_when_another_has() {
    let ((one, other), host) = (two().await, Host::start().await);
    withdrawn_at_one(&one, &other, &host).await;
    host.lose(0);
    one.pass(5);
    let client = host.client();
    let tokens = other.tokens(&client).await;
    one.pass(5);
    let _ = open(&one, &client).await.expect(200);
    let _ = other.refresh(&client, &tokens.refresh.unwrap()).await.expect(200);
}

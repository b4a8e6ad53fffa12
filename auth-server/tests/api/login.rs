//! The mock identity provider, and the way back from it.

use testkit::{
    browser::{Browser, Page},
    oauth::{Tokens, query},
};
use url::Url;

use crate::support::{PASSWORD, World, approve, cookie_header, redemption, sign_in};

async fn login_page(world: &World, browser: &mut Browser) -> Page {
    let client = world.app().await;
    let consent = browser.open(&world.request(&client).url()).await.page().expect(200);
    approve(browser, &consent).await.page().expect(200)
}

/// A login that has been stopped just before the way back: the address the provider sends to.
async fn way_back(world: &World, browser: &mut Browser, user: &str) -> Url {
    let login = login_page(world, browser).await;
    let form = login.form("Sign in").choose("username", user).fill("password", PASSWORD);
    let cookies = cookie_header(browser);
    let fields = ["state", "nonce", "code_challenge", "token", "username", "password"]
        .map(|name| (name, form.value(name).unwrap()));
    let request = world.http.request(http::Method::POST, "/mock-upstream-idp/authorize");
    let answer = world.http.send(request.header("cookie", cookies).form(&fields)).await.expect(303);
    Url::parse(answer.header("location").unwrap()).unwrap()
}

#[tokio::test]
async fn the_demo_users_can_be_picked() {
    let world = World::start().await;
    let page = login_page(&world, &mut world.browser()).await;
    assert_eq!(page.form("Sign in").choices("username"), ["alice", "bob", "carol"]);
    assert!(page.text().contains("mock") && page.text().contains(PASSWORD), "{page}");
}

#[tokio::test]
async fn whoever_logs_in_is_whom_the_token_is_for() {
    let world = World::start().await;
    let client = world.app().await;
    let request = world.request(&client);
    let callback = world.go(&mut world.browser(), &request.url(), "carol").await;
    let code = query(&callback, "code").unwrap();
    let tokens = Tokens::read(&world.token(&redemption(&client, &request, &code)).await);
    let found = world.introspect(&tokens.access).await;
    assert_eq!((&found["sub"], &found["username"]), (&"carol".into(), &"Carol Clark".into()));
}

#[tokio::test]
async fn a_wrong_password_can_be_corrected() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = login_page(&world, &mut browser).await;
    let again = sign_in(&mut browser, &page, "bob", "wrong").await.page().expect(403);
    assert_eq!(again.select("[role=alert]").len(), 1, "{again}");
    assert_eq!(again.form("Sign in").value("username"), Some("bob"));
    let callback = sign_in(&mut browser, &again, "bob", PASSWORD).await.callback();
    assert!(query(&callback, "code").is_some(), "{callback}");
}

#[tokio::test]
async fn an_unknown_user_cannot_log_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = login_page(&world, &mut browser).await;
    let form = page.form("Sign in").fill("password", PASSWORD).tamper("username", "mallory");
    let _ = browser.submit(&page, form).await.page().expect(403);
}

#[tokio::test]
async fn a_login_can_be_called_off() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = login_page(&world, &mut browser).await;
    let callback = browser.submit(&page, page.form("Cancel")).await.callback();
    assert_eq!(query(&callback, "error").as_deref(), Some("access_denied"), "{callback}");
}

#[tokio::test]
async fn the_provider_serves_nobody_but_the_authorization_server() {
    let world = World::start().await;
    let good = login_page(&world, &mut world.browser()).await.url;
    for (name, value) in [
        ("redirect_uri", "https://evil.example/"),
        ("client_id", "other"),
        ("response_type", "token"),
        ("state", ""),
    ] {
        let pairs: Vec<_> = good
            .query_pairs()
            .map(|(given, old)| {
                let new = if given == name { value.into() } else { old.into_owned() };
                (given.into_owned(), new)
            })
            .collect();
        let mut url = good.clone();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        let page = world.browser().open(url.as_str()).await.page().expect(400);
        assert!(!page.has_button("Sign in"), "{name}: {page}");
    }
}

#[tokio::test]
async fn a_login_form_counts_only_in_the_browser_it_was_shown_in() {
    let world = World::start().await;
    let page = login_page(&world, &mut world.browser()).await;
    let _ = sign_in(&mut world.browser(), &page, "alice", PASSWORD).await.page().expect(403);
}

#[tokio::test]
async fn nobody_can_finish_somebody_elses_login() {
    let world = World::start().await;
    let mut victim = world.browser();
    let back = way_back(&world, &mut victim, "alice").await;
    let page = world.browser().open(back.as_str()).await.page().expect(403);
    assert!(page.text().contains("another browser"), "{page}");
    assert!(query(&victim.open(back.as_str()).await.callback(), "code").is_some());
}

#[tokio::test]
async fn a_login_cannot_be_slipped_into_another() {
    let world = World::start().await;
    let mut browser = world.browser();
    let alice = way_back(&world, &mut browser, "alice").await;
    let bob = way_back(&world, &mut browser, "bob").await;
    let mut mixed = alice.clone();
    let code = query(&bob, "code").unwrap();
    let state = query(&alice, "state").unwrap();
    let iss = query(&alice, "iss").unwrap();
    mixed.query_pairs_mut().clear().extend_pairs([("code", code), ("state", state), ("iss", iss)]);
    let page = browser.open(mixed.as_str()).await.page().expect(400);
    assert!(page.text().contains("has ended"), "{page}");
}

#[tokio::test]
async fn the_way_back_leads_to_one_code_and_no_second_one() {
    let world = World::start().await;
    let mut browser = world.browser();
    let back = way_back(&world, &mut browser, "alice").await;
    assert!(query(&browser.open(back.as_str()).await.callback(), "code").is_some());
    let _ = browser.open(back.as_str()).await.page().expect(400);
}

#[tokio::test]
async fn a_login_that_took_too_long_has_ended() {
    let world = World::start().await;
    let mut browser = world.browser();
    let back = way_back(&world, &mut browser, "alice").await;
    world.pass(60);
    let _ = browser.open(back.as_str()).await.page().expect(400);
}

#[tokio::test]
async fn a_callback_out_of_the_blue_is_harmless() {
    let world = World::start().await;
    let iss = format!("{}/mock-upstream-idp", world.issuer);
    let queries = [
        String::new(),
        "?state=unknown&code=x&userId=alice".to_owned(),
        format!("?state=unknown&code=x&iss={iss}"),
        format!("?state=a.b&code=x&iss={iss}"),
        format!("?state=a&state=b&code=x&iss={iss}"),
    ];
    for query in queries {
        let page =
            world.browser().open(&format!("{}/upstream/mock/callback{query}", world.issuer)).await;
        let _ = page.page().expect(400);
    }
    let _ = world.http.get("/health").await.expect(200);
}

#[tokio::test]
async fn an_answer_in_the_name_of_another_provider_is_refused() {
    let world = World::start().await;
    let mut browser = world.browser();
    let back = way_back(&world, &mut browser, "alice").await;
    let pairs = ["code", "state"].map(|name| (name, query(&back, name).unwrap()));
    let mut url = back.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs).append_pair("iss", "https://evil.example");
    let _ = browser.open(url.as_str()).await.page().expect(400);
}

//! What a device hears that polls while something is taken away: its program, its user's yes, its
//! time (RFC 8628 section 3.5).

use http::Method;
use serde_json::{Value, json};
use testkit::{
    browser::{Browser, Page},
    http::Answer,
    oauth::{Client, Tokens},
};

use crate::{
    device::{GRANT, allow, ask, begin, enter, program, text},
    manage::manage,
    support::{CALLBACK, PASSWORD, World, approve, sign_in},
};

/// A program with a secret, which can change and delete its registration.
async fn own_program(world: &World) -> Client {
    let metadata = json!({ "client_name": "Own", "grant_types": [GRANT, "refresh_token"] });
    let registration = world.register(&metadata).await.expect(201).json();
    Client {
        id: text(&registration, "client_id").to_owned(),
        secret: Some(text(&registration, "client_secret").to_owned()),
        redirect_uri: CALLBACK.to_owned(),
        registration,
    }
}

async fn begin_own(world: &World, client: &Client) -> Value {
    let secret = client.secret.as_deref().unwrap();
    let form = [("client_id", &*client.id), ("client_secret", secret)];
    world.http.post_form("/device_authorization", &form).await.expect(200).json()
}

async fn ask_own(world: &World, client: &Client, begun: &Value) -> Answer {
    let form = [
        ("grant_type", GRANT),
        ("device_code", text(begun, "device_code")),
        ("client_id", &client.id),
        ("client_secret", client.secret.as_deref().unwrap()),
    ];
    world.token(&form).await
}

/// From the code to the login, where the user stops.
async fn before_the_login(world: &World, browser: &mut Browser, begun: &Value) -> Page {
    let consent = enter(world, browser, text(begun, "user_code")).await.expect(200);
    approve(browser, &consent).await.page().expect(200)
}

#[tokio::test]
async fn the_program_is_deleted_while_its_device_waits() {
    let world = World::start().await;
    let client = own_program(&world).await;
    let begun = begin_own(&world, &client).await;
    ask_own(&world, &client, &begun).await.expect_oauth_error(400, "authorization_pending");
    let _ = manage(&world, &client, Method::DELETE, None).await.expect(204);
    ask_own(&world, &client, &begun).await.expect_oauth_error(401, "invalid_client");
    let told = enter(&world, &mut world.browser(), text(&begun, "user_code")).await.expect(400);
    assert!(told.text().contains("Start again on your device"), "{told}");
}

#[tokio::test]
async fn the_program_is_deleted_when_its_user_has_agreed() {
    let world = World::start().await;
    let client = own_program(&world).await;
    let begun = begin_own(&world, &client).await;
    let _ = allow(&world, text(&begun, "user_code"), "alice").await.page().expect(200);
    let _ = manage(&world, &client, Method::DELETE, None).await.expect(204);
    ask_own(&world, &client, &begun).await.expect_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn the_program_is_for_devices_no_more() {
    let world = World::start().await;
    let client = own_program(&world).await;
    let begun = begin_own(&world, &client).await;
    let web = json!({ "redirect_uris": [CALLBACK], "grant_types": ["authorization_code"] });
    let _ = manage(&world, &client, Method::PUT, Some(&web)).await.expect(200);
    ask_own(&world, &client, &begun).await.expect_oauth_error(400, "unauthorized_client");
    // Nobody is asked for a yes that is of no use.
    let told = enter(&world, &mut world.browser(), text(&begun, "user_code")).await.expect(400);
    assert!(told.text().contains("Start again on your device"), "{told}");
}

#[tokio::test]
async fn a_program_with_a_secret_shows_it_whenever_it_asks() {
    let world = World::start().await;
    let client = own_program(&world).await;
    let unproven = [("client_id", &*client.id)];
    let refused = world.http.post_form("/device_authorization", &unproven).await;
    refused.expect_oauth_error(401, "invalid_client");
    let begun = begin_own(&world, &client).await;
    let _ = allow(&world, text(&begun, "user_code"), "alice").await.page().expect(200);
    ask(&world, &client, &begun).await.expect_oauth_error(401, "invalid_client");
    assert!(world.is_active(&Tokens::read(&ask_own(&world, &client, &begun).await).access).await);
}

#[tokio::test]
async fn the_user_takes_the_yes_back_before_the_device_has_heard_it() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let mut browser = world.browser();
    let login = before_the_login(&world, &mut browser, &begun).await;
    let _ = sign_in(&mut browser, &login, "alice", PASSWORD).await.page().expect(200);
    // Another login of the same program shows it on the page where it can be thrown out.
    let other = begin(&world, &client).await;
    let _ = allow(&world, text(&other, "user_code"), "alice").await.page().expect(200);
    let tokens = Tokens::read(&ask(&world, &client, &other).await);
    let apps = browser.open(&world.at("/apps")).await.page().expect(200);
    let _ = browser.submit(&apps, apps.form("Remove access")).await.page().expect(200);
    assert!(!world.is_active(&tokens.access).await);
    let refused = ask(&world, &client, &begun).await;
    refused.expect_oauth_error(400, "invalid_grant");
    assert!(refused.text().contains("withdrawn"), "{refused}");
}

#[tokio::test]
async fn the_user_who_calls_the_login_off_has_said_no() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let mut browser = world.browser();
    let login = before_the_login(&world, &mut browser, &begun).await;
    let done = browser.submit(&login, login.form("Cancel")).await.page().expect(200);
    assert!(done.text().contains("Access denied"), "{done}");
    for _ in 0..2 {
        ask(&world, &client, &begun).await.expect_oauth_error(400, "access_denied");
    }
}

#[tokio::test]
async fn a_yes_that_comes_too_late_is_told_to_both() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    // Begun in the last minute: the login lives longer than the device waits.
    world.pass(570);
    let mut browser = world.browser();
    let login = before_the_login(&world, &mut browser, &begun).await;
    world.pass(30);
    let late = sign_in(&mut browser, &login, "alice", PASSWORD).await.page().expect(400);
    assert!(late.text().contains("Start again on your device"), "{late}");
    ask(&world, &client, &begun).await.expect_oauth_error(400, "expired_token");
}

#[tokio::test]
async fn a_yes_that_nobody_fetches_in_time_is_none() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let _ = allow(&world, text(&begun, "user_code"), "alice").await.page().expect(200);
    world.pass(600);
    ask(&world, &client, &begun).await.expect_oauth_error(400, "expired_token");
}

#[tokio::test]
async fn what_is_no_device_code_is_told_apart_from_one_that_is_over() {
    let world = World::start().await;
    let client = program(&world).await;
    let begun = begin(&world, &client).await;
    let code = text(&begun, "device_code");
    let broken = format!("{}x", &code[..code.len() - 1]);
    for (code, error) in [("garbage", "invalid_grant"), (&*broken, "invalid_grant")] {
        let form = [("grant_type", GRANT), ("device_code", code), ("client_id", &client.id)];
        world.token(&form).await.expect_oauth_error(400, error);
    }
    let nothing = [("grant_type", GRANT), ("client_id", &*client.id)];
    world.token(&nothing).await.expect_oauth_error(400, "invalid_request");
    let elsewhere = [
        ("grant_type", GRANT),
        ("device_code", code),
        ("client_id", &client.id),
        ("resource", "https://other.example/mcp"),
    ];
    world.token(&elsewhere).await.expect_oauth_error(400, "invalid_target");
    // None of it has cost the device its turn.
    ask(&world, &client, &begun).await.expect_oauth_error(400, "authorization_pending");
}

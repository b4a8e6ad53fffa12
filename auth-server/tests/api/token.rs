//! `POST /token` with `grant_type=authorization_code`.

use http::Method;
use serde_json::json;
use testkit::oauth::{Tokens, query};

use crate::support::{RESOURCE, World, redemption, with, without};

#[tokio::test]
async fn a_code_is_redeemed_for_tokens() {
    let world = World::start().await;
    let tokens = world.tokens(&world.app().await).await;
    assert!(tokens.access.starts_with("mcpa_") && tokens.access.len() <= 64);
    assert!(tokens.refresh.unwrap().starts_with("mcpr_"));
    assert_eq!(tokens.answer["expires_in"], 900);
    assert_eq!(tokens.answer["scope"], "mcp notes");
}

#[tokio::test]
async fn a_replayed_code_ends_everything_that_came_of_it() {
    let world = World::start().await;
    let client = world.app().await;
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let tokens = Tokens::read(&world.token(&form).await);
    assert!(world.is_active(&tokens.access).await);
    world.token(&form).await.expect_oauth_error(400, "invalid_grant");
    assert!(!world.is_active(&tokens.access).await);
    let refreshed = world.refresh(&client, &tokens.refresh.unwrap()).await;
    refreshed.expect_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn a_thief_of_a_spent_code_cannot_log_the_user_out() {
    let world = World::start().await;
    let (client, thief) = (world.app().await, world.app().await);
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let tokens = Tokens::read(&world.token(&form).await);
    let guess = "a".repeat(43);
    let attempts =
        [with(form.clone(), "code_verifier", &guess), with(form, "client_id", &thief.id)];
    for attempt in attempts {
        world.token(&attempt).await.expect_oauth_error(400, "invalid_grant");
    }
    assert!(world.is_active(&tokens.access).await);
}

#[tokio::test]
async fn a_wrong_attempt_does_not_spend_the_code() {
    let world = World::start().await;
    let (client, other) = (world.app().await, world.app().await);
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let guess = "a".repeat(43);
    let wrong = [
        (with(form.clone(), "code_verifier", &guess), "invalid_grant"),
        (with(form.clone(), "code_verifier", "short"), "invalid_grant"),
        (with(form.clone(), "client_id", &other.id), "invalid_grant"),
        (with(form.clone(), "redirect_uri", "http://127.0.0.1:5999/callback/"), "invalid_grant"),
        (with(form.clone(), "resource", "https://other.example/mcp"), "invalid_target"),
        (with(form.clone(), "code", "mcpc_forged"), "invalid_grant"),
        (without(form.clone(), "code_verifier"), "invalid_grant"),
        (without(form.clone(), "code"), "invalid_request"),
        (without(form.clone(), "grant_type"), "invalid_request"),
        (with(form.clone(), "grant_type", "password"), "unsupported_grant_type"),
    ];
    for (attempt, error) in wrong {
        world.token(&attempt).await.expect_oauth_error(400, error);
    }
    let _ = world.token(&form).await.expect(200);
}

#[tokio::test]
async fn of_many_who_redeem_a_code_at_once_one_wins_at_most() {
    let world = World::start().await;
    let client = world.app().await;
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let other = world.another(&[]).await;
    let answers = tokio::join!(
        world.token(&form),
        other.post_form("/token", &form),
        world.token(&form),
        other.post_form("/token", &form),
    );
    let answers: [_; 4] = answers.into();
    assert!(answers.iter().filter(|answer| answer.status == 200).count() <= 1);
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 400)));
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        assert!(!world.is_active(&Tokens::read(answer).access).await, "the replay has ended it");
    }
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let world = World::start().await;
    let client = world.app().await;
    let (request, code) = world.code(&client).await;
    world.pass(60);
    let answer = world.token(&redemption(&client, &request, &code)).await;
    answer.expect_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn redirect_uri_and_resource_may_be_left_out() {
    let world = World::start().await;
    let client = world.app().await;
    let (request, code) = world.code(&client).await;
    let form = without(redemption(&client, &request, &code), "redirect_uri");
    let tokens = Tokens::read(&world.token(&without(form, "resource")).await);
    assert_eq!(world.introspect(&tokens.access).await["aud"], RESOURCE);
}

#[tokio::test]
async fn an_old_client_that_names_no_resource_gets_a_token_for_the_default() {
    let world = World::start().await;
    let client = world.app().await;
    let request = world.request(&client).without("resource");
    let callback = world.go(&mut world.browser(), &request.url(), "bob").await;
    let code = query(&callback, "code").unwrap();
    let tokens = Tokens::read(&world.token(&redemption(&client, &request, &code)).await);
    assert_eq!(world.introspect(&tokens.access).await["aud"], RESOURCE);
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    let world = World::start().await;
    let client = world.app().await;
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    for name in ["code", "client_id", "grant_type", "resource"] {
        let mut form = form.clone();
        form.push((name, "again"));
        world.token(&form).await.expect_oauth_error(400, "invalid_request");
    }
    let _ = world.token(&form).await.expect(200);
}

#[tokio::test]
async fn a_client_has_to_be_known_and_to_prove_it() {
    let world = World::start().await;
    let client = world.confidential().await;
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let public = world.app().await;
    let refused = [
        with(form.clone(), "client_id", "unknown"),
        with(form.clone(), "client_secret", "wrong"),
        with(
            form.clone(),
            "client_secret",
            world.confidential().await.secret.as_deref().unwrap_or_default(),
        ),
        without(form.clone(), "client_secret"),
        without(form.clone(), "client_id"),
        with(form.clone(), "client_id", &public.id),
    ]
    .map(|form| form.into_iter().map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>());
    for form in refused {
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        world.token(&form).await.expect_oauth_error(401, "invalid_client");
    }
    let _ = world.token(&form).await.expect(200);
}

#[tokio::test]
async fn a_secret_may_travel_in_the_header_but_not_in_both_places() {
    let world = World::start().await;
    let client = world.confidential().await;
    let (request, code) = world.code(&client).await;
    let form = redemption(&client, &request, &code);
    let basic = || {
        let request = world.http.request(Method::POST, "/token");
        request.basic_auth(&client.id, client.secret.as_deref())
    };
    let both = world.http.send(basic().form(&form)).await;
    both.expect_oauth_error(400, "invalid_request");
    let form = without(without(form, "client_secret"), "client_id");
    let other = with(form.clone(), "client_id", "another");
    world.http.send(basic().form(&other)).await.expect_oauth_error(400, "invalid_request");
    let _ = world.http.send(basic().form(&form)).await.expect(200);
}

#[tokio::test]
async fn a_body_that_is_no_form_or_too_large_is_refused() {
    let world = World::start().await;
    let json = world.http.post_json("/token", &json!({"grant_type": "refresh_token"})).await;
    json.expect_oauth_error(400, "invalid_request");
    let large = world.token(&[("code", &*"x".repeat(17 * 1024))]).await;
    large.expect_oauth_error(413, "invalid_request");
    let larger = world.token(&[("code", &*"x".repeat(70 * 1024))]).await;
    larger.expect_oauth_error(413, "invalid_request");
}

#[tokio::test]
async fn a_client_without_refreshing_gets_no_refresh_token() {
    let world = World::start().await;
    let metadata =
        json!({"token_endpoint_auth_method": "none", "grant_types": ["authorization_code"]});
    let client = world.app_with(metadata).await;
    let tokens = world.tokens(&client).await;
    assert_eq!(tokens.refresh, None);
    let other = world.tokens(&world.app().await).await.refresh.unwrap();
    world.refresh(&client, &other).await.expect_oauth_error(400, "unauthorized_client");
}

#[tokio::test]
async fn a_flow_can_go_on_at_another_instance() {
    let world = World::start().await;
    let other = world.another(&[]).await;
    let client = world.app().await;
    let (request, code) = world.code(&client).await;
    let tokens =
        Tokens::read(&other.post_form("/token", &redemption(&client, &request, &code)).await);
    assert!(world.is_active(&tokens.access).await);
}

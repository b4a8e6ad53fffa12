//! `POST /token` with `grant_type=refresh_token`.

use testkit::oauth::{Client, Tokens};

use crate::support::{World, refreshing, with};

async fn signed_in(world: &World) -> (Client, String) {
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    (client, tokens.refresh.unwrap())
}

async fn refreshed(world: &World, client: &Client, token: &str) -> Tokens {
    Tokens::read(&world.refresh(client, token).await)
}

#[tokio::test]
async fn a_refresh_token_is_replaced_when_it_is_used() {
    let world = World::start().await;
    let (client, first) = signed_in(&world).await;
    let next = refreshed(&world, &client, &first).await;
    assert_ne!(next.refresh.as_deref(), Some(&*first));
    assert!(world.is_active(&next.access).await);
    let further = refreshed(&world, &client, next.refresh.as_deref().unwrap()).await;
    assert!(world.is_active(&further.access).await);
}

#[tokio::test]
async fn a_lost_answer_is_given_again() {
    let world = World::start().await;
    let (client, token) = signed_in(&world).await;
    let first = refreshed(&world, &client, &token).await;
    world.pass(59);
    let again = refreshed(&world, &client, &token).await;
    assert_eq!((&again.access, &again.refresh), (&first.access, &first.refresh));
    assert_eq!(again.answer["expires_in"], 900 - 59);
}

#[tokio::test]
async fn two_windows_that_race_get_the_same_tokens() {
    let world = World::start().await;
    let other = world.another(&[]).await;
    let (client, token) = signed_in(&world).await;
    let form = refreshing(&client, &token);
    let (one, two) = tokio::join!(world.token(&form), other.post_form("/token", &form));
    let (one, two) = (Tokens::read(&one), Tokens::read(&two));
    assert_eq!((&one.access, &one.refresh), (&two.access, &two.refresh));
    assert!(world.is_active(&one.access).await);
}

#[tokio::test]
async fn a_used_token_that_comes_back_later_ends_the_login() {
    let world = World::start().await;
    let (client, token) = signed_in(&world).await;
    let next = refreshed(&world, &client, &token).await;
    world.pass(60);
    world.refresh(&client, &token).await.expect_oauth_error(400, "invalid_grant");
    assert!(!world.is_active(&next.access).await);
    let heir = world.refresh(&client, next.refresh.as_deref().unwrap()).await;
    heir.expect_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn a_token_two_generations_old_ends_the_login_at_once() {
    let world = World::start().await;
    let (client, first) = signed_in(&world).await;
    let second = refreshed(&world, &client, &first).await;
    let third = refreshed(&world, &client, second.refresh.as_deref().unwrap()).await;
    world.refresh(&client, &first).await.expect_oauth_error(400, "invalid_grant");
    assert!(!world.is_active(&third.access).await);
}

/// Who sends the same token with a request that would be refused anyhow is noticed all the same.
#[tokio::test]
async fn a_used_token_ends_the_login_whatever_else_is_wrong() {
    for (name, value) in [("resource", "https://other.example/"), ("scope", "admin")] {
        let world = World::start().await;
        let (client, token) = signed_in(&world).await;
        let next = refreshed(&world, &client, &token).await;
        world.pass(60);
        let form = with(refreshing(&client, &token), name, value);
        world.token(&form).await.expect_oauth_error(400, "invalid_grant");
        assert!(!world.is_active(&next.access).await, "{name}");
    }
}

#[tokio::test]
async fn another_client_can_neither_use_nor_end_it() {
    let world = World::start().await;
    let (client, token) = signed_in(&world).await;
    let thief = world.app().await;
    world.refresh(&thief, &token).await.expect_oauth_error(400, "invalid_grant");
    let next = refreshed(&world, &client, &token).await;
    world.refresh(&thief, &token).await.expect_oauth_error(400, "invalid_grant");
    assert!(world.is_active(&next.access).await);
}

#[tokio::test]
async fn the_scope_can_shrink_and_not_grow() {
    let world = World::start().await;
    let (client, token) = signed_in(&world).await;
    let form = refreshing(&client, &token);
    let more = world.token(&with(form.clone(), "scope", "mcp admin")).await;
    more.expect_oauth_error(400, "invalid_scope");
    let fewer = Tokens::read(&world.token(&with(form, "scope", "mcp")).await);
    assert_eq!(fewer.answer["scope"], "mcp");
    let all = refreshed(&world, &client, fewer.refresh.as_deref().unwrap()).await;
    assert_eq!(all.answer["scope"], "mcp notes");
}

#[tokio::test]
async fn the_resource_stays() {
    let world = World::start().await;
    let (client, token) = signed_in(&world).await;
    let form = with(refreshing(&client, &token), "resource", "https://other.example/");
    world.token(&form).await.expect_oauth_error(400, "invalid_target");
}

#[tokio::test]
async fn a_token_that_is_not_used_ends_after_thirty_days() {
    let world = World::start().await;
    let (client, token) = signed_in(&world).await;
    world.pass(29 * 24 * 3600);
    let next = refreshed(&world, &client, &token).await;
    world.pass(30 * 24 * 3600);
    let late = world.refresh(&client, next.refresh.as_deref().unwrap()).await;
    late.expect_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn a_login_ends_however_often_it_is_refreshed() {
    let world = World::start().await;
    let (client, mut token) = signed_in(&world).await;
    for _ in 0..7 {
        world.pass(25 * 24 * 3600);
        token = refreshed(&world, &client, &token).await.refresh.unwrap();
    }
    world.pass(5 * 24 * 3600);
    world.refresh(&client, &token).await.expect_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let world = World::start().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    for text in ["garbage", &tokens.access, &format!("mcpr_{}", "0".repeat(49))] {
        world.refresh(&client, text).await.expect_oauth_error(400, "invalid_grant");
    }
}

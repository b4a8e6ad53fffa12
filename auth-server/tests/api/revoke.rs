//! `POST /revoke`.

use testkit::{http::Answer, oauth::Client};

use crate::support::World;

async fn revoke(world: &World, client: &Client, token: &str) -> Answer {
    let mut form = vec![("token", token), ("client_id", &client.id)];
    form.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
    world.http.post_form("/revoke", &form).await
}

#[tokio::test]
async fn a_revoked_access_token_is_dead_and_its_login_goes_on() {
    let world = World::start().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    revoke(&world, &client, &tokens.access).await.expect(200).expect_no_store();
    assert!(!world.is_active(&tokens.access).await);
    let _ = world.refresh(&client, &tokens.refresh.unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_revoked_refresh_token_takes_its_login_with_it() {
    let world = World::start().await;
    let client = world.confidential().await;
    let tokens = world.tokens(&client).await;
    let refresh = tokens.refresh.unwrap();
    let _ = revoke(&world, &client, &refresh).await.expect(200);
    assert!(!world.is_active(&tokens.access).await);
    world.refresh(&client, &refresh).await.expect_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn another_clients_tokens_are_not_touched() {
    let world = World::start().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    let other = world.app().await;
    for token in [&tokens.access, tokens.refresh.as_ref().unwrap()] {
        revoke(&world, &other, token).await.expect_oauth_error(400, "invalid_grant");
    }
    assert!(world.is_active(&tokens.access).await);
}

#[tokio::test]
async fn what_is_gone_already_is_no_mistake() {
    let world = World::start().await;
    let client = world.app().await;
    let unknown = format!("mcpr_{}", "0".repeat(49));
    for token in ["garbage", "eyJhbGciOiJub25lIn0.e30.", &unknown] {
        let _ = revoke(&world, &client, token).await.expect(200);
    }
}

#[tokio::test]
async fn whoever_revokes_says_who_he_is() {
    let world = World::start().await;
    let confidential = world.confidential().await;
    let tokens = world.tokens(&confidential).await;
    let impostor = Client { secret: None, ..confidential };
    revoke(&world, &impostor, &tokens.access).await.expect_oauth_error(401, "invalid_client");
    let nobody = world.http.post_form("/revoke", &[("token", &*tokens.access)]).await;
    nobody.expect_oauth_error(401, "invalid_client");
    assert!(world.is_active(&tokens.access).await);
}

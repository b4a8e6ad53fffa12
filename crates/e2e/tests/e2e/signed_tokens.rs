//! Access tokens that are signed (RFC 9068), in the hands of the MCP server: nothing else changes.

use e2e::Setup;

use crate::support::works;

on_both_stores![a_signed_token_works_until_it_is_revoked];

async fn a_signed_token_works_until_it_is_revoked(setup: Setup) {
    let setup = setup.setting("AUTH_TOKEN_FORMAT", "jwt").setting("MCP_AUTH_CACHE_TTL", "0");
    let world = setup.start().await;
    let alice = world.login("alice").await;
    assert_eq!(alice.access().split('.').count(), 3, "it is a JWT");
    works(&world, alice.access()).await;
    let form = [("token", alice.access()), ("client_id", &alice.client.id)];
    let _ = world.auth_http().post_form("/revoke", &form).await.expect(200);
    let answer = world.modern(alice.access()).call("tools/list", serde_json::json!({})).await;
    let _ = answer.expect(401);
}

//! Whether an access token is good, in whatever form it comes.

use store::StoreError;

use crate::{
    AuthServer,
    domain::{AccessRecord, ClientUrl, IssuedToken, client_id},
};

/// What is kept of a token, if it is good.
pub(crate) async fn good_token(
    server: &AuthServer,
    text: &str,
) -> Result<Option<AccessRecord>, StoreError> {
    let Some(token) = IssuedToken::parse(text) else { return Ok(None) };
    let Some(record) = server.repo().tokens.find_living(&token).await? else { return Ok(None) };
    // The only resource server that can ask is that of the known resources.
    let is_known = server.resources().is_audience(&record.grant.resource);
    let is_good = server.now() < record.expires_at
        && is_known
        && !is_gone(server, &record.grant.client_id).await?;
    Ok(is_good.then_some(record))
}

/// Whether the token's client has deleted itself, or the operator has removed it. Most clients can do
/// neither, and are not asked for.
async fn is_gone(server: &AuthServer, client: &str) -> Result<bool, StoreError> {
    if !client_id::is_registered(client) && !ClientUrl::is_meant(client) {
        return Ok(!server.is_given(client));
    }
    if server.config().clients.blocks(client) {
        return Ok(true);
    }
    if !client_id::can_be_deleted(client) {
        return Ok(false);
    }
    Ok(server.repo().clients.find(client).await?.is_none())
}

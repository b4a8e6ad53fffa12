//! Whether an access token is good, in whatever form it comes.

use store::StoreError;

use crate::{
    AuthServer,
    domain::{AccessRecord, Family, IssuedToken},
};

/// What is kept of a token, if it is good.
pub(crate) async fn good_token(
    server: &AuthServer,
    text: &str,
) -> Result<Option<AccessRecord>, StoreError> {
    let Some(token) = IssuedToken::parse(text) else { return Ok(None) };
    let tokens = &server.repo().tokens;
    let Some(record) = tokens.find_access(&token).await? else { return Ok(None) };
    // The only resource server that can ask is that of the known resources.
    let audience = &record.grant.resource;
    let is_known = server.resources().audience(audience) == Some(audience.as_str());
    if record.expires_at <= server.now() || !is_known {
        return Ok(None);
    }
    let family = tokens.find_family(&record.family).await?;
    let is_alive = matches!(family, Some(Family::Alive(_)));
    Ok(is_alive.then_some(record))
}

//! The identity token (`OpenID` Connect Core section 2): who has logged in, signed for one client.

use ambient::Timestamp;
use shared::oauth::{IdTokenClaims, Sensitive};

use crate::{
    AuthServer,
    domain::{Grant, OPENID},
    keys::KeyError,
};

/// An identity token, if the client asked for one.
pub(super) async fn id_token(
    server: &AuthServer,
    grant: &Grant,
    nonce: Option<String>,
) -> Result<Option<Sensitive>, KeyError> {
    if !grant.scope.contains(OPENID) {
        return Ok(None);
    }
    let now = server.now();
    let claims = IdTokenClaims {
        iss: server.issuer().to_string(),
        sub: grant.user.sub.clone(),
        aud: grant.client_id.clone(),
        // Signed keys are told for as long as this after their last use.
        exp: (now + server.lifetimes().access_token).as_secs(),
        iat: now.as_secs(),
        auth_time: grant.auth_time.map(Timestamp::as_secs),
        nonce,
    };
    let token = server.keys().sign("JWT", &claims).await?;
    Ok(Some(Sensitive::new(&*token)))
}

//! An identity token of ours that comes back as a hint (`OpenID` Connect Core section 3.1.2.1,
//! RP-Initiated Logout section 2): who is meant.

use shared::oauth::Sensitive;
use store::StoreError;

use crate::{
    AuthServer,
    assertions::{Jwt, PublicKeys},
    domain::KeySource,
    keys::KeyError,
};

/// What such a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdTokenHint {
    /// Whom it is about.
    pub(super) sub: String,
    /// The application that it was made for.
    pub(super) client_id: String,
}

/// What an identity token says; none if it is not one of ours. That it has ended does not matter: it
/// says who is meant, and allows nothing else. It counts as long as the key that has signed it is
/// published.
pub(super) async fn read(
    server: &AuthServer,
    token: &Sensitive,
) -> Result<Option<IdTokenHint>, StoreError> {
    let Ok(jwt) = Jwt::read(token.expose()) else { return Ok(None) };
    let keys = match server.keys().public().await {
        Ok(keys) => keys,
        Err(KeyError::Store(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let keys = serde_json::to_value(keys).ok().and_then(|set| PublicKeys::read(&set).ok());
    let Some(keys) = keys.map(KeySource::Here) else { return Ok(None) };
    let is_ours = jwt.typ() == Some("jwt")
        && jwt.claims().expect("iss", server.issuer().as_str()).is_ok()
        && server.assertions().check_signature(&jwt, &keys).await.is_ok();
    let claims = jwt.claims();
    let about = claims.required("sub").ok().zip(claims.only("aud").ok()).filter(|_| is_ours);
    Ok(about.map(|(sub, aud)| IdTokenHint { sub: sub.to_owned(), client_id: aud.to_owned() }))
}

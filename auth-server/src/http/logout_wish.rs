//! What an application says that ends its user's session here (`OpenID` Connect RP-Initiated Logout
//! 1.0): the identity token that it got for him, and where the browser goes afterwards.

use serde::Deserialize;
use shared::oauth::Sensitive;
use store::StoreError;

use super::query;
use crate::{
    AuthServer,
    assertions::{Jwt, PublicKeys},
    domain::{Client, Issuer, KeySource, RedirectUri},
    keys::KeyError,
};

/// The parameters (section 2); others are not looked at.
#[derive(Default, Deserialize)]
pub(super) struct Wish {
    id_token_hint: Option<Sensitive>,
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
}

/// What an application has the right to ask for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Granted {
    /// Whose session it means.
    pub(super) sub: String,
    /// Which application it is.
    pub(super) client_id: String,
    /// Where the browser goes; none if it did not say, or has not registered that.
    pub(super) back: Option<String>,
}

impl Wish {
    /// What the identity token gives a right to; none if it is not one of ours. That it has ended does
    /// not matter: it says who is meant, and allows nothing else (section 2). It counts as long as the
    /// key that has signed it is published; afterwards the user is asked.
    pub(super) async fn granted(&self, server: &AuthServer) -> Result<Option<Granted>, StoreError> {
        let Some(hint) = &self.id_token_hint else { return Ok(None) };
        let Some((sub, client_id)) = read(server, hint.expose()).await? else { return Ok(None) };
        if self.client_id.as_ref().is_some_and(|said| *said != client_id) {
            return Ok(None);
        }
        let Some(client) = server.client(&client_id).await? else { return Ok(None) };
        Ok(Some(Granted { sub, client_id, back: self.back(server, &client) }))
    }

    /// An address that the client has registered for this, with its state.
    fn back(&self, server: &AuthServer, client: &Client) -> Option<String> {
        let uri = self.post_logout_redirect_uri.as_deref()?;
        let registered = |known: &RedirectUri| known.allows(uri);
        let state: Vec<_> = self.state.iter().map(|state| ("state", &**state)).collect();
        let is_registered = client.after_logout.iter().any(registered);
        (is_registered && server.may_lead_to(&client.id, uri)).then(|| match state.as_slice() {
            [] => uri.to_owned(),
            state => query::append(uri, state),
        })
    }

    /// The same wish as the address of a page of ours. A form of another site comes without our
    /// cookies; a link comes with them.
    pub(super) fn address(&self, issuer: &Issuer) -> String {
        let hint = self.id_token_hint.as_ref().map(Sensitive::expose);
        let all = [
            ("id_token_hint", hint),
            ("client_id", self.client_id.as_deref()),
            ("post_logout_redirect_uri", self.post_logout_redirect_uri.as_deref()),
            ("state", self.state.as_deref()),
        ];
        let said: Vec<_> = all.into_iter().filter_map(|(name, it)| Some((name, it?))).collect();
        query::append(&issuer.at("/logout"), &said)
    }
}

/// Who an identity token of ours is about, and for whom it was made.
async fn read(server: &AuthServer, token: &str) -> Result<Option<(String, String)>, StoreError> {
    let Ok(jwt) = Jwt::read(token) else { return Ok(None) };
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
    let about = claims.required("sub").ok().zip(claims.only("aud").ok());
    Ok(about.filter(|_| is_ours).map(|(sub, aud)| (sub.to_owned(), aud.to_owned())))
}

//! What an application says that ends its user's session here (`OpenID` Connect RP-Initiated Logout
//! 1.0): the identity token that it got for him, and where the browser goes afterwards.

use serde::Deserialize;
use shared::oauth::Sensitive;
use store::StoreError;

use super::{
    id_token_hint::{self, IdTokenHint},
    query,
};
use crate::{
    AuthServer,
    domain::{Client, Issuer, RedirectUri},
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
    /// What the identity token gives a right to; none if it is not one of ours, or so old that its key is
    /// not published any more: the user is asked then.
    pub(super) async fn granted(&self, server: &AuthServer) -> Result<Option<Granted>, StoreError> {
        let Some(hint) = &self.id_token_hint else { return Ok(None) };
        let Some(about) = id_token_hint::read(server, hint).await? else { return Ok(None) };
        let IdTokenHint { sub, client_id } = about;
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

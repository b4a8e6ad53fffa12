//! The end of an authorization: the user is known and has agreed, and the client gets its code.

use ambient::Timestamp;
use axum::response::Response;
use store::StoreError;

use super::authorize::respond;
use crate::{
    AuthServer,
    audit::Event,
    domain::{
        AuthorizationCode, AuthorizationRequest, ClientUrl, Code, Grant, Ticket, Transaction, User,
    },
    repo::CODE_LIFE,
};

/// Who has agreed.
#[derive(Clone, Debug)]
pub(super) struct Conclusion {
    pub(super) user: User,
    /// When the user has logged in.
    pub(super) auth_time: Timestamp,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConclusionError {
    #[error("the redirect URI is not one of the client's")]
    RedirectUri,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Conclusion {
    /// The code, to the client of a transaction that has ended.
    pub(super) async fn hand_out(
        self,
        server: &AuthServer,
        ended: Transaction,
    ) -> Result<Response, ConclusionError> {
        let Transaction { client, request, .. } = ended;
        // Checked at the beginning; checked again where it counts.
        if !client.may_be_answered_at(&request.redirect_uri) {
            return Err(ConclusionError::RedirectUri);
        }
        if ClientUrl::is_meant(&client.id) {
            server.repo().clients.remember(&client).await?;
        }
        let Self { user, auth_time } = self;
        let AuthorizationRequest {
            client_id,
            redirect_uri,
            state,
            challenge,
            scope,
            resource,
            nonce,
            ..
        } = request;
        Event::ConsentGiven.line().client(&client_id).subject(&user.sub).write();
        let ticket: AuthorizationCode = Ticket::random(server.entropy());
        let code = Code {
            grant: Grant { client_id, user, scope, resource, auth_time: Some(auth_time) },
            nonce,
            redirect_uri,
            challenge,
            family: server.entropy().hex::<16>(),
            expires_at: server.now() + CODE_LIFE,
        };
        server.repo().codes.add(&ticket, &code).await?;
        let result = [("code", ticket.expose())];
        Ok(respond(server.issuer(), &code.redirect_uri, state.as_deref(), &result))
    }
}

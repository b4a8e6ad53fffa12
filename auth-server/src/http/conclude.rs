//! The end of an authorization: the user is known and has agreed, and the client gets its code.

use ambient::Timestamp;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use store::StoreError;

use super::{
    answer,
    authorization_request::{blocked, unreachable_document},
    authorization_response::{respond, unanswerable},
};
use crate::{
    AuthServer,
    audit::Event,
    documents::{DocumentError, NoClient},
    domain::{
        AuthorizationCode, AuthorizationRequest, Client, ClientUrl, Code, Grant, Ticket, User,
        can_be_silent, family_name,
    },
    pages::{ErrorPage, page},
    repo::{CODE_LIFE, Standing},
};

/// Who has agreed, and how.
#[derive(Clone, Debug)]
pub(super) struct Conclusion {
    pub(super) user: User,
    /// When the user has logged in, if that is known.
    pub(super) auth_time: Option<Timestamp>,
    pub(super) consent: Consent,
    /// What the audit log calls it since it began; none if it begins here.
    pub(super) login: Option<String>,
}

/// How somebody has agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// By pressing a button just now.
    Given,
    /// By what was remembered.
    Remembered,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConclusionError {
    #[error("the redirect URI is not one of the client's")]
    RedirectUri,
    #[error("the operator has blocked the client meanwhile")]
    Blocked(String),
    #[error("the client's host has withdrawn it meanwhile")]
    Withdrawn,
    #[error("the client's host has withdrawn it, and cannot be asked again: {0}")]
    Away(DocumentError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for ConclusionError {
    fn into_response(self) -> Response {
        match self {
            Self::RedirectUri => {
                tracing::warn!(reason = %self, "authorization refused");
                unanswerable()
            }
            Self::Blocked(client) => blocked(&client),
            Self::Withdrawn => {
                tracing::warn!(reason = %self, "authorization refused");
                let (title, text) = (
                    "This application has been withdrawn",
                    "The document in which it says what it is has gone while you were here. \
                     Nothing was sent to it.",
                );
                page(StatusCode::BAD_REQUEST, &ErrorPage::new(title, text))
            }
            Self::Away(_) => {
                tracing::warn!(reason = %self, "authorization refused");
                unreachable_document()
            }
            Self::Store(error) => answer::store_failure_page(error),
        }
    }
}

impl Conclusion {
    /// The code, to the client. To be done once: when the transaction, if there is one, has ended.
    pub(super) async fn hand_out(
        self,
        server: &AuthServer,
        client: &Client,
        request: AuthorizationRequest,
    ) -> Result<Response, ConclusionError> {
        // Checked at the beginning; checked again where it counts.
        if !request.may_be_answered(client) {
            return Err(ConclusionError::RedirectUri);
        }
        if ClientUrl::is_meant(&client.id) {
            remember(server, client).await?;
        }
        let Self { user, auth_time, consent, login } = self;
        let (apps, now) = (&server.repo().apps, server.now());
        let (life, client_id) = (server.lifetimes().family, request.client_id.clone());
        let family = login.unwrap_or_else(|| family_name(server.entropy()));
        server.repo().clients.enlist_login(&client_id, life).await?;
        apps.enter(&user.sub, (&client_id, &family), life).await?;
        // Who blocks a client ends the logins that are noted; one that is noted too late sees the block.
        if server.is_blocked(&client_id).await? {
            return Err(ConclusionError::Blocked(client_id));
        }
        let event = match consent {
            Consent::Remembered => Event::ConsentRemembered,
            Consent::Given => {
                if can_be_silent(&request, client, server.is_given(&client.id)) {
                    apps.remember(&user.sub, &request, now).await?;
                }
                Event::ConsentGiven
            }
        };
        event.line().client(&client_id).subject(&user.sub).login(&family).write();
        for login in apps.surplus(&user.sub).await? {
            server.repo().tokens.revoke_family(&login.family, life).await?;
            apps.leave(&user.sub, &login).await?;
            Event::LoginDisplaced.line().subject(&user.sub).login(&login.family).write();
        }
        let AuthorizationRequest {
            redirect_uri,
            state,
            challenge,
            scope,
            resource,
            nonce,
            key,
            ..
        } = request;
        let ticket: AuthorizationCode = Ticket::random(server.entropy());
        let code = Code {
            grant: Grant { client_id, user, scope, resource, auth_time, key },
            nonce,
            redirect_uri,
            challenge,
            family,
            expires_at: now + CODE_LIFE,
        };
        server.repo().codes.add(&ticket, &code).await?;
        let result = [("code", ticket.expose())];
        Ok(respond(server.issuer().as_str(), &code.redirect_uri, state.as_deref(), &result))
    }
}

/// Keeps the document as the user has seen it. If another instance was told meanwhile that there is
/// none, the host has the last word: it says the same again, or the client is withdrawn.
async fn remember(server: &AuthServer, seen: &Client) -> Result<(), ConclusionError> {
    let clients = &server.repo().clients;
    if clients.remember(seen).await? {
        return Ok(());
    }
    let anywhere = server.config().documents.allow_private;
    let url = ClientUrl::parse(&seen.id, anywhere).map_err(|_| ConclusionError::Withdrawn)?;
    let Standing { heard, is_blocked } = clients.standing(&seen.id).await?;
    if is_blocked {
        return Err(ConclusionError::Blocked(seen.id.clone()));
    }
    let again = match server.documents().client(&url, heard).await {
        Ok(again) => again,
        Err(NoClient { why, .. }) if why.is_passing() => return Err(ConclusionError::Away(why)),
        Err(_) => return Err(ConclusionError::Withdrawn),
    };
    let is_same = Client { issued_at: seen.issued_at, ..again.clone() } == *seen;
    if is_same && clients.remember(&again).await? {
        Ok(())
    } else {
        Err(ConclusionError::Withdrawn)
    }
}

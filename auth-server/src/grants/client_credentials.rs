//! `grant_type=client_credentials` (OAuth 2.1 section 4.2): a client that acts for itself.
//!
//! For clients of the operator only. There is no refresh token: the credentials are one.

use dpop::Thumbprint;
use shared::oauth::{ClientCredentialsRequest, ScopeSet, TokenResponse};

use super::{GrantError, issue::Pair};
use crate::{
    AuthServer,
    audit::Event,
    domain::{Client, Family, Grant, Living, User, family_name},
};

/// Issues an access token to a client for itself.
pub(crate) async fn issue_to_client(
    server: &AuthServer,
    client: &Client,
    request: ClientCredentialsRequest,
    key: Option<Thumbprint>,
) -> Result<TokenResponse, GrantError> {
    if !client.acts_for_itself {
        return Err(GrantError::NoUser);
    }
    let resources = server.resources();
    let resource = match &request.resource {
        None => resources.default_audience(),
        Some(name) => resources.audience(name).ok_or(GrantError::UnknownResource)?,
    };
    let grant = Grant {
        client_id: client.id.clone(),
        // A subject that is the client's own name is no user (RFC 9068 section 2.2).
        user: User {
            sub: client.id.clone(),
            name: client.name.clone().unwrap_or_else(|| client.id.clone()),
            email: None,
            is_email_verified: false,
        },
        scope: limited(server, client, request.scope)?,
        resource: resource.to_owned(),
        auth_time: None,
        key,
    };
    issue(server, grant).await
}

/// What the operator lets it have of what it wants. Scopes about a user are never among it: nobody has
/// logged in.
fn limited(
    server: &AuthServer,
    client: &Client,
    wanted: Option<ScopeSet>,
) -> Result<ScopeSet, GrantError> {
    let allowance = server.allowance(client);
    let granted = match wanted.filter(|wanted| !wanted.is_empty()) {
        None => allowance.all(),
        Some(wanted) => allowance.of(&wanted),
    };
    if granted.is_empty() { Err(GrantError::NoScope) } else { Ok(granted) }
}

/// A family of one token, which ends with it.
pub(super) async fn issue(server: &AuthServer, grant: Grant) -> Result<TokenResponse, GrantError> {
    let (now, id) = (server.now(), family_name(server.entropy()));
    let end = now + server.lifetimes().access_token;
    let pair = Pair::new(server, &id, grant.clone(), end, false).await?;
    let client = grant.client_id.clone();
    let living =
        Living { grant, begun_at: Some(now), expires_at: end, current: None, previous: None };
    let family = Family::Alive(Box::new(living));
    if !server.is_given(&client) {
        server.repo().apps.enter_of(&client, &id, end.since(now)).await?;
        // Who blocks a client ends the logins that are noted; one that is noted too late sees the block.
        if server.is_blocked(&client).await? {
            return Err(GrantError::Withdrawn);
        }
    }
    // A block that came after the look has ended it before it began.
    if !server.repo().tokens.begin_family(&id, &family, end.since(now)).await? {
        return Err(GrantError::Withdrawn);
    }
    pair.keep(server).await?;
    pair.line(Event::ClientToken).write();
    Ok(pair.answer().response(now))
}

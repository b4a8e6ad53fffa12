//! `grant_type=authorization_code` (OAuth 2.1 section 4.1.3).

use ambient::Timestamp;
use dpop::Thumbprint;
use shared::oauth::{AuthorizationCodeRequest, CodeVerifier, Sensitive, TokenResponse};

use super::{GrantError, identity::id_token, issue::Pair};
use crate::{
    AuthServer,
    audit::{self, Event},
    domain::{Attempt, AuthorizationCode, Client, Code, Family, Grant, Living, Mismatch, Ticket},
};

/// Redeems a code. Nothing is spent by an attempt that is wrong: who has seen the code in an address
/// but does not know the verifier can neither use it nor use it up.
pub(crate) async fn redeem_code(
    server: &AuthServer,
    client: &Client,
    request: AuthorizationCodeRequest,
    key: Option<Thumbprint>,
) -> Result<TokenResponse, GrantError> {
    let verifier = request.code_verifier.ok_or(GrantError::NoVerifier)?;
    let verifier: CodeVerifier = verifier.expose().parse()?;
    let ticket = AuthorizationCode::parse(request.code.expose()).ok_or(GrantError::UnknownCode)?;
    let attempt = Attempt {
        client_id: &client.id,
        redirect_uri: request.redirect_uri.as_deref(),
        verifier: &verifier,
    };
    let codes = &server.repo().codes;
    let Some(mut code) = codes.find(&ticket).await? else {
        let spent = codes.find_exchanged(&ticket).await?.ok_or(GrantError::UnknownCode)?;
        return replayed(server, &spent, &attempt).await;
    };
    code.check(&attempt, server.now()).inspect_err(|why| tell(&code, *why))?;
    check_resource(server, request.resource.as_deref(), &code.grant.resource)?;
    // RFC 9449 section 10: a client that has named its key has to show it.
    if code.grant.key.is_some() && code.grant.key != key {
        line(Event::CodeMisused, &code).write();
        return Err(GrantError::OtherKey);
    }
    code.grant.key = key;
    // While nothing is spent yet, so that a store which fails here costs nobody a login.
    server.repo().clients.keep(client).await?;
    let end = server.now() + family_life(server, client);
    let Some(begun) = begin(server, client, &code, end).await? else {
        let nothing_came_of_it = codes.find_exchanged(&ticket).await?.is_none();
        if nothing_came_of_it && is_revoked(server, &code.family).await? {
            return Err(GrantError::Withdrawn);
        }
        return replayed(server, &code, &attempt).await;
    };
    // It is spent. A store that fails from here on must not cost the client what it has: all that is
    // missing then is that a replay after the code's minute ends these tokens.
    if let Err(error) = codes.exchange(&ticket, code, end.since(server.now())).await {
        tracing::warn!(%error, "a code that was redeemed could not be marked");
    }
    Ok(begun.tell(server))
}

/// A code comes again. From the client itself, with the right verifier, this means that two parties
/// hold code and verifier: everything that came of it ends (OAuth 2.1 section 4.1.3). From anybody
/// else it means nothing, or a thief could log the user out.
async fn replayed(
    server: &AuthServer,
    code: &Code,
    attempt: &Attempt<'_>,
) -> Result<TokenResponse, GrantError> {
    code.check_binding(attempt).inspect_err(|why| tell(code, *why))?;
    let keep = server.lifetimes().family;
    server.repo().tokens.revoke_family(&code.family, keep).await?;
    line(Event::CodeReplayed, code).write();
    Err(GrantError::ReplayedCode)
}

/// Tells of an attempt that is not the client's own. To be late, or to say another redirect URI, is
/// a mistake of the client.
fn tell(code: &Code, why: Mismatch) {
    if matches!(why, Mismatch::Client | Mismatch::Verifier) {
        line(Event::CodeMisused, code).write();
    }
}

fn line(event: Event, code: &Code) -> audit::Line<'_> {
    let Grant { user, client_id, .. } = &code.grant;
    event.line().subject(&user.sub).client(client_id).login(&code.family)
}

/// What was begun, before anybody is told of it.
pub(super) struct Begun {
    pair: Pair,
    id_token: Option<Sensitive>,
}

impl Begun {
    /// Tells of the tokens. Nothing is left that can fail.
    pub(super) fn tell(self, server: &AuthServer) -> TokenResponse {
        self.pair.line(Event::CodeRedeemed).write();
        let response = self.pair.answer().response(server.now());
        TokenResponse { id_token: self.id_token, ..response }
    }
}

/// Begins what a code is redeemed for; none if that has begun before, or was revoked.
///
/// This is what decides between all who redeem a code at once, on whatever instances: one of them
/// begins the family, everybody else finds it there. The tokens are kept before that, where nobody
/// knows them and no family makes them good: so a store that fails here leaves the code as it was.
pub(super) async fn begin(
    server: &AuthServer,
    client: &Client,
    code: &Code,
    end: Timestamp,
) -> Result<Option<Begun>, GrantError> {
    let grant = code.grant.clone();
    let id_token = id_token(server, &grant, code.nonce.clone()).await?;
    let pair = Pair::new(server, &code.family, grant, end, client.refreshes).await?;
    let family = Family::Alive(Box::new(Living {
        grant: code.grant.clone(),
        begun_at: Some(server.now()),
        expires_at: end,
        current: pair.refresh().map(Ticket::digest),
        previous: None,
    }));
    let keep = end.since(server.now());
    pair.keep(server).await?;
    if server.repo().tokens.begin_family(&code.family, &family, keep).await? {
        return Ok(Some(Begun { pair, id_token }));
    }
    // Nobody will ever know them: that they stay is untidy, and nothing worse.
    if let Err(error) = pair.forget(server).await {
        tracing::debug!(%error, "tokens that nobody knows stay until they expire");
    }
    Ok(None)
}

/// Whether a family is over. If nothing was ever redeemed for it, its user has ended it.
pub(super) async fn is_revoked(server: &AuthServer, family: &str) -> Result<bool, GrantError> {
    let family = server.repo().tokens.find_family(family).await?;
    Ok(matches!(family, Some(Family::Revoked)))
}

/// A family without refresh tokens ends with its only access token.
pub(super) fn family_life(server: &AuthServer, client: &Client) -> std::time::Duration {
    let lifetimes = server.lifetimes();
    if client.refreshes { lifetimes.family } else { lifetimes.access_token }
}

/// RFC 8707 section 2.2: what is asked for must be within what was granted.
pub(super) fn check_resource(
    server: &AuthServer,
    wanted: Option<&str>,
    granted: &str,
) -> Result<(), GrantError> {
    match wanted {
        None => Ok(()),
        Some(name) if server.resources().audience(name) == Some(granted) => Ok(()),
        Some(_) => Err(GrantError::Resource),
    }
}

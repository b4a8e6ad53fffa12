//! `grant_type=refresh_token` (OAuth 2.1 section 4.3), with rotation.

use ambient::Timestamp;
use dpop::Thumbprint;
use shared::oauth::{RefreshTokenRequest, ScopeSet, TokenResponse};
use store::{Seen, StoreError};

use super::{
    GrantError,
    authorization_code::check_resource,
    issue::{Answer, Pair},
};
use crate::{
    AuthServer,
    audit::{Event, Line},
    domain::{
        Allowance, Client, Family, Grant, Living, RefreshRecord, RefreshToken, Rotation, Sealed,
        Successor, seal, unseal,
    },
};

/// A refresh token that somebody presents, and what is kept of it.
pub(crate) struct Presented {
    token: RefreshToken,
    record: Option<RefreshRecord>,
    family: Option<Seen<Family>>,
}

impl Presented {
    /// Looks it up, for whoever presents it: nobody is told anything by that.
    pub(crate) async fn find(server: &AuthServer, token: RefreshToken) -> Result<Self, StoreError> {
        let (record, family) = server.repo().tokens.find_redeemable(&token).await?;
        Ok(Self { token, record, family })
    }

    /// The record, if `client` may redeem the token. Somebody else's is left alone: its owner must not
    /// suffer from a client that shows it around.
    fn to(
        self,
        client: &Client,
        now: Timestamp,
    ) -> Result<(RefreshToken, RefreshRecord, Seen<Family>), GrantError> {
        let record = self.record.filter(|record| now < record.expires_at);
        let record = record.ok_or(GrantError::UnknownRefreshToken)?;
        // Both say whose it is, and the family is sealed where others could change what is kept.
        let others = |family: &Seen<Family>| matches!(&family.value, Family::Alive(living) if living.grant.client_id != client.id);
        if record.client_id != client.id || self.family.as_ref().is_some_and(others) {
            let line = Event::ForeignToken.line().client(&client.id).login(&record.family);
            let family = self.family.as_ref().map(|family| &family.value);
            family.and_then(Family::user).into_iter().fold(line, Line::subject).write();
            return Err(GrantError::ForeignRefreshToken);
        }
        let family = self.family.ok_or(GrantError::DeadFamily)?;
        Ok((self.token, record, family))
    }
}

/// Redeems a refresh token, if one that can be one of ours is `presented`.
pub(crate) async fn redeem_refresh_token(
    server: &AuthServer,
    client: &Client,
    (request, presented): (RefreshTokenRequest, Option<Presented>),
    key: Option<Thumbprint>,
) -> Result<TokenResponse, GrantError> {
    if !client.refreshes {
        return Err(GrantError::NoRefresh);
    }
    let presented = presented.ok_or(GrantError::UnknownRefreshToken)?;
    let (token, record, family) = presented.to(client, server.now())?;
    let rotation = family.value.rotation(&token.digest(), server.now());
    let Family::Alive(living) = &family.value else { return Err(GrantError::DeadFamily) };
    let Living { grant, expires_at, .. } = &**living;
    // RFC 9449 section 5: a public client has nothing but its key to show that it is the one; who
    // has proved who it is may change the key. Nothing is revoked, not even for a token that was
    // used before: without the key it is worth nothing, and whoever finds one in a log must not be
    // able to log its user out.
    if client.may_call_unproven() && grant.key.is_some() && grant.key != key {
        let line = Event::ForeignToken.line().client(&client.id).subject(&grant.user.sub);
        line.login(&record.family).write();
        return Err(GrantError::OtherKey);
    }
    // The family goes on to where its next token is put into it.
    let user = grant.user.sub.clone();
    let whose = Whose { user: &user, client: &client.id, family: &record.family };
    // Before what may be wrong with the request, or who sends something wrong is not noticed.
    if rotation == Rotation::Reuse {
        return answer_instead(server, whose, &token, rotation).await;
    }
    check_resource(server, request.resource.as_deref(), &grant.resource)?;
    let scope = scope(&server.allowance(client), &grant.scope, request.scope)?;
    let keeping = server.repo().clients.keep(client);
    match rotation {
        Rotation::Advance => {
            // RFC 9449 section 5: one who shows a key for the first time binds what he gets to it.
            let binds = key.clone().filter(|_| client.may_call_unproven());
            let grant = Grant { scope, key, ..grant.clone() };
            let pair = Pair::new(server, &record.family, grant, *expires_at, true).await?;
            // If one of these fails, what was kept is nobody's, and goes when its time is over.
            tokio::try_join!(keeping, pair.keep(server))?;
            advance(server, (whose, family), (&token, pair), binds).await
        }
        instead => {
            keeping.await?;
            answer_instead(server, whose, &token, instead).await
        }
    }
}

/// Whose login it is.
#[derive(Clone, Copy)]
struct Whose<'a> {
    user: &'a str,
    client: &'a str,
    family: &'a str,
}

/// What is asked for, or all that was granted, of which only that counts which the operator would
/// grant today.
fn scope(
    allowance: &Allowance<'_>,
    granted: &ScopeSet,
    wanted: Option<ScopeSet>,
) -> Result<ScopeSet, GrantError> {
    let left = allowance.still(granted);
    match wanted.filter(|wanted| !wanted.is_empty()) {
        Some(wanted) if !wanted.is_within(granted) => Err(GrantError::Scope),
        Some(wanted) => {
            let left = wanted.limited_to(&left);
            if left.is_empty() { Err(GrantError::NoScope) } else { Ok(left) }
        }
        None if left.is_empty() => Err(GrantError::NothingLeft),
        None => Ok(left),
    }
}

/// Puts new tokens, which are kept already, in the place of `token`: what a client is told of is always
/// there, even if this process ends in between.
async fn advance(
    server: &AuthServer,
    (whose, seen): (Whose<'_>, Seen<Family>),
    (token, pair): (&RefreshToken, Pair),
    key: Option<Thumbprint>,
) -> Result<TokenResponse, GrantError> {
    let now = server.now();
    let Some(next) = pair.refresh() else { return Err(GrantError::NoRefresh) };
    let Ok(text) = serde_json::to_vec(&pair.answer()) else { return Err(GrantError::DeadFamily) };
    let successor = Successor {
        digest: next.digest(),
        sealed: seal(token, &text, server.entropy()),
        until: now + server.lifetimes().refresh_grace,
        key,
    };
    let seen = (whose.family, seen);
    match server.repo().tokens.rotate(seen, token, &successor, now).await? {
        Rotation::Advance => {
            pair.line(Event::RefreshRotated).write();
            Ok(pair.answer().response(now))
        }
        instead => {
            pair.forget(server).await?;
            answer_instead(server, whose, token, instead).await
        }
    }
}

/// What a token gets that is not the good one any more.
async fn answer_instead(
    server: &AuthServer,
    Whose { user, client, family }: Whose<'_>,
    token: &RefreshToken,
    rotation: Rotation,
) -> Result<TokenResponse, GrantError> {
    match rotation {
        Rotation::Repeat(sealed) => repeat(server, token, &sealed),
        Rotation::Dead | Rotation::Advance => Err(GrantError::DeadFamily),
        Rotation::Reuse => {
            let keep = server.lifetimes().family;
            server.repo().tokens.revoke_family(family, keep).await?;
            Event::RefreshReused.line().subject(user).client(client).login(family).write();
            Err(GrantError::ReusedRefreshToken)
        }
    }
}

/// The answer was lost, or two windows raced: the same tokens again, never further ones.
fn repeat(
    server: &AuthServer,
    token: &RefreshToken,
    sealed: &Sealed,
) -> Result<TokenResponse, GrantError> {
    let text = unseal(token, sealed).ok_or(GrantError::DeadFamily)?;
    let answer: Answer = serde_json::from_slice(&text).map_err(|_| GrantError::DeadFamily)?;
    Ok(answer.response(server.now()))
}

//! `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer` with an identity assertion (ID-JAG): the
//! Enterprise-Managed Authorization extension of MCP.
//!
//! An identity provider that the operator trusts says which of its users a client may act for, and
//! where. There is no consent, which is the provider's business, and no refresh token: the client
//! asks the provider again, who can say no.

use std::time::Duration;

use ambient::Timestamp;
use dpop::Thumbprint;
use shared::oauth::{JwtBearerRequest, ScopeSet, TokenResponse};

use super::{GrantError, TrustedIssuer, client_credentials::issue};
use crate::{
    AuthServer,
    assertions::{AssertionError, BadClaim, Claims, Jwt},
    domain::{Client, Grant, User, user_id},
};

/// The type of the only assertions that are redeemed.
const TYPE: &str = "oauth-id-jag+jwt";

/// How long an assertion may count. Providers make them for minutes.
const LONGEST: Duration = Duration::from_hours(1);

/// Longer names of people are cut from the token.
const MAX_SUBJECT: usize = 255;

/// Redeems what an identity provider says of its user to a client that has proved who it is
/// (`has_proof`): one that only may do so, and has not, is anybody.
pub(crate) async fn redeem_assertion(
    server: &AuthServer,
    (client, has_proof): (&Client, bool),
    request: JwtBearerRequest,
    key: Option<Thumbprint>,
) -> Result<TokenResponse, GrantError> {
    let trusted = &server.config().id_jag;
    if trusted.is_empty() {
        return Err(GrantError::NoProviders);
    }
    if !client.takes_assertions {
        return Err(GrantError::NoAssertions);
    }
    if !has_proof {
        return Err(GrantError::Unproven);
    }
    let jwt = Jwt::read(request.assertion.expose()).map_err(AssertionError::from)?;
    if jwt.typ() != Some(TYPE) {
        return Err(bad(BadClaim::Value("typ")));
    }
    let claims = jwt.claims();
    let issuer = claims.required("iss").map_err(bad)?;
    let issuer = trusted.find(issuer).ok_or(GrantError::UntrustedProvider)?;
    let resource = resource(server, claims, request.resource.as_deref())?;
    let scope = scope(server, client, claims, request.scope)?;
    let ends = check(server, client, &jwt, issuer).await?;
    let user = user(issuer, claims).map_err(bad)?;
    // While nothing is spent yet, so that a store which fails here costs nobody an assertion.
    server.repo().clients.keep(client).await?;
    server.provider_assertions().use_up(&issuer.issuer, claims, ends).await?;
    let (client_id, auth_time) = (client.id.clone(), None);
    tracing::info!(client = client_id, user = user.sub, issuer = issuer.issuer, "vouched for");
    issue(server, Grant { client_id, user, scope, resource, auth_time, key }).await
}

/// Until when it counts, if the provider has said this to us, about this client, just now.
async fn check(
    server: &AuthServer,
    client: &Client,
    jwt: &Jwt<'_>,
    issuer: &TrustedIssuer,
) -> Result<Timestamp, AssertionError> {
    let (claims, assertions) = (jwt.claims(), server.provider_assertions());
    claims.expect_one_of("aud", &[server.issuer().as_str()])?;
    claims.expect("client_id", &client.id)?;
    claims.required("sub")?;
    claims.present("iat")?;
    let ends = assertions.check_times(claims, LONGEST)?;
    assertions.check_signature(jwt, &issuer.keys).await?;
    Ok(ends)
}

/// The audience: what the provider allows, and what the client asks for if it says so again.
fn resource(
    server: &AuthServer,
    claims: &Claims,
    wanted: Option<&str>,
) -> Result<String, GrantError> {
    let resources = server.resources();
    let allowed = claims.only("resource").map_err(bad)?;
    let audience = resources.audience(allowed).ok_or(GrantError::UnknownResource)?;
    super::authorization_code::check_resource(server, wanted, audience)?;
    Ok(audience.to_owned())
}

/// What the provider allows, the operator allows, and the client asks for.
fn scope(
    server: &AuthServer,
    client: &Client,
    claims: &Claims,
    wanted: Option<ScopeSet>,
) -> Result<ScopeSet, GrantError> {
    let named = |scopes: &ScopeSet| !scopes.is_empty();
    // Nothing but spaces names no scope, and is not the absence of a limit.
    let allowed = match claims.text("scope").map_err(bad)? {
        Some(text) => {
            let scopes = text.parse().ok().filter(named);
            Some(scopes.ok_or_else(|| bad(BadClaim::Type("scope")))?)
        }
        None => None,
    };
    let allowance = server.allowance(client);
    let granted = match (allowed, wanted.filter(named)) {
        (None, None) => allowance.all(),
        (Some(allowed), None) => allowance.all_of(&allowed),
        (None, Some(wanted)) => allowance.of(&wanted),
        (Some(allowed), Some(wanted)) => allowance.of(&wanted.limited_to(&allowed)),
    };
    if granted.is_empty() { Err(GrantError::NoScope) } else { Ok(granted) }
}

/// The user is who has this subject at this issuer. An address for mail is a name and no identity.
fn user(issuer: &TrustedIssuer, claims: &Claims) -> Result<User, BadClaim> {
    let sub = claims.required("sub")?;
    if sub.len() > MAX_SUBJECT {
        return Err(BadClaim::Type("sub"));
    }
    let email = claims.text("email")?.filter(|email| email.len() <= MAX_SUBJECT);
    Ok(User {
        sub: user_id(&issuer.issuer, sub),
        name: email.unwrap_or(sub).to_owned(),
        email: email.map(ToOwned::to_owned),
        is_email_verified: false,
    })
}

fn bad(why: BadClaim) -> GrantError {
    GrantError::Assertion(why.into())
}

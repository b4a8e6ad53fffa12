//! A client that proves who it is by a signature (RFC 7523 section 2.2).

use std::time::Duration;

use ambient::Secret;

use crate::{
    AuthServer,
    assertions::{AssertionError, BadClaim, Jwt},
    domain::KeySource,
};

/// The only `client_assertion_type`.
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long an assertion may count. It is made for one request.
const LONGEST: Duration = Duration::from_mins(5);

/// Whom an assertion is about. Not to be believed: it only says whose keys to check it with.
pub(super) fn subject(text: &Secret) -> Result<String, AssertionError> {
    let jwt = Jwt::read(text.expose())?;
    Ok(jwt.claims().required("sub")?.to_owned())
}

/// Checks that the client has signed this, for us, just now, and for the first time.
pub(super) async fn check(
    server: &AuthServer,
    client_id: &str,
    keys: &KeySource,
    text: &Secret,
) -> Result<(), AssertionError> {
    let jwt = Jwt::read(text.expose())?;
    // A JWT that was made for something else does not authenticate (RFC 8725 section 3.11).
    if !matches!(jwt.typ(), None | Some("jwt" | "client-authentication+jwt")) {
        return Err(BadClaim::Value("typ").into());
    }
    let claims = jwt.claims();
    claims.expect("iss", client_id)?;
    claims.expect("sub", client_id)?;
    let at = |path| server.issuer().at(path);
    // RFC 9126 section 2 adds the third.
    claims.expect_one_of("aud", &[server.issuer().as_str(), &at("/token"), &at("/par")])?;
    let ends = server.assertions().check_times(claims, LONGEST)?;
    server.assertions().check_signature(&jwt, keys).await?;
    server.assertions().use_up(client_id, claims, ends).await
}

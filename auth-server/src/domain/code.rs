//! Authorization codes: what they are bound to, and what remains of them.

use ambient::Timestamp;
use serde::{Deserialize, Serialize};
use shared::oauth::{CodeChallenge, CodeVerifier};

use super::Grant;

/// What is kept of a code until it is redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// What the user has allowed, to whom and for what.
    pub(crate) grant: Grant,
    /// Where the code was sent, exactly as the client wrote it.
    pub(crate) redirect_uri: String,
    /// What the client committed itself to.
    pub(crate) challenge: CodeChallenge,
    /// What the client wants to see again in the identity token.
    #[serde(default)]
    pub(crate) nonce: Option<String>,
    /// The family that its tokens will belong to.
    pub(crate) family: String,
    /// When it is too late.
    pub(crate) expires_at: Timestamp,
}

/// What is kept of a code that has been redeemed, for as long as its tokens can live: enough to
/// tell the one who redeemed it from a thief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exchanged {
    /// The code as it was.
    pub(crate) code: Code,
}

/// An attempt to redeem a code, by a client that has authenticated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) verifier: &'a CodeVerifier,
}

/// Why a code is not redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("the code was issued to another client")]
    Client,
    #[error("redirect_uri is not that of the authorization request")]
    RedirectUri,
    #[error("code_verifier does not fit the code_challenge")]
    Verifier,
    #[error("the code has expired")]
    Expired,
}

impl Code {
    /// Whether this attempt is the client's own, whenever it is made.
    pub(crate) fn check_binding(&self, attempt: &Attempt<'_>) -> Result<(), Mismatch> {
        if self.grant.client_id != attempt.client_id {
            return Err(Mismatch::Client);
        }
        // OAuth 2.1 has dropped the parameter, since PKCE binds the code to the request; clients of
        // OAuth 2.0 send it, and then it must be right.
        if attempt.redirect_uri.is_some_and(|uri| uri != self.redirect_uri) {
            return Err(Mismatch::RedirectUri);
        }
        if self.challenge.fits(attempt.verifier) { Ok(()) } else { Err(Mismatch::Verifier) }
    }

    /// Whether this attempt redeems the code now.
    pub(crate) fn check(&self, attempt: &Attempt<'_>, now: Timestamp) -> Result<(), Mismatch> {
        self.check_binding(attempt)?;
        if self.expires_at <= now { Err(Mismatch::Expired) } else { Ok(()) }
    }
}

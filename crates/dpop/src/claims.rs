//! What a proof says of its request (RFC 9449 section 4.2).

use std::time::Duration;

use ambient::Timestamp;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{BadProof, MAX_AGE, MAX_AHEAD, Request};

/// The claims of a proof. One of another type, or one that is there twice, spoils them.
#[derive(Deserialize)]
pub(crate) struct Claims {
    /// What makes the proof different from all others of its key.
    pub(crate) jti: String,
    htm: String,
    htu: String,
    iat: f64,
    ath: Option<String>,
    /// What the server wanted to see in it (section 8).
    pub(crate) nonce: Option<String>,
}

impl Claims {
    /// When the proof was made, if it is for this request.
    pub(crate) fn check(&self, request: &Request<'_>) -> Result<Timestamp, BadProof> {
        if self.jti.is_empty() {
            return Err(BadProof::Claims);
        }
        // Methods are compared with their case (RFC 9110 section 9.1).
        if self.htm != request.method {
            return Err(BadProof::Method);
        }
        match (bare(&self.htu), bare(request.url)) {
            (Some(said), Some(is)) if said == is => {}
            _ => return Err(BadProof::Url),
        }
        if let Some(token) = request.token
            && self.ath.as_deref() != Some(&*token_hash(token))
        {
            return Err(BadProof::TokenHash);
        }
        self.issued_at(request.now)
    }

    fn issued_at(&self, now: Timestamp) -> Result<Timestamp, BadProof> {
        let since_epoch = Duration::try_from_secs_f64(self.iat).map_err(|_| BadProof::Time)?;
        let issued_at = Timestamp::default() + since_epoch;
        let fits = issued_at <= now + MAX_AHEAD && now < issued_at + MAX_AGE;
        if fits { Ok(issued_at) } else { Err(BadProof::Time) }
    }
}

/// A URL without query and fragment, normalised as RFC 9449 section 4.3 recommends.
fn bare(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

/// The hash of a token (RFC 9449 section 4.2).
fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

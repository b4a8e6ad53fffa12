//! Error codes and the body they travel in (RFC 6749 section 5.2 and its extensions).

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// What went wrong, as clients understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A parameter is missing, there twice, or malformed (RFC 6749).
    InvalidRequest,
    /// The client is unknown or has not authenticated (RFC 6749). Clients register anew.
    InvalidClient,
    /// The code or token is no good (RFC 6749). Clients begin a new login.
    InvalidGrant,
    /// The client may not do this (RFC 6749).
    UnauthorizedClient,
    /// There is no such grant here (RFC 6749).
    UnsupportedGrantType,
    /// There is no such response type here (RFC 6749).
    UnsupportedResponseType,
    /// The scope is malformed or was not granted (RFC 6749).
    InvalidScope,
    /// The user said no (RFC 6749).
    AccessDenied,
    /// Something broke (RFC 6749).
    ServerError,
    /// Try again later (RFC 6749).
    TemporarilyUnavailable,
    /// The resource is unknown (RFC 8707).
    InvalidTarget,
    /// A bearer token is missing or no good (RFC 6750).
    InvalidToken,
    /// The client's redirect URIs cannot be registered (RFC 7591).
    InvalidRedirectUri,
    /// The client cannot be registered like this (RFC 7591).
    InvalidClientMetadata,
    /// Request objects by value are not read (RFC 9101).
    RequestNotSupported,
    /// Request objects by reference are not read (RFC 9101).
    RequestUriNotSupported,
    /// Rich authorization requests are not read (RFC 9396).
    InvalidAuthorizationDetails,
    /// The user would have to log in, and may not be asked (`OpenID` Connect Core).
    LoginRequired,
    /// `OpenID` Connect Core section 3.1.2.6.
    ConsentRequired,
    /// The user has not decided yet (RFC 8628).
    AuthorizationPending,
    /// The user has not decided yet, and the device asks too often (RFC 8628).
    SlowDown,
    /// The device code is too old (RFC 8628). Devices begin anew.
    ExpiredToken,
    /// The proof of possession does not hold (RFC 9449).
    InvalidDpopProof,
    /// The proof of possession lacks a nonce of this server, which comes with the answer (RFC 9449).
    UseDpopNonce,
}

impl ErrorCode {
    /// The code as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The body of an error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// For the program.
    pub error: ErrorCode,
    /// For its developer: ASCII without `"` and `\`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<Cow<'static, str>>,
    /// For whoever reports the error: what the log calls the request. No RFC has it, and each lets a
    /// client pass over members that it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_alike_everywhere() {
        let codes = [
            ErrorCode::InvalidRequest,
            ErrorCode::InvalidClientMetadata,
            ErrorCode::RequestUriNotSupported,
            ErrorCode::InvalidAuthorizationDetails,
            ErrorCode::LoginRequired,
            ErrorCode::ConsentRequired,
            ErrorCode::AuthorizationPending,
            ErrorCode::SlowDown,
            ErrorCode::ExpiredToken,
            ErrorCode::InvalidDpopProof,
            ErrorCode::UseDpopNonce,
        ];
        for code in codes {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}

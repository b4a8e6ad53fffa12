//! What the token endpoint redeems: one file per grant.

mod authorization_code;
mod client_credentials;
mod device_code;
mod good_token;
mod identity;
mod issue;
mod jwt_bearer;
mod refresh_token;
mod trusted_issuers;

use shared::oauth::{ErrorCode, NotACodeVerifier};
use store::StoreError;

pub use self::trusted_issuers::TrustedIssuers;
pub(crate) use self::{
    authorization_code::redeem_code,
    client_credentials::issue_to_client,
    device_code::redeem_device_code,
    good_token::good_token,
    jwt_bearer::redeem_assertion,
    refresh_token::{Presented, redeem_refresh_token},
    trusted_issuers::TrustedIssuer,
};
use crate::{assertions::AssertionError, domain::Mismatch, keys::KeyError};

/// Why nothing is issued. The log gets the reason, the client a code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GrantError {
    #[error("the code is not one of ours, has expired or was never issued")]
    UnknownCode,
    #[error("{0}")]
    Code(#[from] Mismatch),
    #[error("the code was redeemed before, by the same client: its tokens have been revoked")]
    ReplayedCode,
    #[error("the user has withdrawn what the code was for; ask again")]
    Withdrawn,
    #[error("{0}")]
    Verifier(#[from] NotACodeVerifier),
    #[error("there is no code_verifier, and every code has a challenge")]
    NoVerifier,
    #[error("the resource is not the one that was granted")]
    Resource,
    #[error("the resource is not one that tokens are issued for here")]
    UnknownResource,
    #[error("the scope exceeds what was granted")]
    Scope,
    #[error("nothing that was granted can be granted any more; ask again")]
    NothingLeft,
    #[error("the client may not act for itself")]
    NoUser,
    #[error("the client may have none of these scopes")]
    NoScope,
    #[error("the client is not registered for refresh tokens")]
    NoRefresh,
    #[error("the request does not show the key that was committed to")]
    OtherKey,
    #[error("the client is not registered for the grant of RFC 8628")]
    NoDevice,
    #[error("the device code is not one of ours, or was issued to another client")]
    UnknownDeviceCode,
    #[error("the user has not decided yet")]
    Undecided,
    #[error("the user has not decided yet; wait five seconds longer between two requests")]
    Hasty,
    #[error("the user said no")]
    Denied,
    #[error("the device code has expired; begin anew")]
    ExpiredDeviceCode,
    #[error("the device code was redeemed before")]
    SpentDeviceCode,
    #[error("the refresh token is not one of ours or has expired")]
    UnknownRefreshToken,
    #[error("the refresh token was issued to another client")]
    ForeignRefreshToken,
    #[error("the login of this refresh token has ended")]
    DeadFamily,
    #[error("the refresh token was redeemed before: all tokens of its login have been revoked")]
    ReusedRefreshToken,
    #[error("there is no identity provider whose assertions are redeemed here")]
    NoProviders,
    #[error("the client is not registered for assertions of an identity provider, or is public")]
    NoAssertions,
    #[error("assertions of an identity provider are for clients that prove who they are")]
    Unproven,
    #[error("the assertion is not of an identity provider that is trusted here")]
    UntrustedProvider,
    #[error("{0}")]
    Assertion(#[from] AssertionError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GrantError {
    /// The reason as clients understand it; none if it is ours.
    pub(crate) const fn code(&self) -> Option<ErrorCode> {
        Some(match self {
            Self::Assertion(AssertionError::Store(_)) | Self::Keys(_) | Self::Store(_) => {
                return None;
            }
            Self::Assertion(error) if error.is_passing() => ErrorCode::TemporarilyUnavailable,
            Self::UnknownCode
            | Self::Code(_)
            | Self::ReplayedCode
            | Self::Withdrawn
            | Self::Verifier(_)
            | Self::NoVerifier
            | Self::OtherKey
            | Self::UnknownDeviceCode
            | Self::SpentDeviceCode
            | Self::UnknownRefreshToken
            | Self::ForeignRefreshToken
            | Self::DeadFamily
            | Self::NothingLeft
            | Self::ReusedRefreshToken
            | Self::UntrustedProvider
            | Self::Assertion(_) => ErrorCode::InvalidGrant,
            Self::NoProviders => ErrorCode::UnsupportedGrantType,
            Self::Resource | Self::UnknownResource => ErrorCode::InvalidTarget,
            Self::Scope | Self::NoScope => ErrorCode::InvalidScope,
            Self::NoRefresh
            | Self::NoUser
            | Self::NoDevice
            | Self::NoAssertions
            | Self::Unproven => ErrorCode::UnauthorizedClient,
            Self::Undecided => ErrorCode::AuthorizationPending,
            Self::Hasty => ErrorCode::SlowDown,
            Self::Denied => ErrorCode::AccessDenied,
            Self::ExpiredDeviceCode => ErrorCode::ExpiredToken,
        })
    }

    /// Whether it looks like a theft.
    pub(crate) const fn is_alarming(&self) -> bool {
        matches!(
            self,
            Self::ReplayedCode
                | Self::ReusedRefreshToken
                | Self::ForeignRefreshToken
                | Self::OtherKey
        )
    }
}

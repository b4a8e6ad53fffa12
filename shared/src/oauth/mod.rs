//! The OAuth contract between the two servers and their clients: documents, requests, answers.
//!
//! Reading is lenient where the RFCs ask for it (unknown members are ignored) and strict where
//! leniency is dangerous (a known member twice, or of the wrong type, is an error). What is written
//! has no `null`: some clients refuse documents that do.

mod challenge;
mod device;
mod error;
mod introspection;
mod metadata;
mod openid;
mod pkce;
mod registration;
mod scope;
mod sensitive;
mod token;

pub use challenge::{BearerChallenge, MalformedChallenge};
pub use device::{DeviceAuthorizationResponse, DeviceCodeRequest};
pub use error::{ErrorBody, ErrorCode};
pub use introspection::{ActiveToken, Confirmation, IntrospectionRequest, IntrospectionResponse};
pub use metadata::{AuthorizationServerMetadata, ProtectedResourceMetadata, well_known};
pub use openid::{AccessTokenClaims, IdTokenClaims, UserInfo};
pub use pkce::{CodeChallenge, CodeVerifier, NotACodeChallenge, NotACodeVerifier};
pub use registration::{ClientMetadata, GrantType, RegisteredClient, TokenEndpointAuthMethod};
pub use scope::{NotAScope, Scope, ScopeSet};
pub use sensitive::Sensitive;
pub use token::{
    AuthorizationCodeRequest, ClientCredentialsRequest, JwtBearerRequest, RefreshTokenRequest,
    RevocationRequest, TokenRequest, TokenResponse, TokenType,
};

//! A browser in which somebody has logged in.

use ambient::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    User,
    ticket::{SessionKey, sha256_hex},
};

/// What is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user: User,
    /// The provider that has said so.
    pub(crate) upstream: String,
    /// When the user has logged in there, if it has told.
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
}

/// What the forms of somebody who is logged in carry to show that they come from our page.
pub(crate) fn session_token(key: &SessionKey) -> String {
    sha256_hex(&["session form", key.expose()])
}

/// Which user a page was shown to, for the form on it. It names nobody.
pub(crate) fn user_tag(handle: &super::Handle, user: &User) -> String {
    sha256_hex(&["shown to", handle.expose(), &user.sub])
}

//! Why no token can be checked: what people are told, for waiting mends one of the reasons and the
//! operator has to mend the others.

/// What keeps tokens from being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The authorization server does not answer. It is looked for, and nothing else has to be done.
    Away,
    /// It answers, and rejects our own credentials.
    Rejected,
    /// It answers, and what tokens are checked with does not: its introspection endpoint, or its keys.
    CutOff,
    /// It answers, and tokens cannot be checked with what it says of itself.
    Unusable,
}

impl Trouble {
    /// What a caller is told, who cannot mend it. None of it is about his token.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::Away => {
                "The authentication server is not responding. \
                 Please ensure it is running and try again."
            }
            Self::Rejected => {
                "The authentication server rejects the credentials of this server, which only its \
                 operator can mend. Logging in again does not help."
            }
            Self::CutOff => {
                "The authentication server answers, and not where tokens are checked: the log of this \
                 server names the reason. It is tried again all the time; logging in again does not \
                 help."
            }
            Self::Unusable => {
                "Tokens cannot be checked with what the authentication server says of itself; the \
                 log of this server names the reason. Logging in again does not help."
            }
        }
    }
}

//! What a security officer wants to read: one line per event, target `audit`.
//!
//! A line has `event`, `outcome` and, where they are known, `subject`, `client`, `login` and `about`;
//! the span around it adds `address` and `request_id`. `login` is what joins the lines of one login,
//! from the question to the last of its tokens: no request lasts as long. No token, code, secret or
//! password is ever part of one, and no text that somebody has typed who is not logged in: it may be a
//! password in the wrong field.

use std::fmt;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A client has registered.
    ClientRegistered,
    /// A client has changed its registration.
    ClientChanged,
    /// A client has deleted its registration, and with it its tokens.
    ClientDeleted,
    /// A client that the operator has blocked has come.
    ClientBlocked,
    /// A client has sent a user, who is asked.
    AuthorizationBegun,
    /// A user has logged in.
    LoginOk,
    /// User and password did not fit.
    LoginFailed,
    /// A user of an identity provider is not one of those who are let in.
    LoginRefused,
    /// A login was not tried, because too many have failed.
    LoginLocked,
    /// A user has agreed, and the client gets a code.
    ConsentGiven,
    /// A user has said no.
    ConsentDenied,
    /// A user had agreed before, and was not asked again.
    ConsentRemembered,
    /// A user has thrown a client out.
    AppRevoked,
    /// A client's login has ended, because its user has too many.
    LoginDisplaced,
    /// A user has logged out.
    Logout,
    /// A code was redeemed.
    CodeRedeemed,
    /// A code came again: its tokens are revoked.
    CodeReplayed,
    /// A code was shown by another client, or without its verifier or key. Nothing is revoked: who has
    /// seen a code in an address must not be able to log its user out.
    CodeMisused,
    /// A client has got a token for itself, or for a user whom an identity provider vouches for.
    ClientToken,
    /// A refresh token was redeemed.
    RefreshRotated,
    /// A refresh token came again: all tokens of its login are revoked.
    RefreshReused,
    /// A client has shown a token of another client, or without the key that it is bound to. Nothing
    /// is revoked.
    ForeignToken,
    /// A client has given a token back.
    TokenRevoked,
    /// Credentials were wrong or missing.
    CredentialsRefused,
    /// Somebody comes too often.
    RateLimited,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// As it should.
    Ok,
    /// It was not allowed.
    Refused,
    /// It looks like a theft.
    Alarm,
}

impl Event {
    /// Its name in the log, which is stable.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ClientRegistered => "client.registered",
            Self::ClientChanged => "client.changed",
            Self::ClientDeleted => "client.deleted",
            Self::ClientBlocked => "client.blocked",
            Self::AuthorizationBegun => "authorization.begun",
            Self::LoginOk => "login.ok",
            Self::LoginFailed => "login.failed",
            Self::LoginRefused => "login.refused",
            Self::LoginLocked => "login.locked",
            Self::ConsentGiven => "consent.given",
            Self::ConsentDenied => "consent.denied",
            Self::ConsentRemembered => "consent.remembered",
            Self::AppRevoked => "app.revoked",
            Self::LoginDisplaced => "login.displaced",
            Self::Logout => "logout",
            Self::CodeRedeemed => "code.redeemed",
            Self::CodeReplayed => "code.replayed",
            Self::CodeMisused => "code.misused",
            Self::ClientToken => "token.issued",
            Self::RefreshRotated => "refresh.rotated",
            Self::RefreshReused => "refresh.reused",
            Self::ForeignToken => "token.foreign",
            Self::TokenRevoked => "token.revoked",
            Self::CredentialsRefused => "credentials.refused",
            Self::RateLimited => "rate.limited",
        }
    }

    const fn outcome(self) -> Outcome {
        match self {
            Self::ClientRegistered
            | Self::ClientChanged
            | Self::ClientDeleted
            | Self::AuthorizationBegun
            | Self::LoginOk
            | Self::ConsentGiven
            | Self::ConsentDenied
            | Self::ConsentRemembered
            | Self::AppRevoked
            | Self::LoginDisplaced
            | Self::Logout
            | Self::CodeRedeemed
            | Self::ClientToken
            | Self::RefreshRotated
            | Self::TokenRevoked => Outcome::Ok,
            Self::LoginFailed
            | Self::LoginRefused
            | Self::LoginLocked
            | Self::ClientBlocked
            | Self::CredentialsRefused
            | Self::RateLimited => Outcome::Refused,
            Self::CodeReplayed | Self::CodeMisused | Self::RefreshReused | Self::ForeignToken => {
                Outcome::Alarm
            }
        }
    }

    /// Begins the line of this event.
    pub(crate) const fn line<'a>(self) -> Line<'a> {
        Line { event: self, subject: None, client: None, login: None, about: None }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Alarm => "alarm",
        })
    }
}

/// A line that is not written yet.
#[derive(Clone, Copy, Debug)]
#[must_use = "a line has to be written"]
pub(crate) struct Line<'a> {
    event: Event,
    subject: Option<&'a str>,
    client: Option<&'a str>,
    login: Option<&'a str>,
    about: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// Which user.
    pub(crate) const fn subject(mut self, subject: &'a str) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Which client.
    pub(crate) const fn client(mut self, client: &'a str) -> Self {
        self.client = Some(client);
        self
    }

    /// Which login: the name of its transaction, and then of the family of its tokens.
    pub(crate) const fn login(mut self, login: &'a str) -> Self {
        self.login = Some(login);
        self
    }

    /// What else says which: the provider, the token, the endpoint, the budget. If nothing else does,
    /// the login stands there as well, where it was before it had a field of its own.
    pub(crate) const fn about(mut self, about: &'a str) -> Self {
        self.about = Some(about);
        self
    }

    /// Writes it: what looks like a theft as an error, what was refused as a warning.
    pub(crate) fn write(self) {
        let Self { event, subject, client, login, about } = self;
        let (outcome, about) = (event.outcome(), about.or(login));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "audit",
                    event = event.name(),
                    %outcome,
                    subject,
                    client,
                    login,
                    about,
                    "{}",
                    event.name()
                )
            };
        }
        match outcome {
            Outcome::Ok => line!(info),
            Outcome::Refused => line!(warn),
            Outcome::Alarm => line!(error),
        }
    }
}

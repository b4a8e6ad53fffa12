//! An authorization in progress: from the consent page to the way back from the identity provider.
//!
//! It belongs to one browser. The handle in forms and addresses finds it; the key in the browser's
//! cookie is needed to do anything with it. Each request has a transaction of its own, so any number
//! of tabs can be on the way at once.

use ambient::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AuthorizationRequest, Client,
    ticket::{BrowserKey, BrowserKind, Digest, Handle, Nonce, NonceKind, sha256_hex},
};

/// What is kept of an authorization in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    /// What was asked.
    pub(crate) request: AuthorizationRequest,
    /// The client as it was when it asked, as far as it matters ([`Client::asked_at`]). What it says of
    /// itself later changes nothing here.
    pub(crate) client: Client,
    /// What the audit log calls the login that may come of it; the tokens of that will be a family of
    /// this name. None in records of versions that had no such names.
    #[serde(default)]
    pub(crate) login: Option<String>,
    /// Whose it is.
    browser: Digest<BrowserKind>,
    /// How far it has come.
    stage: Stage,
    /// When it is too late.
    expires_at: Timestamp,
}

/// How far a transaction has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The user has been asked.
    Consent,
    /// The user has said yes.
    Agreed,
    /// The user was sent to the identity provider.
    Login {
        /// What must come back from there.
        nonce: Digest<NonceKind>,
    },
}

/// Why a transaction does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongTurn {
    #[error("the transaction belongs to another browser")]
    OtherBrowser,
    #[error("the transaction has expired")]
    Expired,
    #[error("the user has not agreed")]
    NotAgreed,
    #[error("the login answers another question")]
    OtherLogin,
}

impl Transaction {
    /// Puts a request before the user of one browser; `login` is a name for what comes of it.
    pub(crate) fn begin(
        (client, request): (Client, AuthorizationRequest),
        login: String,
        browser: &BrowserKey,
        expires_at: Timestamp,
    ) -> Self {
        let (login, browser) = (Some(login), browser.digest());
        let client = client.asked_at(&request.redirect_uri);
        Self { request, client, login, browser, stage: Stage::Consent, expires_at }
    }

    /// Whether this browser may go on with it now.
    pub(crate) fn check(
        &self,
        browser: Option<&BrowserKey>,
        now: Timestamp,
    ) -> Result<(), WrongTurn> {
        if self.expires_at <= now {
            return Err(WrongTurn::Expired);
        }
        let ours = browser.is_some_and(|key| self.browser.is_of(key));
        if ours { Ok(()) } else { Err(WrongTurn::OtherBrowser) }
    }

    /// The user agrees, maybe as somebody else than who is logged in. To agree again, after going
    /// back, begins the login again.
    #[must_use]
    pub(crate) fn agree(mut self, as_other: bool) -> Self {
        self.request.login.choose |= as_other;
        Self { stage: Stage::Agreed, ..self }
    }

    /// Whether the user has agreed.
    pub(crate) fn check_agreed(&self) -> Result<(), WrongTurn> {
        if self.stage == Stage::Consent { Err(WrongTurn::NotAgreed) } else { Ok(()) }
    }

    /// The user, who has agreed, is sent to an identity provider; of several logins, the last
    /// counts.
    pub(crate) fn send(self, nonce: &Nonce) -> Result<Self, WrongTurn> {
        self.check_agreed()?;
        Ok(Self { stage: Stage::Login { nonce: nonce.digest() }, ..self })
    }

    /// The browser comes back from the identity provider with what it was sent there with.
    pub(crate) fn check_login(&self, nonce: &Nonce) -> Result<(), WrongTurn> {
        match &self.stage {
            Stage::Consent => Err(WrongTurn::NotAgreed),
            Stage::Login { nonce: sent } if sent.is_of(nonce) => Ok(()),
            Stage::Agreed | Stage::Login { .. } => Err(WrongTurn::OtherLogin),
        }
    }
}

/// What the forms of a transaction carry to show that they come from our page. Whoever can compute
/// it has the browser's key; it is the same however often the page is shown.
pub(crate) fn form_token(handle: &Handle, browser: &BrowserKey) -> String {
    sha256_hex(&["consent form", handle.expose(), browser.expose()])
}

#[cfg(test)]
mod tests {
    use ambient::Entropy;

    use super::*;
    use crate::domain::{Authentication, KeySource, LoginWish, RedirectUri, Ticket};

    fn begin(browser: &BrowserKey) -> Transaction {
        begin_as("c", browser)
    }

    fn begin_as(id: &str, browser: &BrowserKey) -> Transaction {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let request = AuthorizationRequest {
            client_id: "c".into(),
            redirect_uri: "https://a.example/".into(),
            state: None,
            user_code: None,
            key: None,
            challenge: challenge.parse().unwrap(),
            scope: "mcp".parse().unwrap(),
            resource: "https://mcp.example/mcp".into(),
            nonce: None,
            silent: false,
            consent_again: false,
            login: LoginWish::default(),
        };
        let client = Client {
            id: id.into(),
            name: None,
            redirect_uris: ["https://a.example/", "https://a.example/other", "http://localhost/cb"]
                .map(|uri| RedirectUri::register(uri).unwrap())
                .into(),
            authentication: Authentication::Keys {
                keys: KeySource::at("https://a.example/jwks").unwrap(),
                or_none: false,
            },
            refreshes: true,
            devices: false,
            acts_for_itself: false,
            takes_assertions: false,
            scope: Some("mcp".parse().unwrap()),
            application_type: None,
            shows_key: false,
            after_logout: vec![RedirectUri::register("https://a.example/bye").unwrap()],
            issued_at: Timestamp::default(),
        };
        Transaction::begin((client, request), "l".into(), browser, Timestamp::from_secs(10))
    }

    #[test]
    fn it_keeps_of_a_client_what_the_answer_needs_and_of_a_document_all() {
        let browser = Ticket::random(&Entropy::seeded(1));
        let Transaction { client, request, .. } = begin(&browser);
        let uris = client.redirect_uris.iter().map(RedirectUri::as_str);
        assert_eq!(uris.collect::<Vec<_>>(), ["https://a.example/"]);
        assert!(request.may_be_answered(&client) && client.after_logout.is_empty());
        assert_eq!((client.scope, client.authentication), (None, Authentication::Given(vec![])));
        let Transaction { client, .. } = begin_as("https://a.example/client.json", &browser);
        assert_eq!((client.redirect_uris.len(), client.after_logout.len()), (3, 1));
        assert!(matches!(client.authentication, Authentication::Keys { .. }));
    }

    #[test]
    fn it_belongs_to_one_browser_and_ends() {
        let entropy = Entropy::seeded(1);
        let (mine, other) = (Ticket::random(&entropy), Ticket::random(&entropy));
        let transaction = begin(&mine);
        let now = Timestamp::from_secs(9);
        assert_eq!(transaction.check(Some(&mine), now), Ok(()));
        assert_eq!(transaction.check(Some(&other), now), Err(WrongTurn::OtherBrowser));
        assert_eq!(transaction.check(None, now), Err(WrongTurn::OtherBrowser));
        let late = Timestamp::from_secs(10);
        assert_eq!(transaction.check(Some(&mine), late), Err(WrongTurn::Expired));
    }

    #[test]
    fn a_login_counts_after_consent_and_for_the_last_question_only() {
        let entropy = Entropy::seeded(1);
        let (first, second) = (Ticket::random(&entropy), Ticket::random(&entropy));
        let transaction = begin(&Ticket::random(&entropy));
        assert_eq!(transaction.check_login(&first), Err(WrongTurn::NotAgreed));
        assert_eq!(transaction.clone().send(&first), Err(WrongTurn::NotAgreed));
        let transaction = transaction.agree(false);
        assert_eq!(transaction.check_login(&first), Err(WrongTurn::OtherLogin));
        let transaction = transaction.send(&first).unwrap().send(&second).unwrap();
        assert_eq!(transaction.check_login(&first), Err(WrongTurn::OtherLogin));
        assert_eq!(transaction.check_login(&second), Ok(()));
    }

    #[test]
    fn a_form_token_is_of_one_transaction_and_one_browser() {
        let entropy = Entropy::seeded(1);
        let (handle, key) = (Ticket::random(&entropy), Ticket::random(&entropy));
        let token = form_token(&handle, &key);
        assert_eq!(token, form_token(&handle, &key));
        assert_ne!(token, form_token(&Ticket::random(&entropy), &key));
        assert_ne!(token, form_token(&handle, &Ticket::random(&entropy)));
    }
}

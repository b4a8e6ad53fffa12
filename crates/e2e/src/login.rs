//! The way of a person through the pages: consent, login, back to the client with a code.

use testkit::{
    browser::{Browser, Page, Visit},
    oauth::{Authorization, Client, OAuth, Tokens},
};
use url::Url;

use crate::World;

/// Where the clients of these tests listen.
pub const CALLBACK: &str = "http://127.0.0.1:5999/callback";

/// The password of every demo user.
const PASSWORD: &str = "wonderland";

/// A client that wants to be authorized.
#[derive(Debug)]
pub struct Asking {
    /// What it has found out.
    pub oauth: OAuth,
    /// What it has registered as.
    pub client: Client,
    /// What it is going to ask.
    pub request: Authorization,
}

/// A client that somebody has let in.
#[derive(Debug)]
pub struct Login {
    /// What it has found out.
    pub oauth: OAuth,
    /// What it has registered as.
    pub client: Client,
    /// What it was given.
    pub tokens: Tokens,
}

impl World {
    /// A person's browser, which stops where the clients listen.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::new(self.clock.clone()).with_callback(CALLBACK)
    }

    /// A new client, with an authorization request in its hand.
    pub async fn asking(&self) -> Asking {
        Asking::at(&self.endpoint()).await
    }

    /// The way of a person, in a browser of their own.
    pub async fn walk(&self, url: &str, user: &str) -> Url {
        walk(&mut self.browser(), url, user).await
    }

    /// A new client that `user` lets in: the whole way, from a request without a token.
    pub async fn login(&self, user: &str) -> Login {
        self.asking().await.let_in(&mut self.browser(), user).await
    }
}

impl Asking {
    /// A new client of any endpoint, which has asked there and registered.
    pub async fn at(endpoint: &str) -> Self {
        Self::of(OAuth::discover(endpoint).await).await
    }

    /// The same, of what somebody has found out.
    pub async fn of(oauth: OAuth) -> Self {
        let client = oauth.public_client(CALLBACK).await;
        let request = oauth.authorization(&client);
        Self { oauth, client, request }
    }

    /// The form that redeems the code of a callback.
    #[must_use]
    pub fn form(&self, callback: &Url) -> Vec<(&'static str, String)> {
        let code = self.oauth.code(&self.request, callback);
        self.oauth.redemption(&self.client, &self.request, &code)
    }

    /// Redeems the code of a callback, which must be a success.
    pub async fn redeem(self, callback: &Url) -> Login {
        let tokens = self.oauth.redeem(&self.client, &self.request, callback).await;
        Login { oauth: self.oauth, client: self.client, tokens }
    }

    /// Sends `user` through the pages, and redeems what comes back.
    pub async fn let_in(self, browser: &mut Browser, user: &str) -> Login {
        let callback = walk(browser, &self.request.url(), user).await;
        self.redeem(&callback).await
    }
}

impl Login {
    /// The access token.
    #[must_use]
    pub fn access(&self) -> &str {
        &self.tokens.access
    }

    /// The refresh token.
    #[must_use]
    pub fn refresh(&self) -> &str {
        self.tokens.refresh.as_deref().expect("every client of these tests may refresh")
    }
}

/// Opens the address of an authorization request, agrees, logs in, and comes back to the client.
pub async fn walk(browser: &mut Browser, url: &str, user: &str) -> Url {
    let consent = browser.open(url).await.page().expect(200);
    let login = approve(browser, &consent).await.page().expect(200);
    sign_in(browser, &login, user).await.callback()
}

/// Presses "Approve".
pub async fn approve(browser: &mut Browser, consent: &Page) -> Visit {
    browser.submit(consent, consent.form("Approve")).await
}

/// Logs in at the mock identity provider.
pub async fn sign_in(browser: &mut Browser, login: &Page, user: &str) -> Visit {
    let form = login.form("Sign in").choose("username", user).fill("password", PASSWORD);
    browser.submit(login, form).await
}

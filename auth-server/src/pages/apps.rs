//! The pages of somebody who is logged in.

use askama::Template;

use super::Exit;
use crate::domain::Destination;

/// The applications that a user has let in.
#[derive(Template)]
#[template(path = "apps.html")]
pub(crate) struct AppsPage<'a> {
    pub(crate) user: &'a str,
    pub(crate) token: &'a str,
    pub(crate) apps: Vec<App>,
    /// Whether one has just been thrown out.
    pub(crate) revoked: bool,
}

/// One of them.
pub(crate) struct App {
    /// What it calls itself.
    pub(crate) name: Option<String>,
    /// Who vouches for it, or where its answers go.
    pub(crate) host: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) resource: String,
    /// How long ago it was let in.
    pub(crate) since: String,
    /// How long ago it was there.
    pub(crate) used: String,
}

/// Whether somebody wants to log out, or has.
#[derive(Template)]
#[template(path = "logout.html")]
pub(crate) struct LogoutPage<'a> {
    /// Who is logged in, and what the form carries.
    pub(crate) user: Option<(&'a str, &'a str)>,
    /// Where an application wants the browser to go now.
    pub(crate) back: Option<Exit<'a>>,
}

impl App {
    /// The letter in the tile.
    fn initial(&self) -> String {
        let first = self.host.chars().find(|c| c.is_alphanumeric());
        first.map_or_else(|| "·".to_owned(), |c| c.to_uppercase().collect())
    }
}

/// Where answers go, for people.
pub(crate) fn destination_in_words(destination: &Destination) -> String {
    match destination {
        Destination::Host(host) => host.clone(),
        Destination::ThisComputer => "A program on a computer".to_owned(),
        Destination::App(scheme) => format!("An application ({scheme}:)"),
        Destination::Device(code) => format!("A device ({code})"),
    }
}

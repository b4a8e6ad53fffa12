//! `auth-server client` for clients that have registered or have a document: what is in the store that
//! all instances share.

use std::time::Duration;

use clap::Args;
use store::Store;

use super::{CommandError, Rows, World};
use crate::{
    Config,
    clients_file::can_be_blocked,
    domain::{Authentication, Client, ClientUrl, RedirectUri, client_id},
    repo::{Listed, Repo, State},
};

/// Longer names are cut.
const MAX_NAME: usize = 60;

/// Which part of the list is shown.
#[derive(Debug, Args)]
pub(super) struct Page {
    /// How many clients of the store are shown, those first that end first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// How many are left out before them.
    #[arg(long, default_value_t = 0)]
    skip: u32,
}

impl Page {
    pub(super) const fn is_first(&self) -> bool {
        self.skip == 0
    }
}

/// The clients of the store.
pub(super) struct Registered {
    repo: Repo,
    /// How long a login can live.
    life: Duration,
}

impl Registered {
    pub(super) fn new(store: &Store, config: &Config, world: &World) -> Self {
        let store = config.sealed(store, &world.entropy);
        let repo = Repo::new(&store, &world.clock, config.strangers.may_register);
        Self { repo, life: config.lifetimes.family }
    }

    pub(super) async fn list(&self, page: &Page) -> Result<String, CommandError> {
        let (listed, may_be_more) = self.repo.clients.page(page.skip, page.limit).await?;
        let rows = Rows(listed.iter().map(row).collect()).to_string();
        if !may_be_more {
            return Ok(rows);
        }
        let Page { limit, skip } = page;
        let next = u64::from(*skip) + u64::from(*limit);
        Ok(format!(
            "{rows}There may be more: auth-server client list --limit {limit} --skip {next}\n"
        ))
    }

    pub(super) async fn remove(&self, id: &str) -> Result<String, CommandError> {
        let clients = &self.repo.clients;
        if clients.standing(id).await?.is_blocked {
            return Err(CommandError::IsBlocked(id.to_owned()));
        }
        // The logins of an operator's own are no business of a command that does not see the file.
        if !can_be_blocked(id) {
            return Err(CommandError::NoClient(id.to_owned()));
        }
        // First, so that a command that is cut off can be given again. And afterwards, for a login that
        // came in between: whoever registers the same has the same name.
        let first = self.repo.end_logins(id, self.life).await?;
        let was_there = clients.forget(id).await?;
        let ended = first + self.repo.end_logins(id, self.life).await?;
        if !was_there && ended == 0 {
            return Err(CommandError::NoClient(id.to_owned()));
        }
        Ok(format!(
            "client `{id}` is removed at every instance, and {ended} of its logins are over.\n"
        ))
    }

    pub(super) async fn block(&self, id: &str) -> Result<String, CommandError> {
        self.repo.clients.block(&client_id::blocked_by(id)).await?;
        let ended = self.repo.end_logins(id, self.life).await?;
        Ok(format!(
            "client `{id}` is blocked at every instance, and {ended} of its logins are over.\n"
        ))
    }

    pub(super) async fn unblock(&self, id: &str) -> Result<String, CommandError> {
        if self.repo.clients.unblock(&client_id::blocked_by(id)).await? {
            Ok(format!("client `{id}` is not blocked any more.\n"))
        } else {
            Err(CommandError::NotBlocked(id.to_owned()))
        }
    }
}

/// Nothing that is secret: there are only hashes of secrets, and those are not shown.
fn row(listed: &Listed) -> [String; 6] {
    let state = match listed.state {
        State::Unused => "unused",
        State::Used => "used",
        State::Blocked => "BLOCKED",
    };
    let client = listed.client.as_ref();
    let since = client.map(|client| client.issued_at.to_rfc3339()).unwrap_or_default();
    let name = client.and_then(|client| client.name.as_deref()).unwrap_or_default();
    [
        listed.id.clone(),
        kind(&listed.id, client).to_owned(),
        state.to_owned(),
        since.get(..10).unwrap_or_default().to_owned(),
        client.map(answered_at).unwrap_or_default(),
        plain(name),
    ]
}

fn kind(id: &str, client: Option<&Client>) -> &'static str {
    match client.map(|client| &client.authentication) {
        _ if ClientUrl::is_meant(id) => "has a document",
        Some(Authentication::Public) => "is public",
        Some(Authentication::Secret { .. } | Authentication::Given(_)) => "has a secret",
        Some(Authentication::Keys { .. }) => "signs",
        None => "",
    }
}

/// The first address, without what could be a secret of the client in it, and how many others.
fn answered_at(client: &Client) -> String {
    let first = client.redirect_uris.first().map(RedirectUri::as_str);
    let first = first.map_or("", |uri| uri.split(['?', '#']).next().unwrap_or_default());
    match client.redirect_uris.len() {
        0 | 1 => first.to_owned(),
        all => format!("{first} +{}", all - 1),
    }
}

/// Text of an unknown author, for a terminal: without what moves the cursor or turns the direction.
fn plain(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().take(MAX_NAME).map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_nothing_to_a_terminal() {
        assert_eq!(plain("A\u{1b}[2J\u{202e}B\nC"), "A\u{fffd}[2J\u{fffd}B\u{fffd}C");
        assert_eq!(plain(&"x".repeat(1000)).len(), MAX_NAME);
    }
}

//! `/apps`: the applications that the user has let in, and the button that throws one out.

use std::collections::BTreeMap;

use ambient::Timestamp;
use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use store::StoreError;

use super::{
    answer::{self, see_other},
    browser::transaction_cookie,
    login::{self, Trip},
    page_form::{PageError, PageForm, check_token, read_query},
    session::{self, SignedIn},
};
use crate::{
    AuthServer,
    audit::Event,
    domain::{
        BrowserKey, ClientUrl, Family, Goal, Grant, Handle, LoginWish, RedirectUri, Ticket,
        session_token,
    },
    guard::Caller,
    pages::{App, AppsPage, destination_in_words, page, visible},
};

/// The query of the page.
#[derive(Default, Deserialize)]
struct Entry {
    done: Option<String>,
}

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct RevokeForm {
    client_id: String,
    /// Shows that the form comes from our page.
    token: String,
}

/// Why nothing is shown or revoked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Login(#[from] login::RouteError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        match self {
            Self::Store(error) => answer::store_failure_page(error),
            Self::Login(error) => error.into_response(),
            Self::Page(error) => error.into_response(),
        }
    }
}

/// What a user has allowed one client on one resource.
struct Access {
    grant: Grant,
    since: Option<Timestamp>,
    used_at: Option<Timestamp>,
}

/// Shows them; who is not logged in does that first.
pub(super) async fn get(
    State(server): State<AuthServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, RouteError> {
    let entry: Entry = read_query(query)?;
    let Some(SignedIn { key, session }) = session::signed_in(&server, &headers).await? else {
        return log_in(&server, &caller).await;
    };
    let mut apps = Vec::new();
    for access in accesses(&server, &session.user.sub).await?.into_values() {
        apps.push(describe(&server, access).await?);
    }
    let token = session_token(&key);
    let shown =
        AppsPage { user: &session.user.name, token: &token, apps, revoked: entry.done.is_some() };
    Ok(page(StatusCode::OK, &shown))
}

async fn log_in(server: &AuthServer, caller: &Caller) -> Result<Response, RouteError> {
    let handle: Handle = Ticket::random(server.entropy());
    let key: BrowserKey = Ticket::random(server.entropy());
    let wish = LoginWish::default();
    let trip = Trip { handle: &handle, key: &key, goal: Goal::Apps, wish: &wish, caller };
    let away = trip.begin_anywhere(server).await?;
    Ok((transaction_cookie(server, &handle).set(&key), away).into_response())
}

/// What a user's clients may do, by client and resource. Logins that have ended are forgotten on the
/// way; one whose code is still to be redeemed is not there yet.
async fn accesses(
    server: &AuthServer,
    user: &str,
) -> Result<BTreeMap<(String, String), Access>, StoreError> {
    let repo = server.repo();
    let mut all: BTreeMap<_, Access> = BTreeMap::new();
    for login in repo.apps.logins(user).await? {
        let living = match repo.tokens.find_family(&login.family).await? {
            Some(Family::Alive(living)) if server.now() < living.expires_at => living,
            Some(_) => {
                repo.apps.leave(user, &login).await?;
                continue;
            }
            None => continue,
        };
        let since = living.begun_at.or(living.grant.auth_time);
        let used_at = living.refreshed_at(server.lifetimes().refresh_grace).max(since);
        let grant = living.grant;
        let name = (grant.client_id.clone(), grant.resource.clone());
        match all.get_mut(&name) {
            Some(access) => access.add(&grant, since, used_at),
            None => drop(all.insert(name, Access { grant, since, used_at })),
        }
    }
    Ok(all)
}

impl Access {
    fn add(&mut self, grant: &Grant, since: Option<Timestamp>, used_at: Option<Timestamp>) {
        let both = self.grant.scope.iter().chain(grant.scope.iter());
        self.grant.scope = both.cloned().collect();
        self.since = self.since.min(since);
        self.used_at = self.used_at.max(used_at);
    }
}

/// What can be said of a client for people. One whose registration has expired has its name only.
async fn describe(server: &AuthServer, access: Access) -> Result<App, StoreError> {
    let Grant { client_id, scope, resource, .. } = access.grant;
    let client = server.client(&client_id).await?;
    let vouching = ClientUrl::host_of(&client_id);
    let first = client.as_ref().and_then(|client| client.redirect_uris.first());
    let destination = first.map(|uri| RedirectUri::destination(uri.as_str()));
    let host = vouching.or_else(|| destination.as_ref().map(destination_in_words));
    let ago = |at: Option<Timestamp>| at.map_or("unknown".to_owned(), |at| ago(at, server.now()));
    Ok(App {
        name: client.and_then(|client| client.name).as_deref().map(visible),
        host: host.unwrap_or_else(|| "an application".to_owned()),
        client_id,
        scopes: scope.iter().map(ToString::to_string).collect(),
        resource,
        since: ago(access.since),
        used: ago(access.used_at),
    })
}

/// Throws a client out: its tokens end, on every instance, and it has to ask again.
pub(super) async fn post(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    PageForm(form): PageForm<RevokeForm>,
) -> Result<Response, RouteError> {
    let signed_in = session::signed_in(&server, &headers).await?;
    let SignedIn { key, session } = signed_in.ok_or(PageError::Token)?;
    check_token(&form.token, &session_token(&key))?;
    let user = session.user.sub;
    let repo = server.repo();
    // First what would let it in again.
    repo.apps.forget(&user, &form.client_id).await?;
    let line = Event::AppRevoked.line().subject(&user).client(&form.client_id);
    let mut logins = repo.apps.logins(&user).await?;
    logins.retain(|login| login.is_of(&form.client_id));
    if logins.is_empty() {
        line.write();
    }
    for login in &logins {
        repo.tokens.revoke_family(&login.family, server.lifetimes().family).await?;
        repo.apps.leave(&user, login).await?;
        line.login(&login.family).write();
    }
    Ok(see_other(&server.issuer().local("/apps?done=1")))
}

/// For people: no more exact than they need.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let several = |count: u64, what: &str| {
        let s = if count == 1 { "" } else { "s" };
        format!("{count} {what}{s} ago")
    };
    match now.since(at).as_secs() {
        0..60 => "just now".to_owned(),
        seconds @ 60..3600 => several(seconds / 60, "minute"),
        seconds @ 3600..86_400 => several(seconds / 3600, "hour"),
        seconds => several(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_while_ago_is_told_in_words() {
        let now = Timestamp::from_secs(1_000_000);
        let table = [
            (0, "just now"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (7200, "2 hours ago"),
            (90_000, "1 day ago"),
            (900_000, "10 days ago"),
        ];
        for (seconds, words) in table {
            assert_eq!(ago(Timestamp::from_secs(1_000_000 - seconds), now), words);
        }
    }
}

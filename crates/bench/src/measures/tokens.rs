//! What the authorization server is asked most: introspection and refresh, each against a bare
//! handler that reads a form and sends one command to Redis. And the whole way of a login, and what
//! a token costs the MCP server that is known there.

use std::io;

use ambient::Clock;
use e2e::Login;
use tokio::runtime::Runtime;

use super::calls::{COLUMNS, CONNECTIONS, bare, cells, first};
use crate::{
    cases::{Case, form},
    report::Table,
    rounds::{Compared, Effort, Side, compare, in_turns, median, once},
    site::{Kept, Site, post},
    wrk::Script,
};

/// How many logins are measured.
const LOGINS: usize = 20;

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    // Tokens are for a resource.
    let _resource = site.first(Kept::Memory)?;
    let login = runtime.block_on(site.login());
    let title = "The authorization server on Redis, 32 connections";
    let mut table = Table::new(title, COLUMNS);
    table.row(cells("introspection", &introspection(&site, &login, effort)?, ""));
    table.row(cells("refresh", &refresh(runtime, &site, &login, effort)?, ""));
    Ok(vec![table, logins(runtime, &site), remembered(runtime, effort)?])
}

/// A token that is known already costs the MCP server the same, however it was checked: the same
/// signed token, at one instance that has asked about it and at one that has checked its signature.
fn remembered(runtime: &Runtime, effort: Effort) -> io::Result<Table> {
    let site = Site::start_with(&[("AUTH_TOKEN_FORMAT", "jwt".to_owned())])?;
    let (asks, checks) = (site.checking("introspection", true)?, site.checking("jwt", false)?);
    let login = runtime.block_on(site.login());
    let ask = Case::Call.ask(Some(login.access()), None);
    for instance in [&asks, &checks] {
        first(instance, &ask)?;
    }
    let script = Script::of(&ask)?;
    let (own, other) = (checks.url(), asks.url());
    let subject = Side { server: &checks.server, url: &own, script: &script };
    let ceiling = Side { server: &asks.server, url: &other, script: &script };
    let mut table =
        Table::new("A signed token in the cache: bare is where it was asked about", COLUMNS);
    let compared = compare(subject, ceiling, CONNECTIONS, effort)?;
    table.row(cells("where its signature was checked", &compared, "1.00"));
    Ok(table)
}

fn introspection(site: &Site, login: &Login, effort: Effort) -> io::Result<Compared> {
    let ask = form(format!("token={}", login.access()), Some(site.credentials()));
    let answer = post(site.auth_port(), "/introspect", &ask)?;
    let (ceiling, url) = bare("/introspect", &answer, Some(&site.redis()))?;
    let script = Script::of(&ask)?;
    let own = site.auth_url("/introspect");
    let subject = Side { server: &site.auth, url: &own, script: &script };
    let ceiling = Side { server: &ceiling.server, url: &url, script: &script };
    compare(subject, ceiling, CONNECTIONS, effort)
}

/// A token is redeemed once, so every run begins with tokens of new logins: one for each connection,
/// and as many that wait.
fn refresh(runtime: &Runtime, site: &Site, login: &Login, effort: Effort) -> io::Result<Compared> {
    let client = &login.client.id;
    let start = format!("grant_type=refresh_token&client_id={client}&refresh_token=");
    let ask = form(format!("{start}{}", login.refresh()), None);
    let answer = post(site.auth_port(), "/token", &ask)?;
    let (ceiling, url) = bare("/token", &answer, Some(&site.redis()))?;
    let (own, unchanging) = (site.auth_url("/token"), Script::of(&ask)?);
    let start = form(start, None);
    in_turns(
        |length| {
            let tokens = runtime.block_on(site.refresh_tokens(login, CONNECTIONS * 2));
            let script = Script::refreshing(&start, &tokens)?;
            let subject = Side { server: &site.auth, url: &own, script: &script };
            once(subject, CONNECTIONS, length)
        },
        |length| {
            let other = Side { server: &ceiling.server, url: &url, script: &unchanging };
            once(other, CONNECTIONS, length)
        },
        effort,
    )
}

fn logins(runtime: &Runtime, site: &Site) -> Table {
    let clock = Clock::system();
    let times = (0..LOGINS).map(|_| {
        let watch = clock.stopwatch();
        let _login = runtime.block_on(site.login());
        watch.elapsed().as_secs_f64() * 1000.0
    });
    let mut table = Table::new("A login", &["what", "median"]);
    let what = "discovery, registration, consent, login, code and tokens, one after the other";
    table.row([what.to_owned(), format!("{:.1} ms", median(times))]);
    table
}

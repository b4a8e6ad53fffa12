//! Introspection and refresh, beside npm `oidc-provider`: ours with its state in Redis, the other one
//! with its own memory, which is all that it brings along.

use std::{
    io,
    net::{Ipv4Addr, TcpStream},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e::Login;
use serde_json::Value;
use testkit::process::free_port;
use tokio::runtime::Runtime;

use super::{Entry, load, table};
use crate::{
    cases::{Ask, form},
    measures::calls::{CONNECTIONS, bare},
    peers::{Kit, Kits},
    process::until,
    report::Table,
    rounds::{Effort, Run, Side, once},
    site::{Instance, Kept, Site, post},
    wrk::Script,
};

/// The peer, and the script that starts it.
const PACKAGE: &str = "oidc-provider";
const KIT: Kit = Kit::Npm("oidc-provider.mjs");

/// What our server is called in these tables.
const OURS: &str = "auth-server, on Redis";

/// Two tokens for each connection: one on its way, and one that waits.
const TOKENS: usize = CONNECTIONS * 2;

pub(super) fn tables(runtime: &Runtime, kits: &Kits, effort: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    // Tokens are for a resource.
    let _resource = site.first(Kept::Memory)?;
    let login = runtime.block_on(site.login());
    let provider = Provider::start(kits).map_err(|error| error.to_string());
    let introspection = introspection(&site, &login, &provider, effort)?;
    Ok(vec![introspection, refresh(runtime, &site, &login, &provider, effort)?])
}

/// The peer, or why it is not there.
type Found = Result<Provider, String>;

fn other<'a>(found: &'a Found, run: impl FnOnce(&'a Provider) -> io::Result<Run<'a>>) -> Entry<'a> {
    let version = KIT.version_of(PACKAGE).unwrap_or_default();
    let found = found.as_ref().map_err(|error| io::Error::other(error.clone()));
    Entry { name: format!("`{PACKAGE}` {version} (Node), in memory"), run: found.and_then(run) }
}

fn introspection(
    site: &Site,
    login: &Login,
    provider: &Found,
    effort: Effort,
) -> io::Result<Table> {
    let ask = form(format!("token={}", login.access()), Some(site.credentials()));
    let answer = post(site.auth_port(), "/introspect", &ask)?;
    let (ceiling, url) = bare("/introspect", &answer, Some(&site.redis()))?;
    let ours = load(&site.auth, site.auth_url("/introspect"), Script::of(&ask)?);
    let entries = vec![
        Entry { name: OURS.to_owned(), run: Ok(ours) },
        other(provider, Provider::introspecting),
    ];
    let title = "Introspection, 32 connections, in turns with a peer";
    table(title, load(&ceiling.server, url, Script::of(&ask)?), entries, effort)
}

fn refresh(
    runtime: &Runtime,
    site: &Site,
    login: &Login,
    provider: &Found,
    effort: Effort,
) -> io::Result<Table> {
    let start = refreshing(&login.client.id);
    let ask = form(format!("{start}{}", login.refresh()), None);
    let answer = post(site.auth_port(), "/token", &ask)?;
    let (ceiling, url) = bare("/token", &answer, Some(&site.redis()))?;
    let (own, start) = (site.auth_url("/token"), form(start, None));
    let ours: Run<'_> = Box::new(|length| {
        let tokens = runtime.block_on(site.refresh_tokens(login, TOKENS));
        let script = Script::refreshing(&start, &tokens)?;
        once(Side { server: &site.auth, url: &own, script: &script }, CONNECTIONS, length)
    });
    let entries = vec![
        Entry { name: OURS.to_owned(), run: Ok(ours) },
        other(provider, |provider| Ok(provider.refreshing())),
    ];
    let title = "Refresh, 32 connections, in turns with a peer";
    table(title, load(&ceiling.server, url, Script::of(&ask)?), entries, effort)
}

fn refreshing(client: &str) -> String {
    format!("grant_type=refresh_token&client_id={client}&refresh_token=")
}

/// The peer, running.
struct Provider(Instance);

impl Provider {
    fn start(kits: &Kits) -> io::Result<Self> {
        let port = free_port();
        let server = KIT.start(kits, "tokens", port)?;
        until(PACKAGE, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())?;
        Ok(Self(Instance { server, port }))
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.0.port)
    }

    /// One kind of token of so many logins.
    fn tokens(&self, kind: &str, count: usize) -> io::Result<Vec<String>> {
        let nothing = Ask { headers: Vec::new(), body: String::new() };
        let got = post(self.0.port, &format!("/seed?count={count}"), &nothing)?;
        let logins: Vec<Value> = serde_json::from_slice(&got.body)?;
        Ok(logins.iter().filter_map(|login| login[kind].as_str().map(str::to_owned)).collect())
    }

    fn introspecting(&self) -> io::Result<Run<'_>> {
        let token = self.tokens("access", 1)?.concat();
        let credentials = format!("Basic {}", STANDARD.encode("resource:secret"));
        let ask = form(format!("token={token}"), Some(credentials));
        let answer = post(self.0.port, "/token/introspection", &ask)?;
        // That a token is unknown is a success of HTTP too.
        if !String::from_utf8_lossy(&answer.body).contains("\"active\":true") {
            return Err(answer.unexpected());
        }
        Ok(load(&self.0.server, self.url("/token/introspection"), Script::of(&ask)?))
    }

    fn refreshing(&self) -> Run<'_> {
        Box::new(|length| {
            let tokens = self.tokens("refresh", TOKENS)?;
            let script = Script::refreshing(&form(refreshing("public"), None), &tokens)?;
            let url = self.url("/token");
            once(Side { server: &self.0.server, url: &url, script: &script }, CONNECTIONS, length)
        })
    }
}

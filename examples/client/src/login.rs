//! From a URL to a token, and what can be done with it: discovery (RFC 9728, RFC 8414),
//! registration (RFC 7591), a code with PKCE (RFC 7636) at a loopback address (RFC 8252), more scope
//! when a call needs it (RFC 6750), refresh and revocation (RFC 7009).

use std::{collections::BTreeSet, process::Command};

use ambient::Entropy;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::oauth::CodeVerifier;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use url::Url;

use crate::{Result, say, wire::challenge};

/// A client that somebody has logged in to; or one that needs no token, and has none.
pub(crate) struct Login {
    http: Client,
    /// The metadata of the authorization server.
    server: Value,
    client_id: String,
    /// The identifier of the server that the tokens are for (RFC 8707).
    resource: String,
    tokens: Value,
}

impl Login {
    /// Does whatever is needed for a token.
    pub(crate) async fn new(http: Client, url: &str, browser: Option<&str>) -> Result<Self> {
        let mut login = Self {
            http,
            server: json!({}),
            client_id: String::new(),
            resource: String::new(),
            tokens: json!({}),
        };
        let Some((metadata_url, scope)) = login.challenged(url).await? else {
            say("No token is needed.");
            return Ok(login);
        };
        let resource = login.get(&metadata_url).await?;
        login.resource = text(&resource, "resource")?;
        let issuer = resource["authorization_servers"][0].as_str().ok_or("nobody issues tokens")?;
        login.server = login.get(&metadata_of(issuer)?).await?;
        if login.server["issuer"] != issuer {
            return Err("the issuer calls itself something else (RFC 8414 section 3.3)".into());
        }
        say(format_args!("{} takes tokens of {issuer}.", login.resource));
        login.register().await?;
        let all = resource["scopes_supported"].as_array().into_iter().flatten();
        let all = all.filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        login.ask_for(&scope.unwrap_or(all), browser).await?;
        Ok(login)
    }

    /// Asks the user to agree to more than before, after the server has said what is needed.
    pub(crate) async fn step_up(&mut self, scope: &str, browser: Option<&str>) -> Result<()> {
        let had = self.tokens["scope"].as_str().unwrap_or_default();
        let all: BTreeSet<_> = had.split(' ').chain(scope.split(' ')).collect();
        let all = all.into_iter().collect::<Vec<_>>().join(" ");
        say(format_args!("\nMore is needed: {all}."));
        self.ask_for(all.trim(), browser).await
    }

    /// The access token.
    pub(crate) fn token(&self) -> Option<&str> {
        self.tokens["access_token"].as_str()
    }

    /// A request without a token is told where to find out more, and which scope to ask for; nothing
    /// if it needs none.
    async fn challenged(&self, url: &str) -> Result<Option<(String, Option<String>)>> {
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let response = self.http.post(url).json(&ping).send().await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(None);
        }
        let found = challenge(&response, "resource_metadata");
        let found = found.ok_or("401 without a challenge that has resource_metadata")?;
        Ok(Some((found, challenge(&response, "scope"))))
    }

    async fn register(&mut self) -> Result<()> {
        let metadata = json!({
            "client_name": "Example client",
            // The port is another one at each login (RFC 8252 section 7.3).
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        let endpoint = text(&self.server, "registration_endpoint")?;
        let request = self.http.post(endpoint).json(&metadata);
        let registered: Value = request.send().await?.error_for_status()?.json().await?;
        self.client_id = text(&registered, "client_id")?;
        say(format_args!("Registered as {}.", self.client_id));
        Ok(())
    }

    /// Has the user log in and agree, and redeems the code for tokens.
    async fn ask_for(&mut self, scope: &str, browser: Option<&str>) -> Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let redirect = format!("http://127.0.0.1:{}/callback", listener.local_addr()?.port());
        let entropy = Entropy::system();
        let (verifier, state): (CodeVerifier, _) =
            (entropy.hex::<32>().parse()?, entropy.hex::<16>());
        let mut address = Url::parse(&text(&self.server, "authorization_endpoint")?)?;
        let challenge = json!(verifier.challenge());
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &redirect)
            .append_pair("state", &state)
            .append_pair("code_challenge", challenge.as_str().unwrap_or_default())
            .append_pair("code_challenge_method", "S256")
            .append_pair("resource", &self.resource);
        if !scope.is_empty() {
            address.query_pairs_mut().append_pair("scope", scope);
        }
        match browser {
            Some(command) => drop(Command::new(command).arg(address.as_str()).spawn()?),
            None => say(format_args!("Open this page to log in:\n\n  {address}\n")),
        }
        let answer = callback(&listener).await?;
        let told = |name: &str| {
            answer.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        if told("state").as_ref() != Some(&state) {
            return Err("the answer belongs to somebody else's question".into());
        }
        // Of several authorization servers one could pass on the code of another (RFC 9207).
        if told("iss").is_some_and(|issuer| self.server["issuer"] != issuer.as_str()) {
            return Err("the answer comes from another issuer".into());
        }
        let code = told("code").ok_or_else(|| told("error").unwrap_or_default())?;
        self.redeem(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", verifier.expose()),
            ("redirect_uri", &redirect),
        ])
        .await
    }

    /// Gets a new pair of tokens for the refresh token.
    pub(crate) async fn refresh(&mut self) -> Result<()> {
        let Some(refresh) = self.tokens["refresh_token"].as_str().map(str::to_owned) else {
            return Ok(());
        };
        self.redeem(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await?;
        say("\nThe tokens were refreshed.");
        Ok(())
    }

    async fn redeem(&mut self, grant: &[(&str, &str)]) -> Result<()> {
        let endpoint = text(&self.server, "token_endpoint")?;
        let common = [("client_id", &*self.client_id), ("resource", &*self.resource)];
        let form: Vec<_> = grant.iter().copied().chain(common).collect();
        let response = self.http.post(endpoint).form(&form).send().await?;
        self.tokens = response.error_for_status()?.json().await?;
        Ok(())
    }

    /// Makes the tokens worthless: logging out.
    pub(crate) async fn revoke(&self) -> Result<()> {
        let Some(refresh) = self.tokens["refresh_token"].as_str() else { return Ok(()) };
        let endpoint = text(&self.server, "revocation_endpoint")?;
        let form = [("token", refresh), ("client_id", &self.client_id)];
        let _ = self.http.post(endpoint).form(&form).send().await?.error_for_status()?;
        say("The tokens were revoked.");
        Ok(())
    }

    async fn get(&self, url: &str) -> Result<Value> {
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }
}

/// Where an issuer tells of itself: the path of an issuer comes after the well-known one.
fn metadata_of(issuer: &str) -> Result<String> {
    let mut url = Url::parse(issuer)?;
    let path =
        format!("/.well-known/oauth-authorization-server{}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url.into())
}

/// Waits for the browser, tells it that it may be closed, and gives the address that it asked for.
async fn callback(listener: &TcpListener) -> Result<Url> {
    loop {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let path = line.split(' ').nth(1).unwrap_or_default();
        let (status, words) = if path.starts_with("/callback?") {
            ("200 OK", "You are logged in. This page can be closed.")
        } else {
            ("404 Not Found", "Nothing is here.")
        };
        let length = words.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{words}"
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        if status == "200 OK" {
            return Ok(Url::parse(&format!("http://127.0.0.1{path}"))?);
        }
    }
}

fn text(document: &Value, member: &str) -> Result<String> {
    let text = document[member].as_str().ok_or_else(|| format!("there is no {member}"))?;
    Ok(text.to_owned())
}

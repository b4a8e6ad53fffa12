//! What real MCP clients send, word for word, on the whole way: a registration or a document, an
//! authorization with their redirect URI, a token that the MCP server can ask about, a refresh.
//!
//! Where a client chooses a port when it starts, the request has another one than the registration.
//! The documents were read at the addresses that stand beside them, in September 2026; only their
//! `client_id` is another, since it must be where they are found.

use http::Method;
use serde_json::{Value, json};
use testkit::oauth::{Authorization, Client, Tokens, query};

use crate::{
    client_documents::Host,
    support::{RESOURCE, World, redemption, refreshing, with, without},
};

/// One client in one way of connecting.
struct Real {
    /// For the message of a test that fails.
    name: &'static str,
    /// What it registers, or its document without `client_id`.
    metadata: Value,
    /// Where it listens this time.
    redirect_uri: &'static str,
    /// What its authorization request has beside or in place of the usual.
    query: &'static [(&'static str, &'static str)],
}

/// Clients that register (RFC 7591).
fn registering() -> Vec<Real> {
    vec![
        claude(),
        claude_with_a_secret(),
        claude_code(),
        chatgpt(),
        chatgpt_on_an_address_of_its_own(),
        vscode(),
        cursor("cursor://anysphere.cursor-mcp/oauth/callback"),
        cursor("https://www.cursor.com/agents/mcp/oauth/callback"),
        cursor("http://localhost:8787/callback"),
        codex(),
        inspector("http://localhost:6274/oauth/callback"),
        inspector("http://127.0.0.1:6276/oauth/callback"),
        mcp_remote(),
        copilot_studio(),
    ]
}

fn claude() -> Real {
    Real {
        name: "Claude",
        metadata: json!({
            "client_name": "Claude",
            "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": "claudeai",
        }),
        redirect_uri: "https://claude.ai/api/mcp/auth_callback",
        query: &[("scope", "mcp offline_access")],
    }
}

/// anthropics/claude-ai-mcp#200: with a secret, it uses Basic.
fn claude_with_a_secret() -> Real {
    Real {
        name: "Claude with a secret",
        metadata: json!({
            "client_name": "Claude",
            "redirect_uris": ["https://claude.com/api/mcp/auth_callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
        }),
        redirect_uri: "https://claude.com/api/mcp/auth_callback",
        query: &[],
    }
}

/// anthropics/claude-code#52871: the resource may be the bare origin.
fn claude_code() -> Real {
    Real {
        name: "Claude Code",
        metadata: json!({
            "client_name": "Claude Code (demo)",
            "redirect_uris": ["http://localhost:54212/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }),
        redirect_uri: "http://localhost:61873/callback",
        query: &[("resource", "http://localhost:3232/")],
    }
}

fn chatgpt() -> Real {
    Real {
        name: "ChatGPT",
        metadata: json!({
            "client_name": "ChatGPT",
            "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }),
        redirect_uri: "https://chatgpt.com/connector_platform_oauth_redirect",
        query: &[("scope", "mcp")],
    }
}

fn chatgpt_on_an_address_of_its_own() -> Real {
    Real {
        name: "ChatGPT, per connection",
        metadata: json!({
            "client_name": "ChatGPT",
            "redirect_uris": ["https://chatgpt.com/connector/oauth/5pRaKqTzhE0o"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_post",
        }),
        redirect_uri: "https://chatgpt.com/connector/oauth/5pRaKqTzhE0o",
        query: &[],
    }
}

/// It also names the grant of the device flow, and its states are base64.
fn vscode() -> Real {
    Real {
        name: "VS Code",
        metadata: json!({
            "client_name": "Visual Studio Code",
            "client_uri": "https://code.visualstudio.com",
            "grant_types": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "response_types": ["code"],
            "redirect_uris": [
                "https://insiders.vscode.dev/redirect",
                "https://vscode.dev/redirect",
                "http://127.0.0.1/",
                "http://127.0.0.1:33418/",
            ],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        }),
        redirect_uri: "http://127.0.0.1:52733/",
        query: &[("state", "gXVXo0/iMD8WMolDHKxSTg==")],
    }
}

/// One request with three redirect URIs; refusing one of them refuses them all.
fn cursor(redirect_uri: &'static str) -> Real {
    Real {
        name: "Cursor",
        metadata: json!({
            "client_name": "Cursor",
            "redirect_uris": [
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "http://localhost:8787/callback",
            ],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }),
        redirect_uri,
        query: &[],
    }
}

/// rmcp: a port and a path of its own for each login.
fn codex() -> Real {
    Real {
        name: "Codex",
        metadata: json!({
            "client_name": "Codex",
            "redirect_uris": ["http://127.0.0.1:49812/callback/pZJ0Wm2sT1A"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
            "response_types": ["code"],
        }),
        redirect_uri: "http://127.0.0.1:49812/callback/pZJ0Wm2sT1A",
        query: &[],
    }
}

/// The TypeScript SDK asks for consent whenever it may ask for `offline_access`.
fn inspector(redirect_uri: &'static str) -> Real {
    Real {
        name: "Inspector",
        metadata: json!({
            "client_name": "MCP Inspector",
            "client_uri": "https://github.com/modelcontextprotocol/inspector",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": "mcp notes",
        }),
        redirect_uri,
        query: &[("scope", "mcp notes"), ("prompt", "consent")],
    }
}

/// It falls back to scopes that are none of ours.
fn mcp_remote() -> Real {
    Real {
        name: "mcp-remote",
        metadata: json!({
            "client_name": "MCP CLI Proxy",
            "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
            "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
            "software_version": "0.15.1",
            "redirect_uris": ["http://localhost:3335/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": "openid email profile",
        }),
        redirect_uri: "http://localhost:17219/oauth/callback",
        query: &[("scope", "openid email profile")],
    }
}

fn copilot_studio() -> Real {
    Real {
        name: "Copilot Studio",
        metadata: json!({
            "client_name": "Copilot Studio",
            "redirect_uris": ["https://global.consent.azure-apim.net/redirect/mcp-5fdemo-5f9c21"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_post",
        }),
        redirect_uri: "https://global.consent.azure-apim.net/redirect/mcp-5fdemo-5f9c21",
        query: &[],
    }
}

/// Clients that are known by their document.
fn documented() -> Vec<Real> {
    vec![
        claude_document(),
        claude_code_document(),
        chatgpt_document(),
        vscode_document(),
        codex_document(),
        grok_document(),
    ]
}

/// `https://claude.ai/oauth/mcp-oauth-client-metadata`. It names the grant of Enterprise-Managed
/// Authorization, too.
fn claude_document() -> Real {
    Real {
        name: "Claude's document",
        metadata: json!({
            "client_name": "Claude",
            "client_uri": "https://claude.ai",
            "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
            "grant_types": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }),
        redirect_uri: "https://claude.ai/api/mcp/auth_callback",
        query: &[("scope", "mcp notes")],
    }
}

/// `https://claude.ai/oauth/claude-code-client-metadata`: loopback addresses without a port.
fn claude_code_document() -> Real {
    Real {
        name: "Claude Code's document",
        metadata: json!({
            "client_name": "Claude Code",
            "client_uri": "https://claude.ai",
            "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }),
        redirect_uri: "http://localhost:61874/callback",
        query: &[],
    }
}

/// `https://chatgpt.com/oauth/client.json`: it would rather prove who it is with a key, and says
/// that it need not.
fn chatgpt_document() -> Real {
    Real {
        name: "ChatGPT's document",
        metadata: json!({
            "client_uri": "https://chatgpt.com/",
            "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "client_name": "ChatGPT",
            "logo_uri": "https://persistent.oaistatic.com/sonic/misc/openai-logo.png",
            "token_endpoint_auth_signing_alg": "RS256",
            "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
        }),
        redirect_uri: "https://chatgpt.com/connector_platform_oauth_redirect",
        query: &[],
    }
}

/// `https://vscode.dev/oauth/client-metadata.json`.
fn vscode_document() -> Real {
    Real {
        name: "VS Code's document",
        metadata: json!({
            "client_name": "Visual Studio Code",
            "logo_uri": "https://code.visualstudio.com/assets/branding/code-stable.png",
            "grant_types": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "client_uri": "https://vscode.dev/product",
            "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
        }),
        redirect_uri: "https://vscode.dev/redirect",
        query: &[("state", "gXVXo0/iMD8WMolDHKxSTg==")],
    }
}

/// `https://chatgpt.com/oauth/codex/client.json`.
fn codex_document() -> Real {
    Real {
        name: "Codex's document",
        metadata: json!({
            "client_name": "Codex",
            "client_uri": "https://chatgpt.com/",
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }),
        redirect_uri: "http://127.0.0.1:43123/callback",
        query: &[],
    }
}

/// `https://grok.com/oauth/mcp-client.json`: the slash at the end counts.
fn grok_document() -> Real {
    Real {
        name: "Grok's document",
        metadata: json!({
            "client_name": "Grok",
            "client_uri": "https://grok.com",
            "logo_uri": "https://grok.com/icon-512x512.png",
            "redirect_uris": [
                "https://grok.com/connectors-oauth-exchange-code/",
                "https://console.x.ai/connectors-oauth-exchange-code/",
            ],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }),
        redirect_uri: "https://grok.com/connectors-oauth-exchange-code/",
        query: &[],
    }
}

/// The whole way of one client.
async fn walk(world: &World, real: &Real, client: &Client) {
    let mut request = world.request(client);
    for (name, value) in real.query {
        request = request.with(name, value);
    }
    let mut browser = world.browser().with_callback(real.redirect_uri);
    let callback = world.go(&mut browser, &request.url(), "alice").await;
    let sent = |name: &str| request.query.iter().find(|(given, _)| given == name);
    assert!(callback.as_str().starts_with(real.redirect_uri), "{}: {callback}", real.name);
    assert_eq!(query(&callback, "state"), sent("state").map(|(_, state)| state.clone()));
    assert_eq!(query(&callback, "iss").as_ref(), Some(&world.issuer), "{}", real.name);
    let code = query(&callback, "code").unwrap_or_else(|| panic!("{}: {callback}", real.name));
    let tokens = redeem(world, real, client, (&request, &code)).await;
    let found = world.introspect(&tokens.access).await;
    assert_eq!(
        (&found["active"], &found["aud"]),
        (&json!(true), &json!(RESOURCE)),
        "{}",
        real.name
    );
    assert_eq!(found["client_id"], json!(client.id), "{}", real.name);
    let refresh = tokens.refresh.unwrap_or_else(|| panic!("{} gets no refresh token", real.name));
    let form = refreshing(client, &refresh);
    let refreshed = send(world, real, client, form).await;
    assert!(world.is_active(&refreshed.access).await, "{}", real.name);
}

async fn redeem(
    world: &World,
    real: &Real,
    client: &Client,
    (request, code): (&Authorization, &str),
) -> Tokens {
    let form = with(redemption(client, request, code), "redirect_uri", real.redirect_uri);
    let resource = request.query.iter().find(|(name, _)| name == "resource");
    let form = with(form, "resource", &resource.unwrap().1);
    send(world, real, client, form).await
}

/// A token request, with the secret where the client has said that it would be.
async fn send(world: &World, real: &Real, client: &Client, form: Vec<(&str, &str)>) -> Tokens {
    if real.metadata["token_endpoint_auth_method"] != "client_secret_basic" {
        return Tokens::read(&world.token(&form).await);
    }
    let form: Vec<_> = form.into_iter().filter(|(name, _)| !name.starts_with("client_")).collect();
    let request = world.http.request(Method::POST, "/token").form(&form);
    let request = request.basic_auth(&client.id, client.secret.as_deref());
    Tokens::read(&world.http.send(request).await)
}

#[tokio::test]
async fn every_client_that_registers_gets_to_a_token_and_on() {
    let world = World::start().await;
    for real in registering() {
        let registration = world.register(&real.metadata).await.expect(201).json();
        let uris = &real.metadata["redirect_uris"];
        assert_eq!(&registration["redirect_uris"], uris, "{}", real.name);
        let has_null = registration.as_object().unwrap().values().any(Value::is_null);
        assert!(!has_null, "the schema of the TypeScript SDK refuses null: {registration}");
        let client = Client {
            id: registration["client_id"].as_str().unwrap().to_owned(),
            secret: registration["client_secret"].as_str().map(ToOwned::to_owned),
            redirect_uri: real.redirect_uri.to_owned(),
            registration,
        };
        walk(&world, &real, &client).await;
    }
}

#[tokio::test]
async fn every_client_with_a_document_gets_to_a_token_and_on() {
    let world = World::with(&[("AUTH_CIMD_ALLOW_PRIVATE", "1")]).await;
    // All at the same time: one that came after another could get its port, and be taken for it.
    let mut hosts = Vec::new();
    for real in documented() {
        let host = Host::start().await;
        let mut document = real.metadata.clone();
        document["client_id"] = json!(host.url);
        host.set(200, &document);
        let client = Client {
            id: host.url.clone(),
            secret: None,
            redirect_uri: real.redirect_uri.to_owned(),
            registration: Value::Null,
        };
        walk(&world, &real, &client).await;
        hosts.push(host);
    }
}

#[tokio::test]
async fn a_client_whose_registration_is_gone_is_told_so_in_a_way_that_it_understands() {
    let world = World::start().await;
    let client = world.app().await;
    let tokens = world.tokens(&client).await;
    world.pass(91 * 24 * 3600);
    let form = refreshing(&client, tokens.refresh.as_deref().unwrap());
    // Claude and the TypeScript SDK register anew after 401 `invalid_client`, and after nothing else.
    world.token(&form).await.expect_oauth_error(401, "invalid_client");
    let nameless = without(form, "client_id");
    world.token(&nameless).await.expect_oauth_error(401, "invalid_client");
}

//! The official Rust SDK with one tool, served as its documentation does:
//! `rmcp-peer stateless-json|stateless-sse|sessions PORT`.

use std::{env, error::Error, net::Ipv4Addr, sync::Arc};

use axum::{Router, serve::ListenerExt as _};
use rmcp::{
    ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    model::{ServerCapabilities, ServerConfig},
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::net::TcpListener;

/// A server that echoes. Its router is made once, which its documentation leaves open.
#[derive(Clone)]
struct Peer {
    tools: ToolRouter<Self>,
}

/// What it is called with.
#[derive(Deserialize, JsonSchema)]
struct Echo {
    /// What comes back
    message: String,
}

#[tool_router]
impl Peer {
    /// Echoes back the input
    #[tool]
    fn echo(&self, Parameters(Echo { message }): Parameters<Echo>) -> String {
        format!("Echo: {message}")
    }
}

#[tool_handler(router = self.tools)]
impl ServerHandler for Peer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [mode, port] = words.as_slice() else {
        return Err("usage: rmcp-peer stateless-json|stateless-sse|sessions PORT".into());
    };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(mode == "sessions")
        .with_json_response(mode == "stateless-json");
    let sessions = Arc::new(LocalSessionManager::default());
    let peer = Peer { tools: Peer::tool_router() };
    let service = StreamableHttpService::new(move || Ok(peer.clone()), sessions, config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?;
    // As the bare handler does: an answer does not wait for the next one.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    Ok(axum::serve(listener, Router::new().nest_service("/mcp", service)).await?)
}

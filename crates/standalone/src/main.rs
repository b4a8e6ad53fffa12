//! Both servers in one process, state in memory: what plain `cargo run` starts.
//!
//! The same two servers as when they run apart, meeting over HTTP as they always do. What they
//! share here is a store, a stop, and a secret made up at the start.

use std::{error::Error, io::Write as _, net::SocketAddr, process::ExitCode, time::Duration};

use ambient::{Clock, Entropy, Env};
use auth_server::AuthServer;
use chassis::{Lifecycle, Limits, serve, telemetry};
use mcp_core::Features;
use mcp_server::{Server, features, run};

/// How long a stop waits for what is in progress.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    chassis::exit_code(both().await)
}

async fn both() -> Result<(), Box<dyn Error + Send + Sync>> {
    let entropy = Entropy::system();
    let env = Env::process()?.with("MCP_AUTH_CLIENT_SECRET", &entropy.hex::<32>());
    let (auth, mcp) =
        match (auth_server::Config::from_env(&env).0, mcp_server::Config::from_env(&env).0) {
            (Ok(auth), Ok(mcp)) => (auth, mcp),
            (Err(mut wrong), Err(more)) => {
                wrong.0.extend(
                    more.0
                        .into_iter()
                        .filter(|mistake| !wrong.0.contains(mistake))
                        .collect::<Vec<_>>(),
                );
                return Err(wrong.into());
            }
            (Err(wrong), Ok(_)) | (Ok(_), Err(wrong)) => return Err(wrong.into()),
        };
    telemetry::init(mcp.log_format, &mcp.log_filter)?;
    let clock = Clock::system();
    let lifecycle = Lifecycle::new(clock.clone(), GRACE);
    let store = run::open_store(&mcp, &clock).await?;
    let auth_listener = run::listen(SocketAddr::new(auth.host, auth.port)).await?;
    let mcp_listener = run::listen(SocketAddr::new(mcp.host, mcp.port)).await?;
    welcome(&auth, &mcp, store.is_shared())?;

    let auth_parts = auth_server::Parts {
        clock: clock.clone(),
        entropy: entropy.clone(),
        store: store.clone(),
        lifecycle: lifecycle.clone(),
    };
    let auth = AuthServer::new(auth, auth_parts)?;
    let offered = Features::new(features::server(), features::catalog(), features::App::default());
    let mcp_parts =
        mcp_server::Parts { clock, entropy, store: store.clone(), lifecycle: lifecycle.clone() };
    let mcp = Server::new(mcp, offered, mcp_parts)?;

    let limits = Limits::default;
    let signals = async {
        lifecycle.on_signal().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = async {
            tokio::try_join!(
                serve(auth_listener, auth.router(), limits(), &lifecycle),
                serve(mcp_listener, mcp.router(), limits(), &lifecycle),
            )
        } => drop(served?),
        () = signals => {}
    }
    store.close().await;
    Ok(())
}

/// Says what runs where, what to do next, and what is lost on restart.
fn welcome(
    auth: &auth_server::Config,
    mcp: &mcp_server::Config,
    shared: bool,
) -> std::io::Result<()> {
    let state = if shared {
        "in Redis; sessions, clients and tokens outlive this process"
    } else {
        "in memory; a restart ends every session and forgets every client and token"
    };
    writeln!(
        std::io::stdout().lock(),
        "\n  MCP server            {base}\n  authorization server  {issuer}\n\n  \
         Paste into an MCP client:  {endpoint}\n  \
         Log in as alice, bob or carol with the password the login page shows.\n\n  \
         State is {state}.\n  Stop with Ctrl-C.\n",
        base = mcp.base,
        issuer = auth.issuer,
        endpoint = mcp.resource(),
    )
}

//! Both servers in one process, state in memory: what plain `cargo run` starts.
//!
//! The same two servers as when they run apart, meeting over HTTP as they always do. What they
//! share here is a store and a stop.

mod command;
mod settings;

use std::{error::Error, io::Write as _, net::SocketAddr, process::ExitCode};

use ambient::{Clock, Entropy, Env, Mistakes};
use auth_server::AuthServer;
use chassis::{
    Limits, serve,
    telemetry::{Service, Telemetry},
};
use mcp_server::{AuthConfig, Server, features, run};

/// Who it is, in telemetry.
const SERVICE: Service = Service { name: "standalone", version: env!("CARGO_PKG_VERSION") };

/// Gives the memory of what has ended back to the system (decision 0032).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    command::obey();
    chassis::exit_code(both().await)
}

async fn both() -> Result<(), Box<dyn Error + Send + Sync>> {
    let entropy = Entropy::system();
    let env = Env::process()?;
    let offered = features::offered(&env).0;
    let ((auth, mcp), offered) = Mistakes::of_both(settings::of_both(env, &entropy), offered)?;
    mcp.suits(&offered)?;
    let telemetry = Telemetry::new(SERVICE, &mcp.telemetry, &entropy)?;
    telemetry.install(mcp.log_format, &mcp.log_filter)?;
    let clock = Clock::system();
    let lifecycle = mcp.shutdown.lifecycle(clock.clone());
    telemetry.offer_metrics(mcp.telemetry.metrics, &lifecycle).await?;
    let signals = lifecycle.clone();
    lifecycle.spawn(async move { signals.on_signal().await });
    let opened = lifecycle.unless_stopping(run::open_store(&mcp, &clock, &telemetry)).await;
    let Some(store) = opened.transpose()? else {
        telemetry.shut_down().await;
        return Ok(());
    };
    let auth_listener =
        chassis::listen(SocketAddr::new(auth.host, auth.port), "AUTH_SERVER_PORT").await?;
    let mcp_listener = chassis::listen(SocketAddr::new(mcp.host, mcp.port), "PORT").await?;
    welcome(&auth, &mcp, store.is_shared())?;

    let auth_parts = auth_server::Parts {
        clock: clock.clone(),
        entropy: entropy.clone(),
        store: store.clone(),
        lifecycle: lifecycle.clone(),
    };
    let auth = AuthServer::observed(auth, auth_parts, telemetry.clone())?;
    let mcp_parts =
        mcp_server::Parts { clock, entropy, store: store.clone(), lifecycle: lifecycle.clone() };
    let limits = mcp.limits();
    let mcp = Server::observed(mcp, offered, mcp_parts, telemetry.clone())?;

    tokio::try_join!(
        serve(auth_listener, mcp.showing(auth.router()), Limits::default(), &lifecycle),
        serve(mcp_listener, mcp.app(), limits, &lifecycle),
    )?;
    // Calls that go on without their clients get what is left of the grace.
    lifecycle.finished().await;
    store.close().await;
    telemetry.shut_down().await;
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
        "in memory; a restart ends every session and forgets every login and token"
    };
    let login = match (&mcp.auth, auth.upstreams.mock) {
        (AuthConfig::Off, _) => "Nobody needs to log in: MCP_AUTH=none.",
        (AuthConfig::Required(_), true) => {
            "Log in as alice, bob or carol with the password the login page shows."
        }
        (AuthConfig::Required(_), false) => "People log in at the providers of AUTH_UPSTREAMS.",
    };
    writeln!(
        std::io::stdout().lock(),
        "\n  MCP server            {base}\n  authorization server  {issuer}\n\n  \
         Paste into an MCP client:  {endpoint}\n  \
         Or look around:            {base} in a browser{playground}{flow}\n  \
         {login}\n\n  \
         State is {state}.\n  Stop with Ctrl-C.\n",
        base = mcp.base,
        issuer = auth.issuer,
        endpoint = mcp.resource(),
        playground = if mcp.pages.playground { ", /playground to call" } else { "" },
        flow = if mcp.pages.flow { ", /flow to watch" } else { "" },
    )
}

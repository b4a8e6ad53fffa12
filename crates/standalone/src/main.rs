//! Both servers in one process, state in memory: what plain `cargo run` starts.
//!
//! The same two servers as when they run apart, meeting over HTTP as they always do. What they
//! share here is a store, a stop, and a secret made up at the start.

use std::{error::Error, io::Write as _, net::SocketAddr, process::ExitCode};

use ambient::{Clock, Entropy, Env, Mistakes};
use auth_server::AuthServer;
use chassis::{
    Lifecycle, Limits, serve,
    telemetry::{Service, Telemetry},
};
use mcp_server::{Server, features, run};

/// Who it is, in telemetry.
const SERVICE: Service = Service { name: "standalone", version: env!("CARGO_PKG_VERSION") };

/// Gives the memory of what has ended back to the system (decision 0032).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    chassis::exit_code(both().await)
}

async fn both() -> Result<(), Box<dyn Error + Send + Sync>> {
    let entropy = Entropy::system();
    let env = Env::process()?;
    let offered = features::offered(&env).0;
    let ((auth, mcp), offered) = Mistakes::of_both(settings(env, &entropy), offered)?;
    let telemetry = Telemetry::new(SERVICE, &mcp.telemetry, &entropy)?;
    telemetry.install(mcp.log_format, &mcp.log_filter)?;
    let clock = Clock::system();
    let lifecycle = Lifecycle::new(clock.clone(), mcp.shutdown.timeout);
    telemetry.offer_metrics(mcp.telemetry.metrics, &lifecycle).await?;
    let store = run::open_store(&mcp, &clock, &telemetry).await?;
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
    let mcp = Server::observed(mcp, offered, mcp_parts, telemetry.clone())?;

    let signals = lifecycle.clone();
    lifecycle.spawn(async move { signals.on_signal().await });
    tokio::try_join!(
        serve(auth_listener, mcp.showing(auth.router()), Limits::default(), &lifecycle),
        serve(mcp_listener, mcp.app(), Limits::default(), &lifecycle),
    )?;
    // Calls that go on without their clients get what is left of the grace.
    lifecycle.finished().await;
    store.close().await;
    telemetry.shut_down().await;
    Ok(())
}

/// What both servers are told. Each is told where the other is, whatever ports were chosen, and the
/// secret between them is made up.
fn settings(
    env: Env,
    entropy: &Entropy,
) -> Result<(auth_server::Config, mcp_server::Config), Mistakes> {
    let env = env.with("MCP_AUTH_CLIENT_SECRET", &entropy.hex::<32>());
    let env = match mcp_server::Config::from_env(&env).0 {
        Ok(mcp) => shown(env, &mcp).with("BASE_URI", mcp.base.as_str()),
        Err(_) => env,
    };
    let auth = auth_server::Config::from_env(&env).0;
    let env = match &auth {
        Ok(auth) => env.with("AUTH_SERVER_URL", &auth.issuer),
        Err(_) => env,
    };
    Mistakes::of_both(auth, mcp_server::Config::from_env(&env).0)
}

/// Who runs this develops: messages are shown on their way, unless others reach it or a setting says
/// otherwise.
fn shown(env: Env, mcp: &mcp_server::Config) -> Env {
    let chosen = env.read(|read| read.setting("MCP_FLOW", "").optional::<String>()).0;
    let is_private = mcp.host.is_loopback() && mcp.base.is_loopback();
    if is_private && chosen == Ok(None) { env.with("MCP_FLOW", "1") } else { env }
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
    writeln!(
        std::io::stdout().lock(),
        "\n  MCP server            {base}\n  authorization server  {issuer}\n\n  \
         Paste into an MCP client:  {endpoint}\n  \
         Or look around:            {base} in a browser, {base}/playground to call{flow}\n  \
         Log in as alice, bob or carol with the password the login page shows.\n\n  \
         State is {state}.\n  Stop with Ctrl-C.\n",
        base = mcp.base,
        issuer = auth.issuer,
        endpoint = mcp.resource(),
        flow = if mcp.pages.flow { ", /flow to watch" } else { "" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_ports_are_told_to_the_other_server() {
        let env = Env::from([("PORT", "4000"), ("AUTH_SERVER_PORT", "4001")]);
        let (auth, mcp) = settings(env, &Entropy::seeded(1)).unwrap();
        assert_eq!(mcp.resource(), "http://localhost:4000/mcp");
        assert_eq!(auth.mcp_base, "http://localhost:4000");
        assert_eq!(auth.issuer, "http://localhost:4001");
        let mcp_server::AuthConfig::Required(checked) = mcp.auth else { panic!("it is checked") };
        assert_eq!(checked.issuer, "http://localhost:4001");
    }

    #[test]
    fn what_is_wrong_for_both_is_told_once() {
        let env = Env::from([("HOST", "x"), ("PORT", "x"), ("AUTH_SERVER_PORT", "x")]);
        let Mistakes(wrong) = settings(env, &Entropy::seeded(1)).unwrap_err();
        let names: Vec<_> = wrong.iter().map(|mistake| mistake.setting.as_str()).collect();
        assert_eq!(names, ["HOST", "AUTH_SERVER_PORT", "PORT"]);
    }
}

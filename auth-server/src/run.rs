//! From settings to a server that listens: what the program does.

use std::{io, net::SocketAddr};

use ambient::{Clock, Entropy, Env, Mistakes};
use chassis::{
    Limits, ListenError,
    telemetry::{self, DbMetrics, Service, Telemetry},
};
use store::{Observer, Store, StoreError};
use tokio::net::TcpListener;

use crate::{AuthServer, Config, Parts, StartError};

/// Who it is, in telemetry.
pub const SERVICE: Service = Service { name: "auth-server", version: env!("CARGO_PKG_VERSION") };

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] Mistakes),
    /// Logs, metrics or traces could not be started.
    #[error(transparent)]
    Telemetry(#[from] telemetry::TelemetryError),
    /// The store could not be reached.
    #[error("the store of REDIS_URL cannot be used")]
    Store(#[from] StoreError),
    /// The server could not be made.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The address could not be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Serving has failed.
    #[error("serving has failed")]
    Serve(#[source] io::Error),
}

/// Reads the settings, serves, and ends when a signal says so.
pub async fn serve(env: &Env) -> Result<(), RunError> {
    let config = Config::from_env(env).0?;
    let entropy = Entropy::system();
    let telemetry = Telemetry::new(SERVICE, &config.telemetry, &entropy)?;
    telemetry.install(config.log_format, &config.log_filter)?;
    let clock = Clock::system();
    let lifecycle = config.shutdown.lifecycle(clock.clone());
    telemetry.offer_metrics(config.telemetry.metrics, &lifecycle).await?;
    let signals = lifecycle.clone();
    lifecycle.spawn(async move { signals.on_signal().await });
    let opened = lifecycle.unless_stopping(open_store(&config, &clock, &telemetry)).await;
    let Some(store) = opened.transpose()? else {
        telemetry.shut_down().await;
        return Ok(());
    };
    let address = SocketAddr::new(config.host, config.port);
    let listener = chassis::listen(address, "AUTH_SERVER_PORT").await?;
    let parts = Parts { clock, entropy, store: store.clone(), lifecycle: lifecycle.clone() };
    let server = AuthServer::observed(config, parts, telemetry.clone())?;
    announce(&server, &listener);
    let ended = chassis::serve(listener, server.app(), Limits::default(), &lifecycle).await;
    ended.map_err(RunError::Serve)?;
    lifecycle.stop();
    lifecycle.finished().await;
    store.close().await;
    telemetry.shut_down().await;
    Ok(())
}

/// The store that the settings name, its commands measured. A Redis that is not there yet is waited
/// for a while.
async fn open_store(
    config: &Config,
    clock: &Clock,
    telemetry: &Telemetry,
) -> Result<Store, StoreError> {
    let redis = config.redis.clone().map(|options| options.observed(observer(telemetry)));
    Store::open(redis.as_ref(), clock).await
}

/// What measures the commands of the store, if anything is measured.
fn observer(telemetry: &Telemetry) -> Option<Observer> {
    let measured = DbMetrics::new(telemetry.metrics()?);
    Some(Observer::new(move |ran| measured.ran(ran.command, ran.took, ran.failure)))
}

/// Says what runs where and what is lost on restart.
fn announce(server: &AuthServer, listener: &TcpListener) {
    let address = listener.local_addr().map_or_else(|_| "?".to_owned(), |a| a.to_string());
    tracing::info!(%address, "auth-server listens");
    tracing::info!("issuer, to set as AUTH_SERVER_URL of the MCP server: {}", server.issuer());
    tracing::info!("tokens are for {}", server.resources().default_audience());
    for upstream in server.upstreams().iter().filter(|upstream| !upstream.is_mock()) {
        let redirect_uri = upstream.redirect_uri();
        tracing::info!(upstream = upstream.name(), redirect_uri, "people can log in there");
    }
    if server.idp().is_some() {
        tracing::warn!("the mock login is on: its passwords are public");
    }
    if server.config().resource_server.is_development {
        tracing::warn!(
            "MCP_AUTH_CLIENT_SECRET is not set: the MCP server asks about tokens with the \
             development secret, which everybody knows"
        );
    }
    if server.config().clients.has_clear_secrets {
        tracing::warn!(
            "AUTH_CLIENTS_FILE has secrets in clear; write client_secret_sha256 instead"
        );
    }
    if server.store().is_shared() && server.config().signing_keys.is_development() {
        tracing::warn!(
            "AUTH_SECRET is not set: the signing keys and what is known of users are open to \
             everybody who reads Redis"
        );
    }
    if server.config().documents.allow_private {
        tracing::warn!("AUTH_CIMD_ALLOW_PRIVATE is on: client documents are read from anywhere");
    }
    if server.issuer().is_https() && server.guard().proxies().is_empty() {
        tracing::warn!(
            "AUTH_TRUSTED_PROXIES is not set: what ends TLS for this server is taken for its only \
             client, and limits per address count all the world as one"
        );
    }
    if server.store().is_shared() {
        tracing::info!("state is in Redis: clients and tokens outlive this process");
    } else {
        tracing::warn!(
            "state is in memory: a restart forgets every login and token, and a second instance \
             would know nothing of this one's; set REDIS_URL to keep and share them"
        );
    }
}

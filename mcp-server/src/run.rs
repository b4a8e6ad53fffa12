//! From settings to a server that listens: what the program does, and what a fork's program does.

use std::{io, net::SocketAddr};

use ambient::{Clock, Entropy, Env, Mistakes};
use chassis::{
    Lifecycle, ListenError,
    telemetry::{self, DbMetrics, Service, Telemetry},
};
use mcp_core::Features;
use store::{Observer, Store, StoreError};
use tokio::{io::BufReader, net::TcpListener};

use crate::{AuthConfig, Config, Parts, Server, StartError, UnusableAuthServer};

/// Who it is, in telemetry.
pub const SERVICE: Service = Service { name: "mcp-server", version: env!("CARGO_PKG_VERSION") };

/// Why a server could not start.
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
    /// The authorization server cannot be used with these settings.
    #[error(transparent)]
    Unusable(#[from] UnusableAuthServer),
    /// The address could not be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Serving has failed.
    #[error("serving has failed")]
    Serve(#[source] io::Error),
}

/// Reads the settings of this process, serves `features`, and ends when a signal says so.
pub async fn serve(features: Features) -> Result<(), RunError> {
    serve_chosen(|_| Ok(features)).await
}

/// Like [`serve`], with features that depend on settings.
pub async fn serve_chosen(
    offered: impl FnOnce(&Env) -> Result<Features, Mistakes>,
) -> Result<(), RunError> {
    let env = Env::process()?;
    let (config, features) = Mistakes::of_both(Config::from_env(&env).0, offered(&env))?;
    config.suits(&features)?;
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
    let parts = Parts { clock, entropy, store: store.clone(), lifecycle };
    let listener = chassis::listen(SocketAddr::new(config.host, config.port), "PORT").await?;
    let limits = config.limits();
    let server = Server::observed(config, features, parts.clone(), telemetry.clone())?;
    announce(&server, &listener);
    let lifecycle = parts.lifecycle;
    tokio::select! {
        ended = chassis::serve(listener, server.app(), limits, &lifecycle) => {
            ended.map_err(RunError::Serve)?;
        }
        unusable = server.unusable() => return Err(unusable.into()),
    }
    // Calls that go on without their clients get what is left of the grace.
    lifecycle.finished().await;
    store.close().await;
    telemetry.shut_down().await;
    Ok(())
}

/// Reads the settings of this process and serves `features` to whoever started it, over its standard
/// streams, until the input ends or a signal says so. Logs go to standard error.
pub async fn serve_stdio(
    offered: impl FnOnce(&Env) -> Result<Features, Mistakes>,
) -> Result<(), RunError> {
    let env = Env::process()?;
    let (mut config, features) = Mistakes::of_both(Config::from_env(&env).0, offered(&env))?;
    let entropy = Entropy::system();
    let telemetry = Telemetry::new(SERVICE, &config.telemetry, &entropy)?;
    telemetry.install(config.log_format, &config.log_filter)?;
    // Whoever started the process may use it; credentials come from its environment.
    config.auth = AuthConfig::Off;
    let clock = Clock::system();
    let lifecycle = Lifecycle::new(clock.clone(), config.shutdown.timeout);
    telemetry.offer_metrics(config.telemetry.metrics.if_chosen(), &lifecycle).await?;
    let store = open_store(&config, &clock, &telemetry).await?;
    let parts = Parts { clock, entropy, store: store.clone(), lifecycle: lifecycle.clone() };
    let server = Server::observed(config, features, parts, telemetry.clone())?;
    let signals = lifecycle.clone();
    lifecycle.spawn(async move { signals.on_signal().await });
    let input = BufReader::new(tokio::io::stdin());
    let ended = server.serve_lines(input, tokio::io::stdout()).await;
    lifecycle.abort();
    lifecycle.finished().await;
    store.close().await;
    telemetry.shut_down().await;
    ended.map_err(RunError::Serve)
}

/// The store that the settings name, its commands measured. A Redis that is not there yet is waited
/// for a while.
pub async fn open_store(
    config: &Config,
    clock: &Clock,
    telemetry: &Telemetry,
) -> Result<Store, StoreError> {
    let redis = config.redis.clone().map(|options| options.observed(observer(telemetry)));
    Store::open(redis.as_ref(), clock).await
}

/// What measures the commands of a store, if anything is measured.
#[must_use]
pub fn observer(telemetry: &Telemetry) -> Option<Observer> {
    let measured = DbMetrics::new(telemetry.metrics()?);
    Some(Observer::new(move |ran| measured.ran(ran.command, ran.took, ran.failure)))
}

/// Says what runs where and what to do next.
pub fn announce(server: &Server, listener: &TcpListener) {
    let config = server.config();
    let address = listener.local_addr().map_or_else(|_| "?".to_owned(), |a| a.to_string());
    tracing::info!(%address, "mcp-server listens");
    tracing::info!("MCP endpoint, to paste into a client: {}", config.resource());
    match &config.auth {
        AuthConfig::Off => tracing::warn!("authorization is off: everybody may do everything"),
        AuthConfig::Required(auth) => tracing::info!("tokens are issued by {}", auth.issuer),
    }
    if server.store().is_shared() {
        tracing::info!("state is in Redis: sessions outlive this process");
        if config.state_key.is_none() {
            tracing::warn!(
                "MCP_STATE_KEY is not set: a call that waits for its client can only go on here"
            );
        }
    } else {
        tracing::warn!(
            "state is in memory: a restart ends every session; set REDIS_URL to keep them"
        );
    }
}

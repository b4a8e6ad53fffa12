//! An HTTP service minus its purpose: life cycle, accept loop, layers, logs, health.
//!
//! A server is a router; everything around it is here and is the same for all of them:
//!
//! ```no_run
//! use std::time::Duration;
//! use ambient::{Clock, Entropy};
//! use chassis::{Dress, Health, Lifecycle, Limits, dress, serve};
//!
//! # async fn run() -> std::io::Result<()> {
//! let clock = Clock::system();
//! let lifecycle = Lifecycle::new(clock.clone(), Duration::from_secs(25));
//! let signals = lifecycle.clone();
//! lifecycle.spawn(async move { signals.on_signal().await });
//!
//! let router = axum::Router::new().merge(Health::new(&lifecycle).router());
//! let router = dress(router, Dress::new(clock, Entropy::system()));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3232").await?;
//! serve(listener, router, Limits::default(), &lifecycle).await?;
//! lifecycle.stop();
//! lifecycle.finished().await;
//! # Ok(())
//! # }
//! ```

mod access_log;
mod app;
mod around;
pub mod client;
mod connection;
mod exit;
mod fault;
pub mod faults;
pub mod findings;
mod headers;
pub mod health;
mod healthcheck;
mod held;
mod lasting;
mod layers;
mod lifecycle;
mod listen;
mod loopback;
#[cfg(unix)]
mod open_files;
mod preface;
mod pulse;
pub mod reach;
mod request_body;
mod request_id;
mod serve;
mod shutdown;
mod size;
pub mod telemetry;
mod version;

pub use access_log::{Requester, address};
pub use app::App;
pub use around::{Answered, Around, AroundLayer, AroundService, Begun, Both, Serve};
pub use exit::{exit_code, exit_code_of};
pub use fault::Fault;
pub use health::Health;
pub use healthcheck::{Unwell, healthcheck};
pub use held::{HeldConnection, NoAnswer};
pub use lasting::Lasting;
pub use layers::{Dress, dress};
pub use lifecycle::Lifecycle;
pub use listen::{ListenError, listen};
pub use loopback::names_this_machine;
#[cfg(unix)]
pub use open_files::most_open_files;
/// There is no such limit here.
#[cfg(not(unix))]
#[must_use]
pub const fn most_open_files() -> Option<u64> {
    None
}
pub use request_id::RequestId;
pub use serve::{Limits, serve};
pub use shutdown::Shutdown;
pub use version::version;

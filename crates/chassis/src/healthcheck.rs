//! Asks a server of this machine how it is: what a container runs, whose image has no other client.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use crate::client::{Timeouts, http_client, read_capped};

/// How long the server may take.
const PATIENCE: Timeouts =
    Timeouts { connect: Duration::from_millis(500), total: Duration::from_secs(2) };

/// The most that is shown of an answer, in bytes.
const MOST: usize = 4 * 1024;

/// Why a server is not well.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// Nobody answers.
    #[error("{url} does not answer")]
    Silent {
        /// What was asked for.
        url: String,
        /// Why there is no answer.
        source: reqwest::Error,
    },
    /// It says itself that it is not.
    #[error("{url} answers {status}: {body}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The status of the answer.
        status: u16,
        /// What it says.
        body: String,
    },
}

/// Asks the server that listens at `host`, which may stand for all addresses, and `port`: whether it
/// should be sent requests (`/readyz`), or only whether it is alive (`/livez`).
///
/// # Errors
/// [`Unwell`], when it is not.
pub async fn healthcheck(host: IpAddr, port: u16, only_alive: bool) -> Result<(), Unwell> {
    let host = match host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    let path = if only_alive { "/livez" } else { "/readyz" };
    let url = format!("http://{}{path}", SocketAddr::new(host, port));
    let asked = async { http_client("healthcheck", PATIENCE)?.get(&url).send().await };
    let answer = match asked.await {
        Ok(answer) => answer,
        Err(source) => return Err(Unwell::Silent { url, source: source.without_url() }),
    };
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let body = read_capped(answer, MOST).await.unwrap_or_default();
    let body = String::from_utf8_lossy(&body).into_owned();
    Err(Unwell::Refused { url, status: status.as_u16(), body })
}

//! An address to serve on, and which setting to change when it cannot be had.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

/// An address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}; set HOST and {setting} to an address that is free")]
pub struct ListenError {
    address: SocketAddr,
    setting: &'static str,
    source: io::Error,
}

/// Listens on an address; `setting` is what names its port.
///
/// # Errors
/// When the address is taken or is none of this machine's.
pub async fn listen(
    address: SocketAddr,
    setting: &'static str,
) -> Result<TcpListener, ListenError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ListenError { address, setting, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_taken_is_told_with_the_setting_to_change() {
        let first = listen(([127, 0, 0, 1], 0).into(), "PORT").await.unwrap();
        let address = first.local_addr().unwrap();
        let wrong = listen(address, "PORT").await.unwrap_err().to_string();
        let told =
            format!("cannot listen on {address}; set HOST and PORT to an address that is free");
        assert_eq!(wrong, told);
    }
}

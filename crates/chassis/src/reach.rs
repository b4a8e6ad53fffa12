//! Where a server may connect on behalf of strangers: from a name to addresses that may be connected to. The check and the connection use one answer
//! of the name service, so a name cannot point elsewhere in between (DNS rebinding).

mod address;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use self::address::is_global;

/// Looks a name up.
pub type Lookup = Arc<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync,
>;

/// The name service of the machine.
#[must_use]
pub fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Where connections may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the public Internet.
    Internet,
    /// Anywhere: for development.
    Anywhere,
}

impl Reach {
    /// Whether a connection may go to this address.
    #[must_use]
    pub fn includes(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_global(address)
    }
}

/// A name has an address that may not be connected to, or has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name leads to an address that is not on the public Internet")]
pub struct OutOfReach;

/// Answers with the addresses of a name, if all of them are within reach.
pub struct Guard {
    /// The name service.
    pub lookup: Lookup,
    /// Where connections may go.
    pub reach: Reach,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, reach) = ((self.lookup)(name.as_str().to_owned()), self.reach);
        Box::pin(async move {
            let found = found.await?;
            // One bad address condemns the name: whoever mixes them is up to something.
            if !found.iter().all(|address| reach.includes(*address)) {
                return Err(OutOfReach.into());
            }
            // Port 0 is that of the URL.
            let addresses: Addrs =
                Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A name service whose answers follow each other; the last stays.
    fn answers(answers: &[&[&str]]) -> Lookup {
        let parse = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let answers: Vec<Vec<IpAddr>> = answers.iter().map(parse).collect();
        let asked = AtomicUsize::new(0);
        Arc::new(move |_| {
            let count = asked.fetch_add(1, Ordering::SeqCst);
            let answer = answers[count.min(answers.len() - 1)].clone();
            Box::pin(async move { Ok(answer) })
        })
    }

    async fn resolve(guard: &Guard) -> Result<Vec<String>, String> {
        let found = guard.resolve("a.example".parse().unwrap()).await;
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_is_checked_each_time() {
        let lookup = answers(&[&["93.184.216.34"], &["127.0.0.1"], &["2606:4700::1111"]]);
        let guard = Guard { lookup, reach: Reach::Internet };
        assert_eq!(resolve(&guard).await.unwrap(), ["93.184.216.34"]);
        assert_eq!(resolve(&guard).await, Err(OutOfReach.to_string()));
        assert_eq!(resolve(&guard).await.unwrap(), ["2606:4700::1111"]);
    }

    #[tokio::test]
    async fn one_private_address_condemns_a_name() {
        let lookup = answers(&[&["93.184.216.34", "::ffff:10.0.0.1"]]);
        let guard = Guard { lookup: Arc::clone(&lookup), reach: Reach::Internet };
        assert!(resolve(&guard).await.is_err());
        assert!(resolve(&Guard { lookup, reach: Reach::Anywhere }).await.is_ok());
    }
}

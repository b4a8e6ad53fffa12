//! Hosts that may be spoken to without encryption although nothing says that they are near: a provider
//! in a compose network or a cluster, where certificates are somebody else's matter (decision 0050).

use std::{fmt, str::FromStr};

use ambient::Reader;
use url::{Host, Url};

/// The setting that names them.
pub(super) const NAME: &str = "MCP_AUTH_PLAIN_HTTP_HOSTS";

/// Hosts, each by its whole name or address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainHosts(Vec<String>);

pub(super) fn read(read: &mut Reader<'_>) -> PlainHosts {
    read.setting(
        NAME,
        "Hosts of the authorization server that may be spoken to over http, by name, between commas: \
         everybody on the way reads tokens and secrets there, and can forge keys.",
    )
    .or(PlainHosts::default())
}

impl PlainHosts {
    /// Whether this host is named.
    pub(crate) fn name(&self, host: &str) -> bool {
        self.0.iter().any(|named| named == host)
    }

    /// Whether what is said to this URL travels open because its host is named.
    pub(crate) fn open(&self, url: &Url) -> bool {
        url.scheme() == "http" && url.host_str().is_some_and(|host| self.name(host))
    }
}

impl fmt::Display for PlainHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl FromStr for PlainHosts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(host).collect::<Result<_, _>>().map(Self)
    }
}

/// One host, written as URLs have it.
fn host(word: &str) -> Result<String, &'static str> {
    if word.contains('*') {
        return Err(
            "it has a wildcard; name each host: who may choose a name under it would be sent \
                    tokens and secrets in the open",
        );
    }
    let host = Host::parse(word).map_err(|_| {
        "it is not hosts between commas, without scheme, port and path, such as keycloak.internal"
    })?;
    Ok(host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_one_by_one() {
        let hosts: PlainHosts = "Keycloak.Internal, [fd00::1],10.0.0.7".parse().unwrap();
        assert_eq!(hosts.to_string(), "keycloak.internal,[fd00::1],10.0.0.7");
        let open = |url: &str| hosts.open(&Url::parse(url).unwrap());
        assert!(open("http://keycloak.internal:8080/realms/r") && open("http://[fd00:0::1]/"));
        for other in [
            "https://keycloak.internal/",
            "http://keycloak.internal.evil.example/",
            "http://evil.keycloak.internal/",
            "http://keycloak.internal@evil.example/",
            "http://10.0.0.70/",
        ] {
            assert!(!open(other), "{other}");
        }
    }

    #[test]
    fn wildcards_and_what_is_more_than_a_host_are_refused() {
        for text in ["*", "*.internal", "a,*", "http://a", "a:8080", "a/b", "a b", "u@a", "::1"] {
            assert!(text.parse::<PlainHosts>().is_err(), "{text}");
        }
        assert_eq!("".parse(), Ok(PlainHosts::default()));
    }
}

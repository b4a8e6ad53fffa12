//! Names of hosts that an operator allows, as the URLs that are held against them have them.

use std::{fmt, str::FromStr};

use ambient::values::List;
use url::Host;

/// A comma-separated list of them, in small letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostNames(pub(super) Vec<String>);

impl fmt::Display for HostNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl FromStr for HostNames {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, NoHost> {
        let Ok(List(words)) = text.parse();
        words.into_iter().map(host).collect::<Result<_, _>>().map(Self)
    }
}

/// What no URL has as its host, so that it would never be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host name; write it as example.com, without scheme, port, path and wildcard")]
pub(super) struct NoHost(String);

fn host(word: String) -> Result<String, NoHost> {
    let parsed = Host::parse(&word).ok().filter(|_| !word.starts_with('.') && !word.contains('*'));
    match parsed {
        Some(host) => Ok(host.to_string()),
        None => Err(NoHost(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_urls_have_it() {
        let names: HostNames = "Example.COM, bücher.example,[::0001],127.1".parse().unwrap();
        assert_eq!(names.0, ["example.com", "xn--bcher-kva.example", "[::1]", "127.0.0.1"]);
    }
}

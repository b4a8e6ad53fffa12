//! Host names and web origins as they must be written to be recognised in a request.

use std::{fmt, str::FromStr};

use ambient::values::List;
use url::{Host, Url};

/// Host names without scheme and port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hosts(pub(super) Vec<String>);

/// Web origins: scheme, host, and the port if it is not the usual one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origins(pub(super) Vec<String>);

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl FromStr for Hosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Ok(List(words)) = text.parse();
        words.into_iter().map(host).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Ok(List(words)) = text.parse();
        words.into_iter().map(origin).collect::<Result<_, _>>().map(Self)
    }
}

/// No `Host` names a scheme or a path, and the port is not looked at.
fn host(word: String) -> Result<String, String> {
    let is_address = word.starts_with('[');
    let is_name = !word.contains(['/', '*']) && (is_address || !word.contains(':'));
    if is_name && Host::parse(&word).is_ok() {
        return Ok(word);
    }
    Err(format!("`{word}` is no host name; write it as mcp.example.com, without scheme and port"))
}

/// What a browser would send. `null` is the origin of pages that have none.
fn origin(word: String) -> Result<String, String> {
    const FORM: &str = "as https://app.example, with the scheme and without a slash at the end";
    if word == "null" {
        return Ok(word);
    }
    let wrong = || format!("`{word}` is no origin; write it {FORM}");
    let (_, rest) = word.split_once("://").ok_or_else(wrong)?;
    let url = Url::parse(&word).map_err(|_| wrong())?;
    if rest.is_empty() || rest.contains(['/', '?', '#', '@', '*']) {
        return Err(wrong());
    }
    let sent = url.origin();
    // Those of extensions and programs are compared as they are.
    if sent.is_tuple() && sent.ascii_serialization() != word.to_ascii_lowercase() {
        let sent = sent.ascii_serialization();
        return Err(format!("`{word}` is never sent like that; write it as {sent}"));
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_neither_scheme_nor_port() {
        for good in ["mcp.example.com", "Inner, other.example", "10.0.0.1", "[2001:db8::1]", ""] {
            assert!(good.parse::<Hosts>().is_ok(), "{good}");
        }
        for wrong in ["https://mcp.example", "mcp.example:443", "a.example/", "*.example", "a b"] {
            let told = wrong.parse::<Hosts>().unwrap_err();
            assert!(told.contains("without scheme and port"), "{told}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in ["https://a.example", "http://A.example:8080", "vscode-webview://x", "null", ""]
        {
            assert!(good.parse::<Origins>().is_ok(), "{good}");
        }
        for wrong in ["a.example", "https://a.example/", "https://a.example/app", "https://", "*"] {
            let told = wrong.parse::<Origins>().unwrap_err();
            assert!(told.contains("with the scheme"), "{told}");
        }
        let told = "https://a.example:443".parse::<Origins>().unwrap_err();
        assert!(told.contains("write it as https://a.example"), "{told}");
    }
}

//! The resources that tokens can be for (RFC 8707), and the names clients know them by.

use url::Url;

/// The known resources. For now there is one: the MCP server, whose endpoint names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    /// The audience of every token: the URL of the endpoint.
    canonical: String,
    /// What clients call it, without a slash at the end.
    names: [String; 3],
}

impl Resources {
    /// The endpoint `{base}/mcp`. Clients of 2024-11-05 know `{base}/sse` instead, and say that; some
    /// that guess ask for the origin that both are on.
    pub(crate) fn of_mcp_server(base: &Url) -> Self {
        let base = base.as_str().trim_end_matches('/').to_owned();
        let canonical = format!("{base}/mcp");
        Self { names: [canonical.clone(), format!("{base}/sse"), base], canonical }
    }

    /// What is meant by a request that names none.
    pub(crate) fn default_audience(&self) -> &str {
        &self.canonical
    }

    /// Whether tokens can be for this audience.
    pub(crate) fn is_audience(&self, audience: &str) -> bool {
        audience == self.canonical
    }

    /// The audience for a name, if it is one of a known resource. One slash at the end and the case
    /// of scheme and host make no difference: URL libraries change both.
    pub(crate) fn audience(&self, name: &str) -> Option<&str> {
        let url = Url::parse(name).ok()?;
        // RFC 8707 section 2: absolute, no fragment. A query would name another resource.
        if url.fragment().is_some() || url.query().is_some() || !url.username().is_empty() {
            return None;
        }
        let url = url.as_str();
        let url = url.strip_suffix('/').unwrap_or(url);
        self.names.iter().any(|known| known == url).then_some(&*self.canonical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_known_by_several_names_and_has_one_audience() {
        let resources = Resources::of_mcp_server(&Url::parse("http://localhost:3232").unwrap());
        let audience = Some("http://localhost:3232/mcp");
        for name in ["/mcp", "/mcp/", "/sse", "/sse/", "/", ""] {
            let name = format!("http://localhost:3232{name}");
            assert_eq!(resources.audience(&name), audience, "{name}");
        }
        assert_eq!(resources.audience("HTTP://LOCALHOST:3232/mcp"), audience);
    }

    #[test]
    fn what_only_looks_alike_is_unknown() {
        let resources = Resources::of_mcp_server(&Url::parse("https://mcp.example/").unwrap());
        let wrong = [
            "",
            "/mcp",
            "https://mcp.example/MCP",
            "https://mcp.example/mcp//",
            "https://mcp.example/mcp?x",
            "https://mcp.example/mcp#x",
            "https://mcp.example/mcp/x",
            "https://mcp.example/sse/mcp",
            "https://mcp.example/message",
            "https://mcp.example:8443/mcp",
            "http://mcp.example/mcp",
            "https://u@mcp.example/mcp",
            "https://mcp.example.evil.example/mcp",
        ];
        for name in wrong {
            assert_eq!(resources.audience(name), None, "{name}");
        }
    }
}

//! What is served beside the protocol: pages for people, documents for those who look for servers.

use std::{fmt, str::FromStr};

use ambient::{Reader, values::Switch};
use url::Url;

/// What is served beside the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageSettings {
    /// Whether there is the client in a browser at `/playground`.
    pub playground: bool,
    /// Whether the server card and the catalogue that names it are served.
    pub server_card: bool,
    /// Whether messages on their way are shown at `/flow`.
    pub flow: bool,
    /// Where people see a trace.
    pub traces: Option<TraceAddress>,
}

/// The address of a page about a trace, with [`TraceAddress::PLACE`] where the trace is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceAddress(String);

impl TraceAddress {
    /// What stands for the id of a trace.
    pub const PLACE: &'static str = "{trace_id}";
}

impl fmt::Display for TraceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TraceAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.ok_or("it is not an http or https address")?;
        // Where it leads to is the operator's word, and not that of a trace.
        let before = text.find(Self::PLACE).map(|place| &text[..place]);
        if before.is_some_and(|before| before.matches('/').count() > 2) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it has no {trace_id} behind its host")
        }
    }
}

/// Reads them. `is_private` says that only this machine reaches the server.
pub(super) fn read(read: &mut Reader<'_>, is_private: bool) -> PageSettings {
    PageSettings {
        playground: read
            .setting("MCP_PLAYGROUND", "1 serves a client for the browser at /playground.")
            .or(Switch(true))
            .0,
        server_card: read
            .setting(
                "MCP_SERVER_CARD",
                "1 serves the server card at /mcp/server-card, and /.well-known/ai-catalog.json.",
            )
            .or(Switch(true))
            .0,
        flow: flow(read, is_private),
        traces: read
            .setting(
                "MCP_FLOW_TRACE_URL",
                "Where a trace is shown, with {trace_id} in it: /flow links there from messages.",
            )
            .optional(),
    }
}

/// Who watches sees of everybody which tools he calls, and when.
fn flow(read: &mut Reader<'_>, is_private: bool) -> bool {
    let on = read
        .setting("MCP_FLOW", "1 shows messages on their way at /flow; plain `cargo run` sets it.")
        .or(Switch(false));
    let knows = read
        .setting(
            "MCP_FLOW_I_KNOW",
            "`public` allows MCP_FLOW where others than this machine reach the server.",
        )
        .optional::<String>();
    if on.0 && !is_private && knows.as_deref() != Some("public") {
        read.mistake(
            "MCP_FLOW",
            "is for loopback only: everybody who can reach this address could watch who calls \
             what; leave it unset, or set MCP_FLOW_I_KNOW=public",
        );
    }
    on.0
}

#[cfg(test)]
mod tests {
    use ambient::Env;

    use super::*;

    #[test]
    fn a_trace_has_an_address_with_a_place_for_its_name() {
        let read = |url| {
            let env = Env::from([("MCP_FLOW_TRACE_URL", url)]);
            env.read(|reader| read(reader, true)).0
        };
        let url = "https://traces.example.com/trace/{trace_id}?tab=1";
        let traces = read(url).unwrap().traces;
        assert_eq!(traces.map(|traces| traces.to_string()).as_deref(), Some(url));
        for wrong in [
            "https://traces.example.com/",
            "javascript:alert('{trace_id}')",
            "{trace_id}",
            "https://{trace_id}/",
            "https://{trace_id}.example.com/trace",
            "https://a b/{trace_id}",
        ] {
            let mistakes = read(wrong).unwrap_err().to_string();
            assert!(mistakes.contains("MCP_FLOW_TRACE_URL"), "{mistakes}");
        }
    }

    #[test]
    fn the_flow_page_is_off_and_needs_a_word_in_public() {
        let read = |env: &Env, is_private| {
            env.read(|reader| read(reader, is_private)).0.ok().map(|pages| pages.flow)
        };
        let (off, on) = (Env::default(), Env::from([("MCP_FLOW", "1")]));
        assert_eq!(
            (read(&off, false), read(&on, true), read(&on, false)),
            (Some(false), Some(true), None)
        );
        assert_eq!(read(&on.with("MCP_FLOW_I_KNOW", "public"), false), Some(true));
    }
}

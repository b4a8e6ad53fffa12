//! What is served beside the protocol: pages for people, documents for those who look for servers.

use ambient::{Reader, values::Switch};

/// What is served beside the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSettings {
    /// Whether there is the client in a browser at `/playground`.
    pub playground: bool,
    /// Whether the server card and the catalogue that names it are served.
    pub server_card: bool,
    /// Whether messages on their way are shown at `/flow`.
    pub flow: bool,
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

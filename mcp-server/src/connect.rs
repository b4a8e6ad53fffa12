//! How people point their clients at this server: the one source of what the landing page shows and
//! `mcp-server connect` prints.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::ValueEnum;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// The server that a client is pointed at.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What the client calls it: letters, digits and hyphens, which need no quoting anywhere.
    name: String,
    /// The endpoint, as clients reach it.
    url: String,
}

/// A client, or a way that many have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Claude Code.
    ClaudeCode,
    /// Visual Studio Code.
    Vscode,
    /// Cursor.
    Cursor,
    /// Codex.
    Codex,
    /// Claude on the web and on the desktop.
    Claude,
    /// `ChatGPT`.
    Chatgpt,
    /// MCP Inspector.
    Inspector,
    /// A client that can only start programs, over mcp-remote.
    McpRemote,
    /// Any other with a file of the usual form.
    Json,
}

/// What to do for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The client, for people.
    pub(crate) title: &'static str,
    /// What the text is and where it belongs.
    pub(crate) place: &'static str,
    /// What to copy.
    pub(crate) text: String,
    /// What to know beforehand; empty if nothing.
    pub(crate) note: &'static str,
    /// Links that do all of it.
    pub(crate) install: Vec<Link>,
}

/// A link that makes an application install the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) label: &'static str,
    pub(crate) url: String,
}

impl Target {
    /// A server by the name that it gives itself and the URL of its endpoint.
    pub(crate) fn new(name: &str, url: &str) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = name.chars().map(plain).collect();
        let name = name.trim_matches('-');
        let name = if name.is_empty() { "mcp-server" } else { name };
        Self { name: name.to_owned(), url: url.to_owned() }
    }

    /// What to do for every client, in the order in which the page shows them.
    pub(crate) fn ways(&self) -> Vec<Way> {
        Client::value_variants().iter().map(|client| self.way(*client)).collect()
    }

    fn codex(&self) -> String {
        let Self { name, url } = self;
        format!("codex mcp add {name} --url {url}\ncodex mcp login {name}")
    }

    /// What to do for one client.
    pub(crate) fn way(&self, client: Client) -> Way {
        let Self { name, url } = self;
        let plain = |title, place, text| Way { title, place, text, note: "", install: Vec::new() };
        match client {
            Client::ClaudeCode => Way {
                note: "Where people log in, type /mcp in Claude Code then.",
                ..plain(
                    "Claude Code",
                    "In a terminal",
                    format!("claude mcp add --transport http {name} {url}"),
                )
            },
            Client::Vscode => Way {
                install: self.vscode_links(),
                ..plain(
                    "VS Code",
                    ".vscode/mcp.json",
                    pretty(&json!({ "servers": { name: self.http() } })),
                )
            },
            Client::Cursor => Way {
                install: vec![Link { label: "Install in Cursor", url: self.cursor_link() }],
                ..plain("Cursor", "~/.cursor/mcp.json", self.servers(&json!({ "url": url })))
            },
            Client::Codex => Way {
                note: "The second line is for where people log in.",
                ..plain("Codex", "In a terminal", self.codex())
            },
            Client::Claude => Way {
                note: FROM_OUTSIDE,
                ..plain("Claude", "Settings, Connectors, Add custom connector", url.clone())
            },
            Client::Chatgpt => Way {
                note: FROM_OUTSIDE,
                ..plain(
                    "ChatGPT",
                    "Settings, Apps & Connectors, developer mode, Create",
                    url.clone(),
                )
            },
            Client::Inspector => Way {
                note: "Needs Node.js 22.19 or newer.",
                ..plain(
                    "MCP Inspector",
                    "In a terminal",
                    format!(
                        "npx @modelcontextprotocol/inspector --transport http --server-url {url}"
                    ),
                )
            },
            Client::McpRemote => Way {
                note: "For clients that start programs and cannot log in: mcp-remote does it.",
                ..plain("mcp-remote", "The client's file of servers", self.servers(&self.bridge()))
            },
            Client::Json => {
                plain("Others", "The client's file of servers", self.servers(&self.http()))
            }
        }
    }

    fn http(&self) -> Value {
        json!({ "type": "http", "url": self.url })
    }

    fn bridge(&self) -> Value {
        json!({ "command": "npx", "args": ["-y", "mcp-remote", self.url] })
    }

    fn servers(&self, entry: &Value) -> String {
        pretty(&json!({ "mcpServers": { &self.name: entry } }))
    }

    fn vscode_links(&self) -> Vec<Link> {
        let query = format!("name={}&config={}", self.name, encoded(&self.http().to_string()));
        let stable = format!("https://vscode.dev/redirect/mcp/install?{query}");
        let insiders =
            format!("https://insiders.vscode.dev/redirect/mcp/install?{query}&quality=insiders");
        vec![
            Link { label: "Install in VS Code", url: stable },
            Link { label: "in Insiders", url: insiders },
        ]
    }

    fn cursor_link(&self) -> String {
        let config = STANDARD.encode(json!({ "url": self.url }).to_string());
        format!(
            "cursor://anysphere.cursor-deeplink/mcp/install?name={}&config={}",
            self.name,
            encoded(&config)
        )
    }
}

/// The hosted assistants connect from their own machines.
const FROM_OUTSIDE: &str =
    "Connects from the provider's machines: this URL must be public, https, on port 443.";

impl Way {
    /// What to know about the text, as comments: they may stand above it in a terminal.
    pub(crate) fn explained(&self) -> String {
        let mut all = format!("# {}: {}\n", self.title, self.place);
        if !self.note.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(all, "# {}", self.note);
        }
        for link in &self.install {
            let _ = writeln!(all, "# {}: {}", link.label, link.url);
        }
        all
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn pretty(value: &Value) -> String {
    // A `Value` has string keys and finite numbers, so it can be written.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use url::Url;

    use super::*;

    fn target() -> Target {
        Target::new("My Server", "https://mcp.example.com/mcp")
    }

    #[test]
    fn a_name_needs_no_quotes() {
        for (name, expected) in
            [("My Server", "my-server"), ("a_b", "a-b"), ("", "mcp-server"), ("…", "mcp-server")]
        {
            assert_eq!(Target::new(name, "u").name, expected);
        }
    }

    #[test]
    fn every_way_names_the_url_of_this_host() {
        for way in target().ways() {
            assert!(way.text.contains("https://mcp.example.com/mcp"), "{way:?}");
        }
    }

    #[test]
    fn files_are_json() {
        let keys = [
            (Client::Vscode, "/servers/my-server/url"),
            (Client::Cursor, "/mcpServers/my-server/url"),
            (Client::Json, "/mcpServers/my-server/url"),
            (Client::McpRemote, "/mcpServers/my-server/args/2"),
        ];
        for (client, pointer) in keys {
            let file: Value = serde_json::from_str(&target().way(client).text).unwrap();
            let url = file.pointer(pointer).and_then(Value::as_str);
            assert_eq!(url, Some("https://mcp.example.com/mcp"), "{client:?}");
        }
    }

    /// The configuration in a link's query.
    fn config(link: &Link) -> String {
        let url = Url::parse(&link.url).unwrap();
        let found = url.query_pairs().find(|(name, _)| name == "config").unwrap();
        found.1.into_owned()
    }

    #[test]
    fn install_links_hold_what_the_files_would() {
        let vscode = target().way(Client::Vscode).install;
        assert_eq!(config(&vscode[0]), target().http().to_string());
        assert_eq!(config(&vscode[1]), config(&vscode[0]));
        let cursor = target().way(Client::Cursor).install;
        let json = STANDARD.decode(config(&cursor[0])).unwrap();
        assert_eq!(json, br#"{"url":"https://mcp.example.com/mcp"}"#);
        assert_eq!(percent_decode_str(&encoded("a+b/=")).decode_utf8().unwrap(), "a+b/=");
    }

    #[test]
    fn what_explains_is_a_comment_and_what_to_copy_is_none() {
        let way = target().way(Client::ClaudeCode);
        assert!(way.explained().lines().all(|line| line.starts_with("# ")));
        assert_eq!(way.explained().lines().count(), 2);
        assert_eq!(
            way.text,
            "claude mcp add --transport http my-server https://mcp.example.com/mcp"
        );
    }
}

//! Servers that others have written, beside which ours are measured: what they are, and how they are
//! installed and started. Their sources and pinned versions are in `crates/bench/peers`.

mod kit;

use std::{
    io,
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use ambient::Clock;
use testkit::process::free_port;

pub use self::kit::{Kit, Kits};
use crate::{
    cases::{Ask, Case},
    process::until,
    site::{Instance, post},
};

/// One way in which a peer serves `tools/call`.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its package.
    package: &'static str,
    /// How it serves.
    way: &'static str,
    kit: Kit,
    /// The same as the program is told it.
    word: &'static str,
    /// What it is asked.
    case: Case,
}

/// A peer that runs and has answered as it should.
#[derive(Debug)]
pub struct Started {
    /// Its process.
    pub instance: Instance,
    /// What it is asked.
    pub ask: Ask,
    /// How long that took, from the start of the process.
    pub took: Duration,
}

/// All of them, in the order of the table.
pub const ALL: [Peer; 8] = [
    rmcp("stateless, JSON", "stateless-json", Case::Call),
    rmcp("stateless, stream", "stateless-sse", Case::Call),
    rmcp("session", "sessions", Case::SessionCall),
    typescript("stateless", "stateless", Case::Call),
    typescript("session", "sessions", Case::SessionCall),
    python("stateless", "stateless", Case::Call),
    python("session", "sessions", Case::SessionCall),
    Peer {
        package: "@modelcontextprotocol/server-everything",
        way: "session",
        kit: Kit::Npm("node_modules/@modelcontextprotocol/server-everything/dist/index.js"),
        word: "streamableHttp",
        case: Case::SessionCall,
    },
];

const fn rmcp(way: &'static str, word: &'static str, case: Case) -> Peer {
    Peer { package: "rmcp", way, kit: Kit::Cargo("rmcp-peer"), word, case }
}

const fn typescript(way: &'static str, word: &'static str, case: Case) -> Peer {
    let package = "@modelcontextprotocol/server";
    Peer { package, way, kit: Kit::Npm("typescript.mjs"), word, case }
}

const fn python(way: &'static str, word: &'static str, case: Case) -> Peer {
    Peer { package: "mcp", way, kit: Kit::Python("server.py"), word, case }
}

impl Peer {
    /// What it is called in tables.
    #[must_use]
    pub fn name(&self) -> String {
        let language = match self.kit {
            Kit::Cargo(_) => "Rust",
            Kit::Npm(_) => "Node",
            Kit::Python(_) => "Python",
        };
        let version = self.kit.version_of(self.package).unwrap_or_default();
        format!("`{}` {version} ({language}), {}", self.package, self.way)
    }

    /// Whether its clients have sessions.
    #[must_use]
    pub fn has_sessions(&self) -> bool {
        self.case == Case::SessionCall
    }

    /// Starts it, and asks once.
    ///
    /// # Errors
    /// When it could not be installed, does not start, or answers something else.
    pub fn start(&self, kits: &Kits) -> io::Result<Started> {
        let port = free_port();
        let watch = Clock::system().stopwatch();
        let server = self.kit.start(kits, self.word, port)?;
        until("the peer", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())?;
        let instance = Instance { server, port };
        let session = if self.has_sessions() { Some(instance.session(None)?) } else { None };
        let ask = self.case.ask(None, session.as_deref());
        let answer = post(port, "/mcp", &ask)?;
        let took = watch.elapsed();
        // Others make errors of the protocol a success of HTTP.
        if !String::from_utf8_lossy(&answer.body).contains("Echo: hello") {
            return Err(answer.unexpected());
        }
        Ok(Started { instance, ask, took })
    }
}

//! What can be measured, by name.

mod calls;
mod connect;
mod cost;
mod elicitation;
mod memory;
mod peers;
mod scale;
mod start;
mod streams;
mod system;
mod telemetry;
mod tokens;

use std::io;

use crate::{report::Table, rounds::Effort};

/// Something to measure, which gives its tables.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    run: fn(&tokio::runtime::Runtime, Effort) -> io::Result<Vec<Table>>,
}

impl Measure {
    /// Measures.
    ///
    /// # Errors
    /// When a program is missing, or an answer is not what it should be.
    pub fn run(&self, runtime: &tokio::runtime::Runtime, effort: Effort) -> io::Result<Vec<Table>> {
        (self.run)(runtime, effort)
    }
}

/// All of them, in the order of the page.
pub const ALL: [Measure; 10] = [
    Measure {
        name: "calls",
        about: "requests of both eras against a bare handler",
        run: calls::run,
    },
    Measure {
        name: "elicitation",
        about: "a question to the user and the answer, in both eras",
        run: elicitation::run,
    },
    Measure {
        name: "telemetry",
        about: "log, metrics, traces and the flow page: what telling costs",
        run: telemetry::run,
    },
    Measure { name: "tokens", about: "introspection, refresh and login", run: tokens::run },
    Measure {
        name: "start",
        about: "from the start of a process to its first answer",
        run: start::run,
    },
    Measure { name: "memory", about: "programs on disk and in memory", run: memory::run },
    Measure {
        name: "streams",
        about: "idle streams, and events between instances",
        run: streams::run,
    },
    Measure { name: "system", about: "system calls, counted by strace", run: system::run },
    Measure {
        name: "scale",
        about: "connections, sessions and instances, and what they cost Redis",
        run: scale::run,
    },
    Measure {
        name: "peers",
        about: "servers that others have written, installed from npm, PyPI and crates.io",
        run: peers::run,
    },
];

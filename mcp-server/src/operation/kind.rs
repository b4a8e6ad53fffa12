//! What requests are measured as. Every kind is known when the server starts, so that measuring a call
//! copies no text and looks up no label.

use std::{collections::HashMap, sync::Arc};

use chassis::telemetry::Usual;
use mcp_core::Names;
use opentelemetry::{KeyValue, metrics::Histogram};
use shared::mcp::{Method, Params, Revision};

use super::Network;

/// Instead of a name that a client has made up.
pub(super) const OTHER: &str = "_OTHER";

/// The notifications that clients send.
const NOTIFICATIONS: [&str; 5] = [
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
];

/// All kinds of one server.
pub(super) struct Kinds {
    tools: Named,
    prompts: Named,
    others: Vec<Arc<Kind>>,
    unknown: Arc<Kind>,
}

/// The kinds of one method: one for each name.
struct Named {
    known: HashMap<String, Arc<Kind>>,
    unknown: Arc<Kind>,
}

/// Requests of one method, and for one tool or prompt where there are any.
pub(super) struct Kind {
    pub(super) method: &'static str,
    pub(super) target: Option<KeyValue>,
    /// Those that end well, by [`way`].
    well: [Usual; WAYS],
}

/// In how many ways a request may come: five revisions or none yet, each over two networks.
const WAYS: usize = 12;

fn way(revision: Option<Revision>, network: Network) -> usize {
    let revision = revision.map_or(0, |revision| revision as usize + 1);
    revision * 2 + network as usize
}

impl Kinds {
    pub(super) fn new(names: Names) -> Self {
        let methods = Method::ALL.map(Method::as_str);
        let others = methods.into_iter().chain(NOTIFICATIONS);
        Self {
            tools: Named::new(Method::CallTool, "gen_ai.tool.name", names.tools),
            prompts: Named::new(Method::GetPrompt, "gen_ai.prompt.name", names.prompts),
            others: others.map(|method| Kind::new(method, None)).collect(),
            unknown: Kind::new(OTHER, None),
        }
    }

    /// The kind of a request.
    pub(super) fn of(&self, method: &str, params: Option<&Params>) -> &Arc<Kind> {
        match Method::named(method) {
            Some(Method::CallTool) => self.tools.of(params),
            Some(Method::GetPrompt) => self.prompts.of(params),
            _ => self.others.iter().find(|kind| kind.method == method).unwrap_or(&self.unknown),
        }
    }
}

impl Named {
    fn new(method: Method, key: &'static str, names: Vec<String>) -> Self {
        let kind = |name: &str| {
            let name: Arc<str> = name.into();
            Kind::new(method.as_str(), Some(KeyValue::new(key, name)))
        };
        let known = names.into_iter().map(|name| {
            let kind = kind(&name);
            (name, kind)
        });
        Self { known: known.collect(), unknown: kind(OTHER) }
    }

    fn of(&self, params: Option<&Params>) -> &Arc<Kind> {
        let name = params.and_then(|params| params.text("name"));
        name.and_then(|name| self.known.get(&*name)).unwrap_or(&self.unknown)
    }
}

impl Kind {
    fn new(method: &'static str, target: Option<KeyValue>) -> Arc<Self> {
        Arc::new(Self { method, target, well: Default::default() })
    }

    /// Measures a request that has ended well.
    pub(super) fn ended_well(
        &self,
        to: &Histogram<f64>,
        took: f64,
        (revision, network): (Option<Revision>, Network),
    ) {
        let labels = || self.labels(revision, network);
        self.well[way(revision, network)].record(to, took, labels);
    }

    /// What is measured of such requests, however they end.
    pub(super) fn labels(&self, revision: Option<Revision>, network: Network) -> Vec<KeyValue> {
        let mut labels = Vec::with_capacity(8);
        labels.push(KeyValue::new("mcp.method.name", self.method));
        network.label(&mut labels, revision);
        if self.method == Method::CallTool.as_str() {
            labels.push(KeyValue::new("gen_ai.operation.name", "execute_tool"));
        }
        labels.extend(self.target.clone());
        labels
    }
}

//! What the server offers, at a glance: names and first sentences, as a client would list them.

use std::sync::Arc;

use shared::mcp::{
    ClientRequest, ListParams, Prompt, Resource, ResourceTemplate, ServerResult, Tool,
};

use crate::Server;

/// The most entries of one list that the page shows; a list that goes on says so.
const MOST: usize = 40;

/// The key in a tool's `_meta` that says it has a user interface (MCP Apps).
const USER_INTERFACE: &str = "ui";

/// How a list is asked for.
type Question = fn(ListParams) -> ClientRequest;

/// One thing that is offered.
pub(super) struct Entry {
    /// What programs call it.
    pub(super) name: String,
    /// Its first sentence, or its title.
    pub(super) line: String,
    /// Whether it shows a user interface of its own.
    pub(super) has_view: bool,
}

/// One list of the page.
pub(super) struct List {
    pub(super) title: &'static str,
    pub(super) entries: Vec<Entry>,
    /// Whether there is more than is shown.
    pub(super) goes_on: bool,
}

/// All that is offered to somebody who is nobody in particular; empty lists are left out.
pub(super) async fn lists(server: &Server) -> Vec<List> {
    let kinds: [(&'static str, Question); 4] = [
        ("Tools", ClientRequest::ListTools),
        ("Resources", ClientRequest::ListResources),
        ("Resource templates", ClientRequest::ListResourceTemplates),
        ("Prompts", ClientRequest::ListPrompts),
    ];
    let mut lists = Vec::new();
    for (title, request) in kinds {
        let list = list(server, title, request).await;
        if !list.entries.is_empty() {
            lists.push(list);
        }
    }
    lists
}

async fn list(server: &Server, title: &'static str, request: Question) -> List {
    let mut list = List { title, entries: Vec::new(), goes_on: false };
    let mut cursor = None;
    loop {
        let asked = request(ListParams { cursor: cursor.take() });
        let listed = server.features().dispatch(asked, server.own_call()).await;
        let (entries, next) = match listed {
            Ok(ServerResult::ListTools(page)) => {
                (told(&page.tools, |one| tool(one)), page.next_cursor)
            }
            Ok(ServerResult::ListResources(page)) => {
                (told(&page.resources, resource), page.next_cursor)
            }
            Ok(ServerResult::ListResourceTemplates(page)) => {
                (told(&page.resource_templates, template), page.next_cursor)
            }
            Ok(ServerResult::ListPrompts(page)) => (told(&page.prompts, prompt), page.next_cursor),
            // A server without this kind of thing refuses to list it.
            _ => return list,
        };
        list.entries.extend(entries);
        if list.entries.len() >= MOST || next.is_none() {
            list.goes_on = next.is_some() || list.entries.len() > MOST;
            list.entries.truncate(MOST);
            return list;
        }
        cursor = next;
    }
}

fn told<T>(listed: &[Arc<T>], entry: fn(&T) -> Entry) -> Vec<Entry> {
    listed.iter().map(|one| entry(one)).collect()
}

fn tool(tool: &Tool) -> Entry {
    let has_view = tool.meta.contains_key(USER_INTERFACE);
    Entry { has_view, ..entry(&tool.name, tool.description.as_ref(), tool.title.as_ref()) }
}

fn resource(resource: &Resource) -> Entry {
    let name = Some(&resource.name);
    entry(&resource.uri, resource.description.as_ref(), resource.title.as_ref().or(name))
}

fn template(template: &ResourceTemplate) -> Entry {
    let name = Some(&template.name);
    entry(&template.uri_template, template.description.as_ref(), template.title.as_ref().or(name))
}

fn prompt(prompt: &Prompt) -> Entry {
    entry(&prompt.name, prompt.description.as_ref(), prompt.title.as_ref())
}

fn entry(name: &str, description: Option<&String>, otherwise: Option<&String>) -> Entry {
    let text = description.or(otherwise).map(String::as_str).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    // The first sentence; a full stop inside a word, as in `a.b`, ends none.
    let line = line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.');
    Entry { name: name.to_owned(), line: line.to_owned(), has_view: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_first_sentence() {
        for (text, line) in [
            ("Adds. And more.", "Adds"),
            ("Reads a.b of it", "Reads a.b of it"),
            ("One\nTwo", "One"),
            ("", ""),
        ] {
            assert_eq!(entry("x", Some(&text.to_owned()), None).line, line);
        }
        assert_eq!(entry("x", None, Some(&"Title".to_owned())).line, "Title");
    }
}

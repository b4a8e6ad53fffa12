//! `docs/catalogue.md`, held to what is offered: every name is there, every test that it names
//! exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use mcp_core::testing::{Asker, tool_names};
use serde_json::{Value, json};
use shared::mcp::Method;

use super::{everything_listed, toolset};
use crate::features::{App, apps, calculator, diagnostics, everything, fetch, skills, toolsets};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/catalogue.md");

/// The rows of the table under a heading: their cells, without the head of the table.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(PAGE).unwrap();
    let under = page.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_default();
    let section = under.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.map(cells).collect()
}

/// The words of a cell that are written as code.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The links of a cell: text and target.
fn links(cell: &str) -> Vec<(String, String)> {
    let link = |part: &str| {
        let (text, rest) = part.split_once("](")?;
        Some((text.to_owned(), rest.split_once(')')?.0.to_owned()))
    };
    cell.split('[').skip(1).filter_map(link).collect()
}

fn names(listed: &Value, member: &str, name: &str) -> BTreeSet<String> {
    let entries = listed[member].as_array().unwrap().iter();
    entries.map(|entry| entry[name].as_str().unwrap().to_owned()).collect()
}

/// What the first cells of a table name.
fn told(heading: &str) -> BTreeSet<String> {
    rows(heading).iter().flat_map(|row| code(&row[0])).collect()
}

#[tokio::test]
async fn every_tool_prompt_resource_and_template_is_on_the_page_and_nothing_else() {
    let all = everything_listed().await;
    assert_eq!(told("Tools"), names(&all, "tools", "name"));
    assert_eq!(told("Prompts"), names(&all, "prompts", "name"));
    let numbered = |uri: &String| uri.starts_with("test://static/resource/");
    let single = |uri: &String| !numbered(uri);
    let resources = names(&all, "resources", "uri").into_iter().filter(single);
    // The documents have a row of their own, and are a family.
    let documents = |uri: &String| !uri.starts_with("demo://resource/static/document/");
    // A row of a skill stands for its files.
    let resources = resources.filter(|uri| !uri.starts_with("skill://"));
    assert_eq!(told("Resources"), resources.filter(documents).collect());
    assert_eq!(told("Templates"), names(&all, "resourceTemplates", "uriTemplate"));
}

#[tokio::test]
async fn every_other_name_is_on_the_page_with_the_tool_that_answers_to_it() {
    let listed = names(&everything_listed().await, "tools", "name");
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows("Tools").iter().chain(&rows("Former tools")) {
        told.insert(code(&row[0])[0].clone(), code(&row[1]).into_iter().collect());
    }
    assert_eq!(told, tool_names(&toolsets::all()));
    let former: BTreeSet<_> = self::told("Former tools");
    assert!(former.is_disjoint(&listed), "{former:?}");
}

#[tokio::test]
async fn every_row_names_the_toolset_that_offers_it() {
    let toolsets: [(&str, fn(_) -> _); 6] = [
        ("everything", everything::add_to),
        ("calculator", calculator::add),
        ("apps", apps::add),
        ("skills", skills::add_to),
        ("fetch", fetch::add_to),
        ("diagnostics", diagnostics::add_to),
    ];
    for (name, add) in toolsets {
        let offered = names(&toolset(add).await, "tools", "name");
        let told = rows("Tools").into_iter().filter(|row| row[2] == name);
        assert_eq!(told.map(|row| code(&row[0])[0].clone()).collect::<BTreeSet<_>>(), offered);
    }
}

/// What is suggested of an argument in some state of a form: empty, begun with a number, or with the
/// others filled in.
async fn is_completed(asker: &Asker, reference: &Value, argument: &str) -> bool {
    let others = [json!({}), json!({ "department": "Engineering", "history": "lab" })];
    for (typed, others) in
        ["", "1"].into_iter().flat_map(|typed| others.each_ref().map(|o| (typed, o)))
    {
        let params = json!({
            "ref": reference,
            "argument": { "name": argument, "value": typed },
            "context": { "arguments": others },
        });
        let result = asker.ask(Method::Complete, params).await.unwrap();
        if !result["completion"]["values"].as_array().unwrap().is_empty() {
            return true;
        }
    }
    false
}

/// The variables of a template.
fn variables(template: &str) -> Vec<String> {
    template.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned()).collect()
}

/// Every argument and variable that is completed, with whose it is.
async fn completed(asker: &Asker) -> BTreeSet<(String, String)> {
    let mut all = Vec::new();
    let prompts = asker.ask(Method::ListPrompts, json!({})).await.unwrap();
    for prompt in prompts["prompts"].as_array().unwrap() {
        let name = prompt["name"].as_str().unwrap();
        let reference = json!({ "type": "ref/prompt", "name": name });
        for argument in prompt["arguments"].as_array().into_iter().flatten() {
            all.push((
                name.to_owned(),
                argument["name"].as_str().unwrap().to_owned(),
                reference.clone(),
            ));
        }
    }
    let templates = asker.ask(Method::ListResourceTemplates, json!({})).await.unwrap();
    for template in templates["resourceTemplates"].as_array().unwrap() {
        let uri = template["uriTemplate"].as_str().unwrap();
        let reference = json!({ "type": "ref/resource", "uri": uri });
        all.extend(
            variables(uri).into_iter().map(|name| (uri.to_owned(), name, reference.clone())),
        );
    }
    let mut completed = BTreeSet::new();
    for (of, argument, reference) in all {
        if is_completed(asker, &reference, &argument).await {
            completed.insert((of, argument));
        }
    }
    completed
}

#[tokio::test]
async fn every_argument_that_is_completed_is_on_the_page_and_no_other_in_both_eras() {
    for asker in Asker::both(toolsets::all, App::default) {
        // There is something to suggest.
        for history in [json!({}), json!({ "history": "lab" })] {
            let mut arguments = json!({ "a": 1, "b": 1, "op": "add" });
            arguments.as_object_mut().unwrap().extend(history.as_object().unwrap().clone());
            asker.call("calculate", arguments).await;
        }
        asker.call("gzip-file-as-resource", json!({ "data": "data:,x" })).await;
        let mut told = BTreeSet::new();
        for row in rows("Completions") {
            let is_here = asker.session_id().is_some() || !row[1].contains("in sessions only");
            for of in code(&row[0]).into_iter().filter(|_| is_here) {
                told.extend(code(&row[1]).into_iter().map(|argument| (of.clone(), argument)));
            }
        }
        assert_eq!(completed(&asker).await, told);
    }
}

#[test]
fn every_fault_of_the_originals_has_its_row() {
    let told: Vec<_> = rows("Faults of the originals").iter().map(|row| row[0].clone()).collect();
    let calculator = (1..=18).map(|n| format!("C{n}"));
    assert_eq!(told, calculator.chain((1..=18).map(|n| format!("E{n}"))).collect::<Vec<_>>());
}

#[test]
fn every_row_names_a_test_that_exists() {
    let headings = [
        "Tools",
        "Former tools",
        "Prompts",
        "Resources",
        "Templates",
        "Skills",
        "Completions",
        "Faults of the originals",
    ];
    for row in headings.iter().flat_map(|heading| rows(heading)) {
        let tests = links(row.last().unwrap());
        assert!(!tests.is_empty(), "{row:?} names no test");
        for (test, file) in tests {
            let path = Path::new(PAGE).with_file_name(&file);
            let source = fs::read_to_string(&path).unwrap_or_default();
            assert!(source.contains(&format!("fn {test}(")), "there is no {test} in {file}");
        }
    }
}

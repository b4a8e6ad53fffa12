//! Lists that are longer than a page, in both eras.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]

use mcp_core::{Catalog, Ctx, Prompt, PromptError, Refusal, Tool, ToolError, testing::Asker, user};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::mcp::{ContentBlock, Method, PromptMessage, Revision};

/// One of many tools.
#[derive(Deserialize, JsonSchema)]
struct Same {}

impl Tool<()> for Same {
    const NAME: &'static str = "same";
    type Output = String;
    async fn call(self, _: &Ctx<()>) -> Result<String, ToolError> {
        Ok("the same".to_owned())
    }
}

/// One of many prompts.
#[derive(Deserialize, JsonSchema)]
struct Numbered<const A: u8, const B: u8, const C: u8> {}

impl<const A: u8, const B: u8, const C: u8> Numbered<A, B, C> {
    const LETTERS: [u8; 3] = [b'0' + A, b'0' + B, b'0' + C];
}

impl<const A: u8, const B: u8, const C: u8> Prompt<()> for Numbered<A, B, C> {
    const NAME: &'static str = match std::str::from_utf8(&Self::LETTERS) {
        Ok(name) => name,
        Err(_) => panic!("digits are UTF-8"),
    };
    async fn render(self, _: &Ctx<()>) -> Result<Vec<PromptMessage>, PromptError> {
        Ok(vec![user(ContentBlock::text(Self::NAME))])
    }
}

fn ten<const A: u8, const B: u8>(catalog: Catalog<()>) -> Catalog<()> {
    catalog
        .prompt::<Numbered<A, B, 0>>()
        .prompt::<Numbered<A, B, 1>>()
        .prompt::<Numbered<A, B, 2>>()
        .prompt::<Numbered<A, B, 3>>()
        .prompt::<Numbered<A, B, 4>>()
        .prompt::<Numbered<A, B, 5>>()
        .prompt::<Numbered<A, B, 6>>()
        .prompt::<Numbered<A, B, 7>>()
        .prompt::<Numbered<A, B, 8>>()
        .prompt::<Numbered<A, B, 9>>()
}

fn hundred<const A: u8>(catalog: Catalog<()>) -> Catalog<()> {
    let catalog = ten::<A, 2>(ten::<A, 1>(ten::<A, 0>(catalog)));
    let catalog = ten::<A, 5>(ten::<A, 4>(ten::<A, 3>(catalog)));
    ten::<A, 9>(ten::<A, 8>(ten::<A, 7>(ten::<A, 6>(catalog))))
}

/// Of each more than two pages hold: 421 tools, 210 prompts.
fn long() -> Catalog<()> {
    let prompts = ten::<2, 0>(hundred::<1>(hundred::<0>(Catalog::new())));
    let named = |catalog: Catalog<()>, n| catalog.tool_named_as::<Same>(&format!("{n:03}"));
    (0..421).try_fold(prompts, named).unwrap()
}

/// The names on each page, and the cursors between them.
async fn pages(asker: &Asker, method: Method, member: &str) -> (Vec<Vec<String>>, Vec<String>) {
    let (mut pages, mut cursors, mut params) = (Vec::new(), Vec::new(), json!({}));
    loop {
        let page = asker.ask(method, params).await.unwrap();
        let names = page[member].as_array().unwrap().iter();
        pages.push(names.map(|one| one["name"].as_str().unwrap().to_owned()).collect());
        // The last page has none; null and an empty one would be cursors (server/utilities/pagination).
        let Some(cursor) = page.get("nextCursor") else { return (pages, cursors) };
        cursors.push(cursor.as_str().filter(|cursor| !cursor.is_empty()).unwrap().to_owned());
        params = json!({ "cursor": cursor });
    }
}

#[tokio::test]
async fn long_lists_of_tools_and_prompts_come_in_pages_with_cursors_that_stay_the_same() {
    for (method, member, length) in
        [(Method::ListTools, "tools", 421), (Method::ListPrompts, "prompts", 210)]
    {
        let askers = [Revision::V2025_11_25, Revision::V2026_07_28, Revision::V2026_07_28]
            .map(|revision| Asker::new(revision, long(), ()));
        let (read, cursors) = pages(&askers[0], method, member).await;
        let all: Vec<_> = (0..length).map(|n| format!("{n:03}")).collect();
        assert_eq!(read.concat(), all, "each once, in the order of the catalog");
        assert!(read.len() > 1 && read.iter().all(|page| page.len() <= 200), "{}", read.len());
        // Another instance, another era and another time read the same at each cursor, in any order.
        for asker in &askers {
            assert_eq!(pages(asker, method, member).await.1, cursors);
            for (n, cursor) in cursors.iter().enumerate().rev() {
                let page = asker.ask(method, json!({ "cursor": cursor })).await.unwrap();
                assert_eq!(page[member][0]["name"], json!(read[n + 1][0]));
            }
            // "MTA=" leads to the second page of resources.
            for odd in ["", "x", "MTA=", "MjEw", "NDIx"] {
                let refused = asker.ask(method, json!({ "cursor": odd })).await;
                assert_eq!(refused, Err(Refusal::InvalidParams("Unknown cursor".to_owned())));
            }
        }
    }
}

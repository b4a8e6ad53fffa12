//! The toolset of skills: instructions for agents, served as resources (SEP-2640). It is there when
//! it is named, so that the lists of resources stay those of the originals otherwise.

use mcp_core::{Catalog, Skill};

use super::App;

/// Adds the toolset to a catalog.
pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    catalog.skill(try_every_feature())
}

/// How an agent walks through what this server offers.
fn try_every_feature() -> Skill {
    Skill::at("try-every-feature")
        .file("SKILL.md", include_bytes!("try-every-feature/SKILL.md"))
        .file("references/tools.md", include_bytes!("try-every-feature/references/tools.md"))
        .file(
            "references/questions.md",
            include_bytes!("try-every-feature/references/questions.md"),
        )
        .file("templates/report.md", include_bytes!("try-every-feature/templates/report.md"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mcp_core::testing::{Asker, tool_names};
    use serde_json::json;
    use shared::mcp::{Method, Revision};

    use crate::features::{App, catalog, toolsets};

    async fn read(uri: &str) -> String {
        let asker = Asker::new(Revision::V2026_07_28, toolsets::all(), App::default());
        let read = asker.ask(Method::ReadResource, json!({ "uri": uri })).await.unwrap();
        read["contents"][0]["text"].as_str().unwrap().to_owned()
    }

    /// What stands as code in the first cells of a table.
    fn first_cells(page: &str) -> BTreeSet<String> {
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
    }

    #[tokio::test]
    async fn the_skill_names_tools_that_exist() {
        let offered = tool_names(&catalog());
        for file in ["tools", "questions"] {
            let page = read(&format!("skill://try-every-feature/references/{file}.md")).await;
            let named = first_cells(&page);
            assert!(named.len() > 3, "{page}");
            for tool in named {
                assert!(offered.contains_key(&tool), "`{tool}` in {file}.md");
            }
        }
    }

    #[tokio::test]
    async fn the_skill_refers_to_its_own_files() {
        let asker = Asker::new(Revision::V2026_07_28, toolsets::all(), App::default());
        let listed = asker.ask(Method::ListSkills, json!({})).await.unwrap();
        let files = listed["skills"][0]["resources"].as_array().unwrap();
        let text = read("skill://try-every-feature/SKILL.md").await;
        for file in files.iter().filter_map(|file| file["uri"].as_str()) {
            let path = file.strip_prefix("skill://try-every-feature/").unwrap();
            assert!(path == "SKILL.md" || text.contains(path), "{path} is never mentioned");
        }
    }
}

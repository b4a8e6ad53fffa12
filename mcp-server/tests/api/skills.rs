//! Skills over the wire; `testkit` holds each answer against the extension.

use serde_json::json;
use shared::mcp::Revision;

use crate::world::world;

const SKILL: &str = "skill://test/knots/SKILL.md";

#[tokio::test]
async fn a_skill_is_listed_and_found_for_everybody_to_cache() {
    let world = world().await;
    let listed = world.modern().call("skills/list", json!({})).await.expect(200);
    let [skill] = listed.result()["skills"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!((&skill["uri"], &skill["frontmatter"]["name"]), (&json!(SKILL), &json!("knots")));
    let found = world.modern().call("skills/get", json!({ "uri": SKILL })).await.expect(200);
    assert_eq!(found.result()["skill"], *skill);
    assert_eq!(found.result()["cacheScope"], "public");
    let unknown = json!({ "uri": "skill://test/none/SKILL.md" });
    drop(world.modern().call("skills/get", unknown).await.expect_error(200, -32602));
}

#[tokio::test]
async fn a_directory_is_read_and_a_file_is_none() {
    let world = world().await;
    let read = |uri: &str| {
        let (modern, params) = (world.modern(), json!({ "uri": uri }));
        async move { modern.call("resources/directory/read", params).await }
    };
    let children = read("skill://test/knots").await.expect(200);
    assert_eq!(children.result()["resources"][1]["mimeType"], "inode/directory");
    assert_eq!(children.result().get("ttlMs"), None);
    drop(read(SKILL).await.expect_error(200, -32602));
}

#[tokio::test]
async fn a_session_reads_the_files_and_knows_nothing_of_skills() {
    let world = world().await;
    for revision in [Revision::V2025_11_25, Revision::V2025_03_26] {
        let session = world.opening().revision(revision).open().await;
        assert!(
            session.initialized["capabilities"]["extensions"]
                .get("io.modelcontextprotocol/skills")
                .is_none()
        );
        for method in ["skills/list", "skills/get", "resources/directory/read"] {
            let params = json!({ "uri": SKILL });
            drop(session.call(method, params).await.expect_error(200, -32601));
        }
        let read = session.call("resources/read", json!({ "uri": SKILL })).await.expect(200);
        assert_eq!(read.result()["contents"][0]["mimeType"], "text/markdown");
    }
}

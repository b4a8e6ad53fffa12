//! Skills, through the dispatcher: listed, named, read, and their directories.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]

use mcp_core::{Catalog, Refusal, Skill, testing::Asker};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::mcp::{Method, Revision, SKILLS_EXTENSION};

const REFUNDS: &[u8] = b"---\nname: refunds\ndescription: Pays back.\nlicense: MIT\n---\nText.\n";
const EMAILS: &[u8] = b"---\nname: emails\ndescription: Writes.\n---\n";

/// One skill within another, and files beside them.
fn catalog() -> Catalog<()> {
    Catalog::new()
        .skill(
            Skill::at("acme/refunds")
                .file("SKILL.md", REFUNDS)
                .file("templates/de/mail.txt", b"Hallo")
                .file("templates/mail.txt", b"Hello")
                .file("logo.png", b"\x89PNG"),
        )
        .skill(Skill::at("acme/refunds/emails").file("SKILL.md", EMAILS))
}

fn asker() -> Asker {
    Asker::new(Revision::V2026_07_28, catalog(), ())
}

async fn ask(method: Method, params: Value) -> Result<Value, Refusal> {
    asker().ask(method, params).await
}

/// The addresses in a list.
fn addresses(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["uri"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_entry_lists_every_file_with_the_digest_of_what_is_read() {
    let skills = ask(Method::ListSkills, json!({})).await.unwrap()["skills"].clone();
    assert_eq!(skills[0]["frontmatter"]["license"], "MIT");
    for file in skills[0]["resources"].as_array().unwrap() {
        let read = ask(Method::ReadResource, json!({ "uri": file["uri"] })).await.unwrap();
        let contents = &read["contents"][0];
        assert_eq!(contents["uri"], file["uri"]);
        let Some(text) = contents["text"].as_str() else { continue };
        let digest = format!("sha256:{}", const_hex::encode(Sha256::digest(text)));
        assert_eq!(file["digest"], digest);
        assert_eq!(file["size"], text.len());
    }
}

#[tokio::test]
async fn a_skill_within_another_is_listed_beside_it_and_belongs_to_its_files() {
    let skills = ask(Method::ListSkills, json!({})).await.unwrap()["skills"].clone();
    let [outer, inner] = ["skill://acme/refunds/SKILL.md", "skill://acme/refunds/emails/SKILL.md"];
    assert_eq!(addresses(&skills), [outer, inner]);
    let files = addresses(&skills[0]["resources"]);
    assert_eq!(files.len(), 5);
    assert!(files.contains(&inner));
    assert_eq!(addresses(&skills[1]["resources"]), [inner]);
}

#[tokio::test]
async fn one_skill_is_found_by_the_address_of_its_manifest_and_by_no_other() {
    let uri = "skill://acme/refunds/emails/SKILL.md";
    let found = ask(Method::GetSkill, json!({ "uri": uri })).await.unwrap();
    assert_eq!(found["skill"]["frontmatter"]["name"], "emails");
    assert_eq!(found.get("nextCursor"), None);
    for other in ["skill://acme/refunds", "skill://acme/refunds/logo.png", "skill://x/SKILL.md"] {
        let refused = ask(Method::GetSkill, json!({ "uri": other })).await;
        assert!(matches!(refused, Err(Refusal::InvalidParams(_))), "{other}");
    }
}

#[tokio::test]
async fn a_directory_has_its_direct_children_and_directories_are_said_to_be_such() {
    let read = |uri: &'static str| ask(Method::ReadDirectory, json!({ "uri": uri }));
    let root = read("skill://acme/refunds").await.unwrap()["resources"].clone();
    let names = ["SKILL.md", "emails", "logo.png", "templates"];
    assert_eq!(addresses(&root), names.map(|name| format!("skill://acme/refunds/{name}")));
    assert_eq!(root[0]["name"], "refunds");
    assert_eq!(
        (&root[1]["mimeType"], &root[3]["name"]),
        (&"inode/directory".into(), &"templates".into())
    );
    assert_eq!(root[2]["mimeType"], "image/png");
    let above = read("skill://acme").await.unwrap();
    assert_eq!(addresses(&above["resources"]), ["skill://acme/refunds"]);
}

#[tokio::test]
async fn what_is_no_directory_is_refused() {
    let file = "skill://acme/refunds/SKILL.md";
    for uri in [file, "skill://acme/refunds/", "skill://acme/none", "skill://acm", ""] {
        let refused = ask(Method::ReadDirectory, json!({ "uri": uri })).await;
        assert!(matches!(refused, Err(Refusal::InvalidParams(_))), "{uri}");
    }
}

#[tokio::test]
async fn files_are_ordinary_resources_and_bytes_are_bytes() {
    let listed = ask(Method::ListResources, json!({})).await.unwrap()["resources"].clone();
    assert_eq!(listed[0]["name"], "refunds");
    assert_eq!(
        (&listed[0]["description"], &listed[0]["mimeType"]),
        (&"Pays back.".into(), &"text/markdown".into())
    );
    let uri = json!({ "uri": "skill://acme/refunds/logo.png" });
    let read = ask(Method::ReadResource, uri).await.unwrap();
    assert_eq!(read["contents"][0]["blob"], "iVBORw==");
    let missing = ask(Method::ReadResource, json!({ "uri": "skill://acme/refunds/x" })).await;
    assert!(matches!(missing, Err(Refusal::ResourceNotFound { .. })));
}

#[tokio::test]
async fn many_skills_come_in_pages_and_none_is_split() {
    let one = |number: usize| {
        let name = format!("skill-{number:02}");
        let text = format!("---\nname: {name}\ndescription: One of many.\n---\n").into_bytes();
        Skill::at(name.leak()).file("SKILL.md", text.leak())
    };
    let catalog = (0..25).fold(Catalog::<()>::new(), |catalog, number| catalog.skill(one(number)));
    let asker = Asker::new(Revision::V2026_07_28, catalog, ());
    let (mut seen, mut params) = (0, json!({}));
    loop {
        let page = asker.ask(Method::ListSkills, params).await.unwrap();
        seen += page["skills"].as_array().unwrap().len();
        let Some(cursor) = page.get("nextCursor") else { break };
        params = json!({ "cursor": cursor });
    }
    assert_eq!(seen, 25);
    let strange = asker.ask(Method::ListSkills, json!({ "cursor": "x" })).await;
    assert!(matches!(strange, Err(Refusal::InvalidParams(_))));
}

#[tokio::test]
async fn the_extension_is_declared_where_it_is_specified_and_with_something_behind_it() {
    let settings = json!({ "directoryRead": true });
    assert_eq!(asker().capabilities()["extensions"][SKILLS_EXTENSION], settings);
    assert!(asker().capabilities()["resources"].is_object());
    let session = Asker::new(Revision::V2025_11_25, catalog(), ());
    assert!(session.capabilities()["extensions"][SKILLS_EXTENSION].is_null());
    let nothing = Asker::new(Revision::V2026_07_28, Catalog::<()>::new(), ());
    assert!(nothing.capabilities()["extensions"][SKILLS_EXTENSION].is_null());
}

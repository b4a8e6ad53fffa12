//! Resources, prompts and completion, through the dispatcher.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]

use std::sync::Arc;

use ambient::{Clock, Entropy, Timestamp};
use mcp_core::{
    Argument, Call, Catalog, Ctx, Features, Lent, ListCtx, NoFeed, Principal, Prompt, PromptError,
    ReadError, Refusal, Resource, ResourceInfo, Suggestions,
    flow::{Journal, Peer, Replay, Silence},
    user,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::mcp::{
    ClientCapabilities, ClientProfile, ClientRequest, ContentBlock, Implementation, Method, Params,
    PromptMessage, Resource as Listed, ResourceContents, Revision,
};
use tokio_util::sync::CancellationToken;

/// What this is about.
#[derive(Deserialize, JsonSchema)]
struct About {}

impl Resource<()> for About {
    const URI: &'static str = "test://about";
    const NAME: &'static str = "about";
    fn info(info: ResourceInfo) -> ResourceInfo {
        info.mime_type("text/plain")
    }
    async fn read(self, _: &Ctx<()>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(vec![ResourceContents::text(Self::URI, "text/plain", "About.")])
    }
}

/// A note.
#[derive(Deserialize, JsonSchema)]
struct Note {
    id: u32,
}

impl Resource<()> for Note {
    const URI: &'static str = "test://notes/{id}";
    const NAME: &'static str = "note";
    async fn read(self, _: &Ctx<()>) -> Result<Vec<ResourceContents>, ReadError> {
        match self.id {
            0 => Ok(Vec::new()),
            1..=20 => {
                let uri = format!("test://notes/{}", self.id);
                Ok(vec![ResourceContents::text(uri, "text/plain", format!("Note {}", self.id))])
            }
            21 => panic!("as it should"),
            _ => Err(ReadError::NotFound),
        }
    }
    async fn list(_: &ListCtx<()>) -> Vec<Listed> {
        let note = |id: u32| Listed {
            uri: format!("test://notes/{id}"),
            name: format!("note-{id}"),
            title: None,
            description: None,
            mime_type: None,
            annotations: None,
            size: None,
            icons: Vec::new(),
            meta: serde_json::Map::new(),
        };
        (1..=20).map(note).collect()
    }
    async fn complete(_: &ListCtx<()>, argument: Argument<'_>) -> Suggestions {
        Suggestions::starting_with(argument.typed, (1..=20).map(|id| id.to_string()))
    }
}

/// Greets somebody.
#[derive(Deserialize, JsonSchema)]
struct Greet {
    /// Whom.
    name: String,
    /// How.
    style: Option<String>,
}

impl Prompt<()> for Greet {
    const NAME: &'static str = "greet";
    async fn render(self, _: &Ctx<()>) -> Result<Vec<PromptMessage>, PromptError> {
        let style = self.style.as_deref().unwrap_or("plain");
        Ok(vec![user(ContentBlock::text(format!("Greet {} in {style} style", self.name)))])
    }
    async fn complete(_: &ListCtx<()>, argument: Argument<'_>) -> Suggestions {
        match argument.name {
            "style" => Suggestions::starting_with(argument.typed, ["casual", "formal"]),
            _ => Suggestions::default(),
        }
    }
}

async fn ask(method: Method, params: Value) -> Result<Value, Refusal> {
    let catalog = Catalog::new().resource::<Note>().resource::<About>().prompt::<Greet>();
    let features = Features::new(Implementation::new("test", "1"), catalog, ());
    assert!(features.offers(method) && !features.offers(Method::CallTool));
    let profile = ClientProfile {
        revision: Revision::V2026_07_28,
        capabilities: ClientCapabilities::default(),
        info: None,
    };
    let peer = Peer { profile, progress_token: None, log_level: None };
    let call = Call {
        client: Replay::new(Journal::default(), peer, Arc::new(Silence)),
        principal: Arc::new(Principal::anonymous()),
        clock: Clock::manual(Timestamp::from_secs(0)),
        entropy: Entropy::seeded(1),
        cancelled: CancellationToken::new(),
        changes: Arc::new(NoFeed),
        lent: Lent::default(),
    };
    let request = ClientRequest::decode(method, Some(&Params::from(&params))).unwrap();
    features.dispatch(request, call).await.map(|result| serde_json::to_value(result).unwrap())
}

#[tokio::test]
async fn resources_are_listed_in_pages_and_families_by_their_template() {
    let first = ask(Method::ListResources, json!({})).await.unwrap();
    assert_eq!(first["resources"].as_array().unwrap().len(), 10);
    let cursor = json!({ "cursor": "MjA=" });
    let last = ask(Method::ListResources, cursor).await.unwrap();
    assert_eq!(last["resources"][0]["uri"], "test://about");
    assert!(last.get("nextCursor").is_none());
    let templates = ask(Method::ListResourceTemplates, json!({})).await.unwrap();
    assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "test://notes/{id}");
    assert_eq!(templates["resourceTemplates"][0]["description"], "A note.");
}

#[tokio::test]
async fn a_resource_is_read_by_its_address() {
    let read = async |uri: &str| ask(Method::ReadResource, json!({ "uri": uri })).await;
    assert_eq!(read("test://notes/7").await.unwrap()["contents"][0]["text"], "Note 7");
    assert_eq!(read("test://about").await.unwrap()["contents"][0]["text"], "About.");
    for uri in ["test://notes/0", "test://notes/99", "test://notes/x", "test://", "nope"] {
        let missing = Refusal::ResourceNotFound { uri: uri.to_owned() };
        assert_eq!(read(uri).await, Err(missing));
    }
    assert_eq!(read("test://notes/21").await, Err(Refusal::Internal));
}

#[tokio::test]
async fn a_prompt_is_made_to_measure() {
    let listed = ask(Method::ListPrompts, json!({})).await.unwrap();
    let arguments = &listed["prompts"][0]["arguments"];
    assert_eq!(arguments[0], json!({ "name": "name", "description": "Whom.", "required": true }));
    assert_eq!(arguments[1]["required"], false);
    let get = async |arguments: Value| {
        ask(Method::GetPrompt, json!({ "name": "greet", "arguments": arguments })).await
    };
    let made = get(json!({ "name": "Ada" })).await.unwrap();
    assert_eq!(made["messages"][0]["content"]["text"], "Greet Ada in plain style");
    let Err(Refusal::InvalidParams(message)) = get(json!({})).await else {
        panic!("it is required")
    };
    assert!(message.contains("`name`"), "{message}");
    let unknown = ask(Method::GetPrompt, json!({ "name": "nope" })).await;
    assert_eq!(unknown, Err(Refusal::UnknownPrompt { name: "nope".to_owned() }));
}

#[tokio::test]
async fn arguments_and_variables_are_completed() {
    let complete = async |reference: Value, name: &str, value: &str| {
        let argument = json!({ "name": name, "value": value });
        ask(Method::Complete, json!({ "ref": reference, "argument": argument })).await
    };
    let prompt = json!({ "type": "ref/prompt", "name": "greet" });
    let found = complete(prompt.clone(), "style", "F").await.unwrap();
    assert_eq!(found["completion"]["values"], json!(["formal"]));
    let unknown = complete(prompt, "constructor", "").await.unwrap();
    assert_eq!(unknown["completion"]["values"], json!([]));
    let family = json!({ "type": "ref/resource", "uri": "test://notes/{id}" });
    let found = complete(family, "id", "2").await.unwrap();
    assert_eq!(found["completion"]["values"], json!(["2", "20"]));
}

#[tokio::test]
async fn a_variable_that_a_template_does_not_have_is_not_completed() {
    for (uri, name) in
        [("test://notes/{id}", "nope"), ("test://notes/2", ""), ("test://about", "id")]
    {
        let reference = json!({ "type": "ref/resource", "uri": uri });
        let argument = json!({ "name": name, "value": "" });
        let asked = json!({ "ref": reference, "argument": argument });
        let found = ask(Method::Complete, asked).await.unwrap();
        assert_eq!(found["completion"]["values"], json!([]), "{uri} {name}");
    }
}

//! Resources, prompts and completion, through the dispatcher.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Entropy, Timestamp};
use mcp_core::{
    Argument, Call, Catalog, Ctx, Elicited, Features, Lent, ListCtx, NoFeed, Principal, Prompt,
    PromptError, PromptInfo, ReadError, Refusal, Resource, ResourceInfo, Suggestions,
    flow::{Journal, Peer, Replay, Silence},
    testing::{Feature, both_eras},
    user,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::mcp::{
    Annotations, CacheScope, ClientCapabilities, ClientProfile, ClientRequest, ContentBlock, Icon,
    IconTheme, Implementation, Method, Params, PromptMessage, Resource as Listed, ResourceContents,
    Revision,
};
use tokio_util::sync::CancellationToken;

/// What this is about.
#[derive(Deserialize, JsonSchema)]
struct About {}

impl Resource<()> for About {
    const URI: &'static str = "test://about";
    const NAME: &'static str = "about";
    fn info(info: ResourceInfo) -> ResourceInfo {
        info.mime_type("text/plain").size(6).icon(Icon::new("data:,about")).unchanging()
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
    fn info(info: ResourceInfo) -> ResourceInfo {
        let hints = Annotations { priority: Some(0.5), ..Annotations::default() };
        info.annotations(hints).size(6).icon(Icon::new("data:,note")).meta("own", json!(1))
    }
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
        let note = |id: u32| Listed::new(format!("test://notes/{id}"), format!("note-{id}"));
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
    fn info(info: PromptInfo) -> PromptInfo {
        let icon = Icon { theme: Some(IconTheme::Light), ..Icon::new("data:,greet") };
        info.title("Greet").alias("hello").icon(icon).meta("own", json!(1))
    }
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
async fn a_list_says_what_its_author_says() {
    let cursor = json!({ "cursor": "MjA=" });
    let about = ask(Method::ListResources, cursor).await.unwrap()["resources"][0].take();
    assert_eq!((&about["size"], &about["icons"]), (&json!(6), &json!([{ "src": "data:,about" }])));
    let families = ask(Method::ListResourceTemplates, json!({})).await.unwrap();
    let note = &families["resourceTemplates"][0];
    assert_eq!(note["icons"], json!([{ "src": "data:,note" }]));
    assert_eq!(note["annotations"], json!({ "priority": 0.5 }));
    assert_eq!(note["_meta"], json!({ "own": 1 }));
    assert_eq!(note.get("size"), None, "the members of a family have sizes of their own");
    let prompts = ask(Method::ListPrompts, json!({})).await.unwrap();
    let greet = &prompts["prompts"][0];
    assert_eq!(greet["title"], "Greet");
    assert_eq!(greet["icons"], json!([{ "src": "data:,greet", "theme": "light" }]));
    assert_eq!(greet["_meta"], json!({ "own": 1 }));
    assert_eq!(prompts["prompts"].as_array().unwrap().len(), 1, "an alias is not listed");
    let made = ask(Method::GetPrompt, json!({ "name": "hello", "arguments": { "name": "Ada" } }));
    assert!(made.await.is_ok());
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

/// Is the caller's for a minute.
#[derive(Deserialize, JsonSchema)]
struct Draft {}

impl Resource<()> for Draft {
    const URI: &'static str = "test://draft";
    const NAME: &'static str = "draft";
    fn info(info: ResourceInfo) -> ResourceInfo {
        info.cached(Duration::from_mins(1), CacheScope::Private)
    }
    async fn read(self, _: &Ctx<()>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(vec![ResourceContents::text(Self::URI, "text/plain", "Draft.")])
    }
}

#[tokio::test]
async fn what_is_read_stays_good_as_long_as_its_author_says() {
    let catalog = || Catalog::new().resource::<About>().resource::<Note>().resource::<Draft>();
    let read = async |uri: &str| {
        let read = both_eras(catalog, || (), Feature::Resource(uri), json!({}), []).await;
        (read.get("ttlMs").cloned(), read.get("cacheScope").cloned())
    };
    let public = (Some(json!(3_600_000)), Some(json!("public")));
    assert_eq!(read("test://about").await, public);
    assert_eq!(read("test://draft").await, (Some(json!(60_000)), Some(json!("private"))));
    // The edge says what is true of everything else.
    assert_eq!(read("test://notes/7").await, (None, None));
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
    let nowhere = json!({ "type": "ref/resource", "uri": "nowhere://x" });
    let Err(Refusal::InvalidParams(message)) = complete(nowhere, "id", "").await else {
        panic!("completed for a resource that nobody has");
    };
    assert!(message.contains("nowhere://x"), "{message}");
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

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

/// A letter to whom its reader names.
#[derive(Deserialize, JsonSchema)]
struct Letter {
    id: u32,
}

impl Resource<()> for Letter {
    const URI: &'static str = "test://letters/{id}";
    const NAME: &'static str = "letter";
    async fn read(self, ctx: &Ctx<()>) -> Result<Vec<ResourceContents>, ReadError> {
        let name = match ctx.elicit::<Name>("name", "To whom?").await? {
            Elicited::Accepted(Name { name }) => name,
            Elicited::Declined | Elicited::Cancelled => return Err(ReadError::NotFound),
        };
        let text = format!("Letter {} to {name}", self.id);
        Ok(vec![ResourceContents::text("test://letters", "text/plain", text)])
    }
}

/// Greets whom its user names.
#[derive(Deserialize, JsonSchema)]
struct Welcome {
    style: String,
}

impl Prompt<()> for Welcome {
    const NAME: &'static str = "welcome";
    async fn render(self, ctx: &Ctx<()>) -> Result<Vec<PromptMessage>, PromptError> {
        let name = match ctx.elicit::<Name>("name", "Whom?").await? {
            Elicited::Accepted(Name { name }) => name,
            Elicited::Declined | Elicited::Cancelled => "somebody".to_owned(),
        };
        Ok(vec![user(ContentBlock::text(format!("Greet {name} in {} style", self.style)))])
    }
}

fn asking() -> Catalog<()> {
    Catalog::new().resource::<Letter>().prompt::<Welcome>()
}

#[tokio::test]
async fn both_eras_read_a_resource_that_asks() {
    let ada = json!({ "action": "accept", "content": { "name": "Ada" } });
    let letter = Feature::Resource("test://letters/7");
    let read = both_eras(asking, || (), letter, json!({}), [("name", ada)]).await;
    assert_eq!(read["contents"][0]["text"], "Letter 7 to Ada");
}

#[tokio::test]
async fn both_eras_make_a_prompt_that_asks() {
    let arguments = json!({ "style": "plain" });
    let ada = json!({ "action": "accept", "content": { "name": "Ada" } });
    for (answer, name) in [(ada, "Ada"), (json!({ "action": "decline" }), "somebody")] {
        let prompt = Feature::Prompt("welcome");
        let made = both_eras(asking, || (), prompt, arguments.clone(), [("name", answer)]).await;
        let said = &made["messages"][0]["content"]["text"];
        assert_eq!(said, &json!(format!("Greet {name} in plain style")));
    }
}

#[tokio::test]
#[should_panic(expected = "no arguments but its address")]
async fn a_resource_is_given_nothing_but_its_address() {
    let letter = Feature::Resource("test://letters/7");
    both_eras(asking, || (), letter, json!({ "id": 7 }), []).await;
}

//! A client's model that is lent tools: what it is told, what is done once, and what it may not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use ambient::{Clock, Entropy, Timestamp};
use mcp_core::{
    Call, Catalog, Ctx, Features, Info, Json, Lent, NoFeed, Principal, Refusal, Tool, ToolError,
    flow::{Journal, Outcome, Peer, Replay, Silence},
    testing::both_eras,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::mcp::{
    ClientCapabilities, ClientProfile, ClientRequest, CreateMessageParams, Implementation, Method,
    Params, Revision, ToolChoiceMode,
};
use tokio_util::sync::CancellationToken;

/// Counts what was pressed.
#[derive(Clone, Default)]
struct App(Arc<AtomicUsize>);

#[derive(Serialize, JsonSchema)]
struct Pressed {
    times: usize,
}

/// Presses the button.
#[derive(Deserialize, JsonSchema)]
struct Press {
    /// How hard.
    #[schemars(range(max = 9))]
    force: u8,
}

impl Tool<App> for Press {
    const NAME: &'static str = "press";
    type Output = Json<Pressed>;
    async fn call(self, ctx: &Ctx<App>) -> Result<Json<Pressed>, ToolError> {
        if self.force == 0 {
            return Err(ToolError::failed("Harder."));
        }
        Ok(Json(Pressed { times: ctx.app().0.fetch_add(1, SeqCst) + 1 }))
    }
}

/// Needs a scope.
#[derive(Deserialize, JsonSchema)]
struct Launch {}

impl Tool<App> for Launch {
    const NAME: &'static str = "launch";
    type Output = String;
    fn info(info: Info) -> Info {
        info.scope("launch")
    }
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        Ok("launched".to_owned())
    }
}

/// Lets the model press.
#[derive(Deserialize, JsonSchema)]
struct Consult {}

impl Tool<App> for Consult {
    const NAME: &'static str = "consult";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let question = CreateMessageParams {
            messages: Vec::new(),
            max_tokens: 10,
            system_prompt: None,
            temperature: None,
            tools: Vec::new(),
            tool_choice: Some(ToolChoiceMode::Required.into()),
        };
        let lent = Catalog::new().tool::<Press>().tool::<Launch>();
        Ok(ctx.sample_with("model", question, &lent).await?.model)
    }
}

fn catalog() -> Catalog<App> {
    Catalog::new().tool::<Consult>()
}

/// A client of the newest revision, round by round.
struct Rounds {
    app: App,
    sampling: Value,
    scopes: &'static [&'static str],
}

impl Rounds {
    fn new() -> Self {
        Self { app: App::default(), sampling: json!({ "tools": {} }), scopes: &[] }
    }

    async fn run(&self, journal: Journal) -> Outcome<Result<Value, Refusal>> {
        let features = Features::new(Implementation::new("t", "1"), catalog(), self.app.clone());
        let params = Params::from(&json!({ "name": "consult", "arguments": {} }));
        let request = ClientRequest::decode(Method::CallTool, Some(&params)).unwrap();
        let capabilities = json!({ "sampling": self.sampling });
        let capabilities: ClientCapabilities = serde_json::from_value(capabilities).unwrap();
        let revision = Revision::V2026_07_28;
        let profile = ClientProfile { revision, capabilities, info: None };
        let peer = Peer { profile, progress_token: None, log_level: None };
        let replay = Replay::new(journal, peer, Arc::new(Silence));
        let scopes = self.scopes.iter().map(|&scope| scope.to_owned()).collect();
        let principal = Principal { user: Some("u".to_owned()), scopes, ..Principal::anonymous() };
        let call = Call {
            client: replay.clone(),
            principal: Arc::new(principal),
            clock: Clock::manual(Timestamp::from_secs(0)),
            entropy: Entropy::seeded(1),
            cancelled: CancellationToken::new(),
            changes: Arc::new(NoFeed),
            lent: Lent::default(),
        };
        let json = |result| serde_json::to_value(result).unwrap();
        replay.drive(async { features.dispatch(request, call).await.map(json) }).await
    }

    /// The one question of a round, by its key, and what is known then.
    async fn asks(&self, key: &str, journal: Journal) -> (Value, Journal) {
        match self.run(journal).await {
            Outcome::InputRequired { questions, journal } => {
                assert_eq!(questions.keys().collect::<Vec<_>>(), [key]);
                (json!(questions[key])["params"].take(), journal)
            }
            Outcome::Complete(result) => panic!("complete: {result:?}"),
        }
    }
}

fn with(journal: Journal, key: &str, answer: Value) -> Journal {
    journal.with_answers([(key.to_owned(), answer)].into())
}

fn said(content: &Value) -> Value {
    json!({ "role": "assistant", "model": "m", "content": content })
}

fn press(id: &str, force: i64) -> Value {
    json!({ "type": "tool_use", "id": id, "name": "press", "input": { "force": force } })
}

fn done() -> Value {
    said(&json!({ "type": "text", "text": "done" }))
}

#[tokio::test]
async fn a_model_is_lent_what_the_caller_may_use_and_told_what_came_of_it() {
    let rounds = Rounds::new();
    let (first, journal) = rounds.asks("model", Journal::default()).await;
    let names: Vec<_> = first["tools"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names, ["press"], "the scope of the other is missing");
    assert_eq!(first["toolChoice"], json!({ "mode": "required" }));
    let journal = with(journal, "model", said(&json!([press("a", 1), press("b", 0)])));
    let (second, _) = rounds.asks("model-2", journal).await;
    assert_eq!(second["messages"][0]["content"], json!([press("a", 1), press("b", 0)]));
    let told = &second["messages"][1];
    assert_eq!((&told["role"], &told["content"][0]["toolUseId"]), (&json!("user"), &json!("a")));
    assert_eq!(told["content"][0]["structuredContent"], json!({ "times": 1 }));
    assert_eq!(told["content"][1]["isError"], true);
    assert_eq!(second["toolChoice"], json!({ "mode": "auto" }));
}

#[tokio::test]
async fn what_a_model_uses_is_used_once_however_many_rounds_follow() {
    let rounds = Rounds::new();
    let (_, journal) = rounds.asks("model", Journal::default()).await;
    let journal = with(journal, "model", said(&press("a", 1)));
    let (_, journal) = rounds.asks("model-2", journal).await;
    let (_, journal) = rounds.asks("model-2", journal).await;
    let outcome = rounds.run(with(journal, "model-2", done())).await;
    let Outcome::Complete(Ok(result)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(result["content"][0]["text"], "m");
    assert_eq!(rounds.app.0.load(SeqCst), 1);
}

#[tokio::test]
async fn both_eras_agree() {
    let answers = [
        ("model", said(&json!([press("a", 1)]))),
        ("model-2", said(&json!([press("a", 99)]))),
        ("model-3", done()),
    ];
    let result = both_eras(catalog, App::default, "consult", json!({}), answers).await;
    assert_eq!(result["content"][0]["text"], "m");
}

#[tokio::test]
async fn a_model_has_to_answer_in_the_end() {
    let names = ["model", "model-2", "model-3", "model-4", "model-5", "model-6"];
    let wants = |name| (name, said(&json!([press("a", 1)])));
    let answers = names.map(wants).into_iter().chain([("model-6", done())]);
    // The sixth time it is told that it must not, so its wish is of no use and it is asked again.
    let result = both_eras(catalog, App::default, "consult", json!({}), answers).await;
    assert_eq!(result["content"][0]["text"], "m");
}

#[tokio::test]
async fn a_client_whose_model_cannot_use_tools_is_not_asked() {
    for (sampling, needed) in
        [(json!({}), json!({ "tools": {} })), (json!({ "context": {} }), json!({ "tools": {} }))]
    {
        let rounds = Rounds { sampling, ..Rounds::new() };
        let outcome = rounds.run(Journal::default()).await;
        let Outcome::Complete(Err(Refusal::MissingCapability(told))) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(json!(told), json!({ "sampling": needed }));
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_gone_on_with_is_asked_for_again() {
    let rounds = Rounds::new();
    let (_, journal) = rounds.asks("model", Journal::default()).await;
    let result = json!({ "type": "tool_result", "toolUseId": "a", "content": [] });
    let foreign = json!({ "type": "tool_use", "id": "a", "name": "rm", "input": {} });
    let launch = json!({ "type": "tool_use", "id": "a", "name": "launch", "input": {} });
    let many: Vec<_> = (0..11).map(|id| press(&id.to_string(), 1)).collect();
    for unusable in [result, foreign, launch, json!([press("a", 1), press("a", 2)]), json!(many)] {
        let journal = with(journal.clone(), "model", said(&unusable));
        let (_, _) = rounds.asks("model", journal).await;
    }
    assert_eq!(rounds.app.0.load(SeqCst), 0);
    let rounds = Rounds { scopes: &["launch"], ..rounds };
    let (first, _) = rounds.asks("model", Journal::default()).await;
    assert_eq!(first["tools"][1]["name"], "launch");
}

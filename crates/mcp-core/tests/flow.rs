//! One function, two eras: what a feature author is promised.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use ambient::{Clock, Entropy, Timestamp};
use mcp_core::{
    Call, Catalog, Ctx, Elicited, Features, Info, Json, Lent, NoFeed, Principal, Refusal, Tool,
    ToolError,
    flow::{AskError, Client as _, Journal, Outcome, Peer, Replay, Silence},
    testing::both_eras,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::mcp::{
    ClientCapabilities, ClientProfile, ClientRequest, CreateMessageParams, ElicitationCapability,
    Implementation, InputRequest, Method, Params, Revision, RootsCapability, SamplingCapability,
    ServerResult,
};
use tokio_util::sync::CancellationToken;

/// Counts what happens to the world.
#[derive(Clone, Default)]
struct App(Arc<AtomicUsize>);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Cup {
    S,
    M,
}

/// Orders a coffee and returns the receipt.
#[derive(Deserialize, JsonSchema)]
struct OrderCoffee {
    /// Where to bring it.
    address: String,
    /// Asked for when missing.
    cup: Option<Cup>,
}

#[derive(Deserialize, JsonSchema)]
struct Size {
    cup: Cup,
}

#[derive(Deserialize, JsonSchema)]
struct Confirm {
    ok: bool,
}

#[derive(Serialize, JsonSchema)]
struct Receipt {
    order: usize,
    cup: Cup,
}

impl Tool<App> for OrderCoffee {
    const NAME: &'static str = "order_coffee";
    type Output = Json<Receipt>;

    fn info(info: Info) -> Info {
        info.title("Order a coffee").alias("orderCoffee").destructive()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Json<Receipt>, ToolError> {
        let cup = match self.cup {
            Some(cup) => cup,
            None => ctx.elicit::<Size>("size", "Which size?").await?.accepted()?.cup,
        };
        let reserve = async || Ok::<_, ToolError>(ctx.app().0.fetch_add(1, SeqCst) + 1);
        let order = ctx.step("reserve", reserve).await?;
        let question = format!("Bring order {order} to {}?", self.address);
        let Confirm { ok: true } = ctx.elicit("confirm", &question).await?.accepted()? else {
            return Err(ToolError::failed("Not confirmed."));
        };
        Ok(Json(Receipt { order, cup }))
    }
}

/// Asks three things at once.
#[derive(Deserialize, JsonSchema)]
struct AskThree {}

impl Tool<App> for AskThree {
    const NAME: &'static str = "ask_three";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let prompt = CreateMessageParams::new(Vec::new(), 1);
        let (size, sampled, roots) = tokio::join!(
            ctx.elicit::<Size>("size", "?"),
            ctx.sample("greeting", prompt),
            ctx.roots("roots")
        );
        let accepted = matches!(size?, Elicited::Accepted(_));
        Ok(format!("{accepted} {} {}", sampled?.model, roots?.len()))
    }
}

/// Does a step beside a question, and another that fails.
#[derive(Deserialize, JsonSchema)]
struct Beside {}

impl Tool<App> for Beside {
    const NAME: &'static str = "beside";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let slow = ctx.step("slow", async || {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok::<_, ToolError>(ctx.app().0.fetch_add(1, SeqCst) + 1)
        });
        let failing = ctx.step("failing", async || Err::<(), _>(ToolError::failed("boom")));
        let (answer, slow, _) = tokio::join!(ctx.elicit::<Confirm>("ok", "?"), slow, failing);
        answer?;
        Ok(slow?.to_string())
    }
}

/// Panics.
#[derive(Deserialize, JsonSchema)]
struct Crash {}

impl Tool<App> for Crash {
    const NAME: &'static str = "crash";
    type Output = String;
    async fn call(self, _: &Ctx<App>) -> Result<String, ToolError> {
        panic!("as it should")
    }
}

fn catalog() -> Catalog<App> {
    Catalog::new().tool::<OrderCoffee>().tool::<AskThree>().tool::<Beside>().tool::<Crash>()
}

fn accept(content: impl Serialize) -> Value {
    json!({ "action": "accept", "content": content })
}

/// One modern client, round by round.
struct Rounds {
    features: Features,
    capabilities: ClientCapabilities,
}

type Asked = BTreeMap<String, InputRequest>;

fn rounds(app: &App) -> Rounds {
    let capabilities = ClientCapabilities {
        roots: Some(RootsCapability::default()),
        sampling: Some(SamplingCapability::default()),
        elicitation: Some(ElicitationCapability::default()),
        ..ClientCapabilities::default()
    };
    let features = Features::new(Implementation::new("test", "1"), catalog(), app.clone());
    Rounds { features, capabilities }
}

impl Rounds {
    async fn run(
        &self,
        tool: &str,
        arguments: &Value,
        journal: Journal,
    ) -> Outcome<Result<ServerResult, Refusal>> {
        let params = Params::from(&json!({ "name": tool, "arguments": arguments }));
        let request = ClientRequest::decode(Method::CallTool, Some(&params)).unwrap();
        let profile = ClientProfile {
            revision: Revision::V2026_07_28,
            capabilities: self.capabilities.clone(),
            info: None,
        };
        let peer = Peer { profile, progress_token: None, log_level: None };
        let replay = Replay::new(journal, peer, Arc::new(Silence));
        let call = Call {
            client: replay.clone(),
            principal: Arc::new(Principal::anonymous()),
            clock: Clock::manual(Timestamp::from_secs(0)),
            entropy: Entropy::seeded(1),
            cancelled: CancellationToken::new(),
            changes: Arc::new(NoFeed),
            lent: Lent::default(),
        };
        assert!(replay.peer().progress_token.is_none());
        replay.drive(self.features.dispatch(request, call)).await
    }

    async fn asks(&self, tool: &str, arguments: &Value, journal: Journal) -> (Asked, Journal) {
        match self.run(tool, arguments, journal).await {
            Outcome::InputRequired { questions, journal } => (questions, journal),
            Outcome::Complete(result) => panic!("complete: {result:?}"),
        }
    }

    async fn completes(&self, tool: &str, arguments: &Value, journal: Journal) -> Value {
        match self.run(tool, arguments, journal).await {
            Outcome::Complete(result) => serde_json::to_value(result.unwrap()).unwrap(),
            Outcome::InputRequired { questions, .. } => panic!("asks {questions:?}"),
        }
    }
}

fn with(journal: Journal, key: &str, answer: Value) -> Journal {
    journal.with_answers([(key.to_owned(), answer)].into())
}

fn to(address: &str) -> Value {
    json!({ "address": address })
}

#[tokio::test]
async fn both_eras_agree_when_the_user_accepts_and_when_not() {
    let confirmed =
        [("size", accept(json!({ "cup": "M" }))), ("confirm", accept(json!({ "ok": true })))];
    let result = both_eras(catalog, App::default, "order_coffee", to("here"), confirmed).await;
    assert_eq!(result["structuredContent"], json!({ "order": 1, "cup": "M" }));
    for action in ["decline", "cancel"] {
        let answer = [("size", json!({ "action": action }))];
        let result = both_eras(catalog, App::default, "orderCoffee", to("here"), answer).await;
        assert_eq!(result["isError"], true);
    }
}

#[tokio::test]
async fn questions_that_are_asked_together_travel_together() {
    let (asked, _) =
        rounds(&App::default()).asks("ask_three", &json!({}), Journal::default()).await;
    assert_eq!(asked.keys().collect::<Vec<_>>(), ["greeting", "roots", "size"]);
    let sampled =
        json!({ "role": "assistant", "content": { "type": "text", "text": "x" }, "model": "m" });
    let answers = [
        ("size", json!({ "action": "decline" })),
        ("greeting", sampled),
        ("roots", json!({ "roots": [] })),
    ];
    let result = both_eras(catalog, App::default, "ask_three", json!({}), answers).await;
    assert_eq!(result["content"][0]["text"], "false m 0");
}

#[tokio::test]
async fn three_rounds_do_an_effect_once() {
    let app = App::default();
    let rounds = rounds(&app);
    let (asked, journal) = rounds.asks("order_coffee", &to("here"), Journal::default()).await;
    assert!(asked.contains_key("size"));
    let journal = with(journal, "size", accept(json!({ "cup": "S" })));
    let (asked, journal) = rounds.asks("order_coffee", &to("here"), journal).await;
    assert_eq!((app.0.load(SeqCst), asked.contains_key("confirm")), (1, true));
    // A round without the answer asks again, and does nothing again.
    let (_, journal) = rounds.asks("order_coffee", &to("here"), journal).await;
    let journal = with(journal, "confirm", accept(json!({ "ok": true })));
    rounds.completes("order_coffee", &to("here"), journal).await;
    assert_eq!(app.0.load(SeqCst), 1);
}

#[tokio::test]
async fn a_settled_answer_cannot_be_changed_and_an_unknown_one_is_ignored() {
    let rounds = rounds(&App::default());
    let (_, journal) = rounds.asks("order_coffee", &to("here"), Journal::default()).await;
    let journal = with(journal, "size", accept(json!({ "cup": "S" })));
    let (_, journal) = rounds.asks("order_coffee", &to("here"), journal).await;
    let journal = with(journal, "size", accept(json!({ "cup": "M" })));
    let journal = with(journal, "unknown", json!(5));
    let journal = with(journal, "confirm", accept(json!({ "ok": true })));
    let result = rounds.completes("order_coffee", &to("here"), journal).await;
    assert_eq!(result["structuredContent"]["cup"], "S");
}

#[tokio::test]
async fn a_first_round_may_bring_answers() {
    let answers = [
        ("size".to_owned(), accept(json!({ "cup": "M" }))),
        ("confirm".to_owned(), accept(json!({ "ok": true }))),
    ];
    let journal = Journal::unasked(answers.into());
    let result = rounds(&App::default()).completes("order_coffee", &to("here"), journal).await;
    assert_eq!(result["structuredContent"]["order"], 1);
}

#[tokio::test]
async fn an_answer_belongs_to_its_question() {
    let rounds = rounds(&App::default());
    let arguments = json!({ "address": "here", "cup": "S" });
    let (_, journal) = rounds.asks("order_coffee", &arguments, Journal::default()).await;
    let journal = with(journal, "confirm", accept(json!({ "ok": true })));
    let elsewhere = json!({ "address": "elsewhere", "cup": "S" });
    let (asked, _) = rounds.asks("order_coffee", &elsewhere, journal).await;
    assert!(asked.contains_key("confirm"), "what was agreed to was something else");
}

#[tokio::test]
async fn an_unusable_answer_is_asked_for_again() {
    let rounds = rounds(&App::default());
    let (_, journal) = rounds.asks("order_coffee", &to("here"), Journal::default()).await;
    for unusable in [json!(5), json!({ "action": "maybe" }), accept(json!({ "cup": "XXL" }))] {
        let journal = with(journal.clone(), "size", unusable);
        let (asked, _) = rounds.asks("order_coffee", &to("here"), journal).await;
        assert!(asked.contains_key("size"));
    }
}

#[tokio::test]
async fn a_step_is_finished_before_its_call_is_parked_and_a_failed_one_is_not_remembered() {
    let app = App::default();
    let rounds = rounds(&app);
    let (_, journal) = rounds.asks("beside", &json!({}), Journal::default()).await;
    let kept = serde_json::to_value(&journal).unwrap();
    assert_eq!(kept["steps"], json!({ "slow": 1 }));
    let journal = with(journal, "ok", accept(json!({ "ok": true })));
    let result = rounds.completes("beside", &json!({}), journal).await;
    assert_eq!((result["content"][0]["text"].as_str(), app.0.load(SeqCst)), (Some("1"), 1));
}

#[tokio::test]
async fn what_a_client_has_not_declared_is_not_asked() {
    let mut rounds = rounds(&App::default());
    rounds.capabilities.elicitation = None;
    let outcome = rounds.run("order_coffee", &to("here"), Journal::default()).await;
    let Outcome::Complete(Err(Refusal::MissingCapability(needed))) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(needed.elicitation.is_some() && needed.sampling.is_none());
}

#[test]
fn what_is_missing_is_named() {
    let needed = |needed: Value| -> Box<ClientCapabilities> {
        Box::new(serde_json::from_value(needed).unwrap())
    };
    let told = |capabilities| AskError::Unsupported(needed(capabilities)).to_string();
    let start = "the client cannot be asked this: it would have to declare ";
    let url = json!({ "elicitation": { "url": {} } });
    assert_eq!(told(url.clone()), format!("{start}`elicitation.url`"));
    assert_eq!(told(json!({ "sampling": {} })), format!("{start}`sampling`"));
    let both = told(json!({ "sampling": { "tools": {} }, "roots": {} }));
    assert_eq!(both, format!("{start}`roots`, `sampling.tools`"));
    let revision = Revision::V2025_06_18;
    let older = AskError::NotInRevision { needed: needed(url), revision };
    let expected = "the client cannot be asked this: revision 2025-06-18 has no `elicitation.url`";
    assert_eq!(older.to_string(), expected);
}

#[tokio::test]
async fn a_panic_is_a_refusal() {
    let outcome = rounds(&App::default()).run("crash", &json!({}), Journal::default()).await;
    assert_eq!(outcome, Outcome::Complete(Err(Refusal::Internal)));
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_named() {
    let rounds = rounds(&App::default());
    let wrong = json!({ "address": "here", "cup": 5 });
    let result = rounds.completes("order_coffee", &wrong, Journal::default()).await;
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().unwrap().contains("`cup`"), "{result}");
    let missing = rounds.completes("order_coffee", &json!({}), Journal::default()).await;
    assert!(missing["content"][0]["text"].as_str().unwrap().contains("`address`"), "{missing}");
}

#[test]
fn names_and_descriptions_come_from_types() {
    let features = Features::new(Implementation::new("test", "1"), catalog(), App::default());
    assert!(features.offers(Method::CallTool));
    assert!(!features.offers(Method::ListPrompts));
    assert!(features.capabilities(Revision::V2026_07_28).tools.is_some());
}

#[test]
#[should_panic(expected = "two tools are named `crash`")]
fn two_tools_of_one_name_are_a_mistake() {
    let _ = catalog().tool::<Crash>();
}

/// Puts something into its question that another round does not see again.
#[derive(Deserialize, JsonSchema)]
struct Fickle {
    #[serde(default)]
    remembered: bool,
}

impl Tool<App> for Fickle {
    const NAME: &'static str = "fickle";
    type Output = String;
    async fn call(self, ctx: &Ctx<App>) -> Result<String, ToolError> {
        let drawn = async || Ok::<_, ToolError>(ctx.entropy().hex::<4>());
        let code = if self.remembered { ctx.step("code", drawn).await? } else { drawn().await? };
        let question = format!("Is it {code}?");
        ctx.elicit::<Confirm>("ok", &question).await?.accepted()?;
        Ok(code)
    }
}

async fn fickle(remembered: bool) -> Value {
    let catalog = || Catalog::new().tool::<Fickle>();
    let answer = [("ok", accept(json!({ "ok": true })))];
    both_eras(catalog, App::default, "fickle", json!({ "remembered": remembered }), answer).await
}

#[tokio::test]
#[should_panic(expected = "run again, it asks something else")]
async fn a_question_that_differs_from_round_to_round_is_found() {
    fickle(false).await;
}

#[tokio::test]
async fn a_step_makes_a_question_the_same_in_every_round() {
    assert!(fickle(true).await["content"][0]["text"].is_string());
}

/// An answer that is of no use, so many times.
fn useless(times: usize) -> Vec<(&'static str, Value)> {
    vec![("size", accept(json!({ "cup": "XXL" }))); times]
}

#[tokio::test]
async fn both_eras_end_with_the_third_answer_that_is_of_no_use_and_say_what_is_wrong_with_it() {
    // Whoever asks a fourth time gets no answer here, and fails.
    let result = both_eras(catalog, App::default, "order_coffee", to("here"), useless(3)).await;
    assert_eq!(result["isError"], true);
    let text = result["content"][0]["text"].as_str().unwrap();
    let start = "the client gave no usable answer to `size`: `cup` must be";
    assert!(text.starts_with(start), "{text}");
}

#[tokio::test]
async fn a_third_answer_that_is_of_use_is_taken_in_both_eras() {
    let third =
        [("size", accept(json!({ "cup": "S" }))), ("confirm", accept(json!({ "ok": true })))];
    let answers: Vec<_> = useless(2).into_iter().chain(third).collect();
    let result = both_eras(catalog, App::default, "order_coffee", to("here"), answers).await;
    assert_eq!(result["structuredContent"]["cup"], "S");
}

#[tokio::test]
async fn both_eras_ask_again_for_what_is_of_no_use() {
    let answers = [
        ("size", accept(json!({ "cup": "XXL" }))),
        ("size", accept(json!({ "cup": "M" }))),
        ("confirm", accept(json!({ "ok": true }))),
    ];
    let result = both_eras(catalog, App::default, "order_coffee", to("here"), answers).await;
    assert_eq!(result["structuredContent"]["cup"], "M");
}

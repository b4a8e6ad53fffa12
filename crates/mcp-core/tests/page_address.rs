//! People who are sent to web pages, in both eras.

use mcp_core::{
    Catalog, Ctx, Prompt, PromptError, Refusal, Tool, ToolError,
    flow::{AskError, NoPage},
    testing::{Asker, both_eras},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::mcp::{ElicitParams, Method, PromptMessage, UrlMode};

/// Sends its caller somewhere.
#[derive(Deserialize, JsonSchema)]
struct SendTo {
    url: String,
    way: Way,
}

/// In which words.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Way {
    /// A question.
    Asked,
    /// The same, and what is wrong with it is told as what a client could not be asked.
    Told,
    /// A page that must come first.
    First,
}

impl Tool<()> for SendTo {
    const NAME: &'static str = "send_to";
    type Output = String;
    async fn call(self, ctx: &Ctx<()>) -> Result<String, ToolError> {
        let asked = match self.way {
            Way::First => {
                return Err(ToolError::PagesFirst(vec![ElicitParams::Url {
                    mode: UrlMode::Url,
                    message: "First go there.".to_owned(),
                    url: self.url,
                    elicitation_id: Some("1".to_owned()),
                }]));
            }
            Way::Asked => ctx.elicit_url("page", "Please go there.", &self.url).await?,
            Way::Told => {
                let asked = ctx.elicit_url("page", "Please go there.", &self.url).await;
                asked.map_err(ToolError::Ask)?
            }
        };
        asked.accepted()?;
        Ok("been there".to_owned())
    }
}

fn sending() -> Catalog<()> {
    Catalog::new().tool::<SendTo>()
}

#[tokio::test]
async fn people_are_sent_to_pages_that_their_clients_may_open() {
    for url in ["https://example.com/connect?state=1", "http://localhost:8080/"] {
        let accepted = [("page", json!({ "action": "accept" }))];
        let arguments = json!({ "url": url, "way": "asked" });
        let result: Value = both_eras(sending, || (), "send_to", arguments, accepted).await;
        assert_eq!(result["content"][0]["text"], "been there", "{url}");
    }
}

#[tokio::test]
async fn an_address_that_nobody_is_sent_to_is_its_authors_mistake_in_both_eras() {
    let wrong = [
        "http://example.com/",
        "https://alice:hush@example.com/",
        "/relative",
        "javascript:alert(1)",
        "https://example.com/a b",
    ];
    let ways = ["asked", "told", "first"];
    for (url, way) in wrong.into_iter().flat_map(|url| ways.map(|way| (url, way))) {
        for asker in Asker::both(sending, || ()) {
            let arguments = json!({ "url": url, "way": way });
            let params = json!({ "name": "send_to", "arguments": arguments });
            let answers = [("page", json!({ "action": "accept" }))];
            let refused = asker.answered(Method::CallTool, params, answers).await;
            assert_eq!(refused, Err(Refusal::Internal), "{url} {way}");
        }
    }
}

/// Sends its reader somewhere.
#[derive(Deserialize, JsonSchema)]
struct Invitation {}

impl Prompt<()> for Invitation {
    const NAME: &'static str = "invitation";
    async fn render(self, ctx: &Ctx<()>) -> Result<Vec<PromptMessage>, PromptError> {
        let asked = ctx.elicit_url("page", "Please go there.", "http://example.com/").await;
        asked.map_err(PromptError::Ask)?;
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_prompt_does_not_tell_its_reader_of_its_authors_mistake() {
    for asker in Asker::both(|| Catalog::new().prompt::<Invitation>(), || ()) {
        let refused = asker.ask(Method::GetPrompt, json!({ "name": "invitation" })).await;
        assert_eq!(refused, Err(Refusal::Internal));
    }
}

#[test]
fn the_log_says_which_question_and_what_is_wrong_and_not_where_it_leads() {
    let why = NoPage::Credentials;
    let told = AskError::NoPage { key: "page".to_owned(), why }.to_string();
    assert!(told.contains("`page`") && told.contains("user name or a password"), "{told}");
}

//! Sends the user to a page: as a question, or as the error that asks for a page first.

use std::time::Duration;

use mcp_core::{Ctx, Elicited, Info, Kept, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::mcp::{ContentBlock, ElicitParams, Era, UrlMode};
use url::Url;

use crate::features::{App, icons, uuid};

/// Trigger a URL elicitation so the client can direct the user to a browser flow. Supports two
/// mechanisms: the request path (elicitation/create, default), which awaits the user's response,
/// and the error path (-32042), which signals the client to handle URL elicitation via the error
/// response. Set errorPath=true to use the error path, which exists in revision 2025-11-25 only.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UrlElicitation {
    /// The URL the user should open: https, on a host that this server sends people to
    #[schemars(url, length(max = 2048))]
    url: String,
    /// Message shown to the user before opening the URL
    #[serde(default = "please")]
    #[schemars(length(max = 500))]
    message: String,
    /// Optional explicit elicitation ID. Defaults to a random UUID.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    elicitation_id: Option<String>,
    /// When true, the call fails with -32042 and names a page to go to first; the next call with
    /// the same arguments ignores this and proceeds, so that the client does not loop.
    #[serde(default)]
    error_path: bool,
}

fn please() -> String {
    "Please open the link to complete this action.".to_owned()
}

/// The page that the error path names.
const FIRST: &str = "https://modelcontextprotocol.io";

/// A call that was told to go to a page first; the next one like it has been there.
#[derive(Serialize, Deserialize)]
struct Sent {
    call: String,
}

impl Kept for Sent {
    const SHELF: &'static str = "sent-to-page";
    const MOST: u16 = 16;
    const SHELVES: u16 = 256;
    const LIFETIME: Duration = Duration::from_mins(10);
}

impl Tool<App> for UrlElicitation {
    const NAME: &'static str = "url-elicitation";
    type Output = Vec<ContentBlock>;

    fn info(info: Info) -> Info {
        info.title("Trigger URL Elicitation Tool")
            .icon(icons::ARROW_OUT.icon())
            .alias("trigger-url-elicitation")
            .additive()
            .open_world()
    }

    async fn call(self, ctx: &Ctx<App>) -> Result<Vec<ContentBlock>, ToolError> {
        self.check(ctx.app())?;
        if self.error_path && can_be_sent(ctx) && !self.has_been_there(ctx).await? {
            return Err(ToolError::PagesFirst(vec![page_first(random_id(ctx))]));
        }
        let id = match &self.elicitation_id {
            Some(id) => id.clone(),
            // The same in every round of the call.
            None => ctx.step("id", || async { Ok::<_, ToolError>(random_id(ctx)) }).await?,
        };
        let answer = ctx.elicit_url(&id, &self.message, &self.url).await?;
        let (text, action) = match answer {
            Elicited::Accepted(()) => {
                let text = "✅ User completed the URL elicitation flow.";
                (format!("{text}\nElicitation ID: {id}\nURL: {}", self.url), "accept")
            }
            Elicited::Declined => {
                (format!("❌ User declined to open the URL (Elicitation ID: {id})."), "decline")
            }
            Elicited::Cancelled => {
                (format!("⚠️ User cancelled the URL elicitation (Elicitation ID: {id})."), "cancel")
            }
        };
        let raw = format!("\nRaw result: {{\n  \"action\": \"{action}\"\n}}");
        Ok(vec![ContentBlock::text(text), ContentBlock::text(raw)])
    }
}

impl UrlElicitation {
    /// A page is opened in this server's name, so not every page will do.
    fn check(&self, app: &App) -> Result<(), ToolError> {
        // A parser of browsers mends slashes that are missing or too many, and a client's need not.
        let is_whole = self.url.split_once("://").is_some_and(|(scheme, rest)| {
            !scheme.contains(['/', '?', '#']) && !rest.starts_with('/')
        });
        let url = Url::parse(&self.url).ok().filter(|_| is_whole);
        let url = url.ok_or_else(|| ToolError::failed("The URL is none."))?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        let is_known = url.host_str().is_some_and(|host| app.pages.iter().any(|page| page == host));
        if url.scheme() == "https" && url.port().is_none() && is_plain && is_known {
            return Ok(());
        }
        let hosts = app.pages.join(", ");
        Err(ToolError::failed(format!(
            "This server sends people to https pages on these hosts only: {hosts}."
        )))
    }

    /// Whether the caller was sent to the first page by a call like this one, which counts once.
    async fn has_been_there(&self, ctx: &Ctx<App>) -> Result<bool, ToolError> {
        let Self { url, message, elicitation_id, .. } = self;
        let call = serde_json::to_string(&(url, message, elicitation_id))?;
        let sent = ctx.state().shelf::<Sent>();
        let before = sent.entries().await?.iter().filter(|one| one.call == call).count();
        sent.append(&[Sent { call }]).await?;
        Ok(before % 2 == 1)
    }
}

/// The error exists in sessions of one revision, for clients that can show pages.
fn can_be_sent(ctx: &Ctx<App>) -> bool {
    let profile = &ctx.peer().profile;
    let revision = profile.revision;
    revision.era() == Era::Legacy
        && revision.has_elicitation_modes()
        && profile.capabilities.has_url_elicitation()
}

fn random_id(ctx: &Ctx<App>) -> String {
    uuid::random(ctx.entropy())
}

fn page_first(id: String) -> ElicitParams {
    ElicitParams::Url {
        mode: UrlMode::Url,
        message: "Open this link to satisfy the prerequisite, then retry the request.".to_owned(),
        url: FIRST.to_owned(),
        elicitation_id: Some(id),
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::{
        Refusal,
        testing::{Asker, both_eras},
    };
    use serde_json::{Value, json};
    use shared::mcp::{Method, Revision};

    use crate::features::{App, catalog};

    async fn told(action: &str) -> [String; 2] {
        let arguments = json!({ "url": "https://example.com/a", "elicitationId": "eid1" });
        let answers = [("eid1", json!({ "action": action }))];
        let result = both_eras(catalog, App::default, "url-elicitation", arguments, answers).await;
        [0, 1].map(|n| result["content"][n]["text"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn it_tells_what_the_user_made_of_it() {
        let text = "✅ User completed the URL elicitation flow.\nElicitation ID: eid1\n\
                    URL: https://example.com/a";
        let raw = "\nRaw result: {\n  \"action\": \"accept\"\n}";
        assert_eq!(told("accept").await, [text, raw]);
        let declined = "❌ User declined to open the URL (Elicitation ID: eid1).";
        assert_eq!(told("decline").await[0], declined);
        let cancelled = "⚠️ User cancelled the URL elicitation (Elicitation ID: eid1).";
        assert_eq!(told("cancel").await[0], cancelled);
    }

    #[tokio::test]
    async fn a_client_that_cannot_be_asked_is_told_what_it_lacks() {
        let arguments = json!({ "url": "https://example.com/a" });
        let told = async |revision, capabilities| {
            let asker = Asker::new(revision, catalog(), App::default()).able(capabilities);
            let result = asker.call("url-elicitation", arguments.clone()).await;
            assert_eq!(result["isError"], true, "{result}");
            result["content"][0]["text"].as_str().unwrap().to_owned()
        };
        let start = "the client cannot be asked this: ";
        let forms = json!({ "elicitation": {} });
        let undeclared = told(Revision::V2025_11_25, forms.clone()).await;
        assert_eq!(undeclared, format!("{start}it would have to declare `elicitation.url`"));
        let older = told(Revision::V2025_06_18, forms).await;
        assert_eq!(older, format!("{start}revision 2025-06-18 has no `elicitation.url`"));
    }

    #[tokio::test]
    async fn only_known_https_pages_are_opened_in_the_name_of_the_server() {
        for url in [
            "http://example.com/",
            "https://evil.example/",
            "https://example.com.evil.example/",
            "https://user@example.com/",
            "https://example.com:8443/",
            "javascript:alert(1)",
            "nope",
            "https:example.com/a",
            "https:/example.com/a",
            "https:///example.com/",
            "https:example.com/?next=https://example.com/",
        ] {
            let arguments = json!({ "url": url });
            let result = both_eras(catalog, App::default, "url-elicitation", arguments, []).await;
            assert_eq!(result["isError"], true, "{url}");
        }
    }

    /// Calls it on the error path: the code word of a page that must come first, or nothing.
    async fn sent_first(asker: &Asker, url: &str) -> bool {
        let arguments = json!({ "url": url, "errorPath": true, "elicitationId": "eid1" });
        let params = json!({ "name": "url-elicitation", "arguments": arguments });
        let answers: Value = json!({ "action": "accept" });
        match asker.answered(Method::CallTool, params, [("eid1", answers)]).await {
            Err(Refusal::PagesFirst(pages)) => {
                assert_eq!(pages.len(), 1);
                true
            }
            other => {
                assert!(other.is_ok(), "{other:?}");
                false
            }
        }
    }

    #[tokio::test]
    async fn a_session_is_sent_to_the_page_once_before_each_call() {
        let [asker, modern] = Asker::both(catalog, App::default);
        let url = "https://example.com/b";
        assert!(sent_first(&asker, url).await);
        assert!(!sent_first(&asker, url).await, "it has been there");
        assert!(sent_first(&asker, url).await);
        // What one session was sent to is nothing to another.
        assert!(sent_first(&asker.session("other"), url).await);
        assert!(!sent_first(&modern, url).await, "there is no such error any more");
    }
}

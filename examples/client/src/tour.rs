//! What there is to see: every feature of the protocol once, the same in both eras but for the few
//! lines where they differ.

use serde_json::{Value, json};

use crate::{
    Result, calls, catalogue,
    modern::Modern,
    say,
    session::Session,
    streams, tasks,
    wire::{Refused, Wire},
};

/// A server, as one of the eras knows it.
pub(crate) enum Server {
    /// Without sessions.
    Modern(Modern),
    /// In a session.
    Session(Session),
}

impl Server {
    /// Makes a request; what the server asks meanwhile is answered.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        match self {
            Self::Modern(modern) => modern.call(method, params).await,
            Self::Session(session) => session.call(method, params).await,
        }
    }

    /// Makes a request that the server is to refuse, and hands over why.
    pub(crate) async fn refusal(&mut self, method: &str, params: Value) -> Result<Value> {
        match self.call(method, params).await {
            Ok(result) => Err(format!("this was to be refused: {result}").into()),
            Err(error) => error.downcast::<Refused>().map(|refused| refused.0),
        }
    }

    /// Calls a tool, and shows what it says.
    pub(crate) async fn tool(&mut self, name: &str, arguments: Value) -> Result<Value> {
        let progress = json!({ "progressToken": name });
        let params = json!({ "name": name, "arguments": arguments, "_meta": progress });
        let result = self.call("tools/call", params).await?;
        say(format_args!("  {name}: {}", shown(&result)));
        if result["isError"] == true {
            return Err(format!("{name} has failed").into());
        }
        Ok(result)
    }

    /// A list as a whole, however many pages it has.
    pub(crate) async fn list(&mut self, method: &str, member: &str) -> Result<Vec<Value>> {
        let (mut page, mut all) = (json!({}), Vec::new());
        loop {
            let mut listed = self.call(method, page).await?;
            if let Value::Array(some) = listed[member].take() {
                all.extend(some);
            }
            match listed.get("nextCursor") {
                Some(cursor) => page = json!({ "cursor": cursor }),
                None => return Ok(all),
            }
        }
    }

    pub(crate) const fn wire(&self) -> &Wire {
        match self {
            Self::Modern(modern) => modern.wire(),
            Self::Session(session) => session.wire(),
        }
    }
}

/// Everything.
pub(crate) async fn all(server: &mut Server) -> Result<()> {
    greeting(server).await?;
    calls::tools(server).await?;
    calls::questions(server).await?;
    calls::refusals(server).await?;
    calls::app(server).await?;
    catalogue::prompts(server).await?;
    catalogue::resources(server).await?;
    tasks::all(server).await?;
    streams::cancellation(server).await?;
    streams::resumption(server).await?;
    streams::logs(server).await?;
    streams::subscription(server).await?;
    catalogue::left_out(server).await?;
    if let Server::Session(session) = server {
        session.end().await?;
    }
    Ok(())
}

async fn greeting(server: &mut Server) -> Result<()> {
    let (said, about) = match server {
        Server::Modern(modern) => {
            let discovered = modern.call("server/discover", json!({})).await?;
            (discovered["_meta"]["io.modelcontextprotocol/serverInfo"].clone(), discovered)
        }
        Server::Session(session) => {
            session.call("ping", json!({})).await?;
            (session.initialized["serverInfo"].clone(), session.initialized.clone())
        }
    };
    say(format_args!("It is {} and can {}", said["name"], about["capabilities"]));
    Ok(())
}

/// The names in a list.
pub(crate) fn names(list: &[Value], member: &str) -> String {
    list.iter().filter_map(|one| one[member].as_str()).collect::<Vec<_>>().join(", ")
}

/// As much of a text as fits a line.
pub(crate) fn beginning(text: &str) -> String {
    text.chars().take(100).map(|c| if c == '\n' { ' ' } else { c }).collect()
}

/// What a result says to people, in short.
pub(crate) fn shown(result: &Value) -> String {
    let block = |block: &Value| match block["type"].as_str() {
        Some("text") => beginning(block["text"].as_str().unwrap_or_default()),
        Some(other) => format!("[{other}]"),
        None => String::new(),
    };
    let blocks: Vec<_> = result["content"].as_array().into_iter().flatten().map(block).collect();
    blocks.join(" / ")
}

//! The prompts, one file each.

mod args_prompt;
mod completable_prompt;
mod complex_prompt;
mod former_resource_prompt;
mod resource_prompt;
mod simple_prompt;

pub(super) use self::{
    args_prompt::ArgsPrompt, completable_prompt::CompletablePrompt, complex_prompt::ComplexPrompt,
    former_resource_prompt::FormerResourcePrompt, resource_prompt::ResourcePrompt,
    simple_prompt::SimplePrompt,
};

#[cfg(test)]
mod testing {
    use mcp_core::{Refusal, testing::Asker};
    use serde_json::{Value, json};
    use shared::mcp::Method;

    use crate::features::{App, catalog};

    /// Gets a prompt in both eras; gives its messages.
    pub(super) async fn made(name: &str, arguments: Value) -> Result<Value, Refusal> {
        let mut made = Vec::new();
        for asker in Asker::both(catalog, App::default) {
            let params = json!({ "name": name, "arguments": arguments });
            made.push(asker.ask(Method::GetPrompt, params).await);
        }
        assert_eq!(made[0], made[1], "the eras differ");
        Ok(made.remove(0)?["messages"].clone())
    }

    /// A message of the user, as it is written.
    pub(super) fn says(text: &str) -> Value {
        json!({ "role": "user", "content": { "type": "text", "text": text } })
    }

    /// What an argument could be, with others filled in.
    pub(super) async fn suggested(name: &str, argument: [&str; 2], others: Value) -> Value {
        let [_, asker] = Asker::both(catalog, App::default);
        let params = json!({
            "ref": { "type": "ref/prompt", "name": name },
            "argument": { "name": argument[0], "value": argument[1] },
            "context": { "arguments": others },
        });
        let result = asker.ask(Method::Complete, params).await.unwrap();
        result["completion"]["values"].clone()
    }
}

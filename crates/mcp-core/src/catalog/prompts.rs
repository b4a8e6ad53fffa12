//! Prompts in a catalog: how each is listed and made.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use shared::mcp::{Prompt as ListedPrompt, PromptArgument, PromptMessage};

use crate::{Ctx, Prompt, PromptError, PromptInfo, arguments, catalog::Completing, schema};

/// The messages, and what they are for if that depends on the arguments.
pub(crate) struct Rendered {
    pub(crate) description: Option<String>,
    pub(crate) messages: Vec<PromptMessage>,
}

/// Makes the messages for these arguments.
type Render<S> = Box<
    dyn for<'a> Fn(
            BTreeMap<String, String>,
            &'a Ctx<S>,
        ) -> BoxFuture<'a, Result<Rendered, PromptError>>
        + Send
        + Sync,
>;

pub(crate) struct PromptEntry<S> {
    pub(crate) listed: Arc<ListedPrompt>,
    pub(crate) aliases: Vec<&'static str>,
    pub(crate) render: Render<S>,
    pub(crate) complete: Completing<S>,
}

impl<S: Send + Sync + 'static> PromptEntry<S> {
    pub(super) fn new<P: Prompt<S>>(info: PromptInfo) -> Self {
        let (schema, description) = schema::input::<P>();
        let listed = Arc::new(ListedPrompt {
            name: P::NAME.to_owned(),
            title: info.title.map(str::to_owned),
            description,
            arguments: listed(&schema),
            icons: info.icons,
            meta: info.meta,
        });
        Self {
            listed,
            aliases: info.aliases,
            render: Box::new(|arguments, ctx| {
                let prompt = decode::<P>(arguments);
                Box::pin(async move {
                    let prompt = prompt?;
                    let description = prompt.description();
                    let messages = prompt.render(ctx).await?;
                    Ok(Rendered { description, messages })
                })
            }),
            complete: Box::new(|ctx, argument| Box::pin(P::complete(ctx, argument))),
        }
    }
}

/// The fields of the type, as arguments in their order.
fn listed(schema: &Value) -> Vec<PromptArgument> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let text = |field: &Value, member: &str| field[member].as_str().map(str::to_owned);
    let fields = schema["properties"].as_object().into_iter().flatten();
    let argument = |(name, field): (&String, &Value)| PromptArgument {
        name: name.clone(),
        title: text(field, "title"),
        description: text(field, "description"),
        required: required.iter().any(|required| required == name),
    };
    fields.map(argument).collect()
}

fn decode<P: serde::de::DeserializeOwned>(
    arguments: BTreeMap<String, String>,
) -> Result<P, PromptError> {
    let members: Map<String, Value> =
        arguments.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
    arguments::fitting(Value::Object(members))
        .map_err(|wrong| PromptError::Invalid(format!("The arguments do not fit: {wrong}")))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Basic,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Explain {
        level: Level,
    }

    #[test]
    fn an_argument_that_does_not_fit_is_named() {
        let read = |level: &str| decode::<Explain>([("level".to_owned(), level.to_owned())].into());
        assert_eq!(read("basic").unwrap(), Explain { level: Level::Basic });
        let Err(PromptError::Invalid(wrong)) = read("odd") else { panic!("it is no level") };
        assert_eq!(wrong, "The arguments do not fit: `level` must be `basic`");
        let Err(PromptError::Invalid(wrong)) = decode::<Explain>(BTreeMap::new()) else {
            panic!("it is required")
        };
        assert!(wrong.contains("missing field `level`"), "{wrong}");
    }
}

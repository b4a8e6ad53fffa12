//! A prompt whose second argument depends on its first.

use mcp_core::{Argument, Ctx, ListCtx, Prompt, PromptError, PromptInfo, Suggestions, user};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::{ContentBlock, PromptMessage};

use crate::features::App;

/// Who works where.
const TEAMS: [(&str, [&str; 3]); 4] = [
    ("Engineering", ["Alice", "Bob", "Charlie"]),
    ("Sales", ["David", "Eve", "Frank"]),
    ("Marketing", ["Grace", "Henry", "Iris"]),
    ("Support", ["John", "Kim", "Lee"]),
];

/// First argument choice narrows values for second argument.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CompletablePrompt {
    /// Choose the department: Engineering, Sales, Marketing or Support, or any other.
    department: String,
    /// Choose a team member to lead the selected department.
    name: String,
}

impl Prompt<App> for CompletablePrompt {
    const NAME: &'static str = "completable-prompt";

    fn info(info: PromptInfo) -> PromptInfo {
        info.title("Team Management")
    }

    async fn render(self, _: &Ctx<App>) -> Result<Vec<PromptMessage>, PromptError> {
        let Self { department, name } = self;
        let text = format!("Please promote {name} to the head of the {department} team.");
        Ok(vec![user(ContentBlock::text(text))])
    }

    async fn complete(_: &ListCtx<App>, argument: Argument<'_>) -> Suggestions {
        match argument.name {
            "department" => {
                Suggestions::starting_with(argument.typed, TEAMS.map(|(department, _)| department))
            }
            "name" => {
                let department = argument.others.get("department");
                let team = TEAMS.iter().find(|(name, _)| department.is_some_and(|d| d == name));
                let names = team.into_iter().flat_map(|(_, names)| names.iter().copied());
                Suggestions::starting_with(argument.typed, names)
            }
            _ => Suggestions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::features::everything::prompts::testing::{made, says, suggested};

    const NAME: &str = "completable-prompt";

    #[tokio::test]
    async fn it_promotes_somebody() {
        let sales = made(NAME, json!({ "department": "Sales", "name": "Eve" })).await;
        let text = "Please promote Eve to the head of the Sales team.";
        assert_eq!(sales.unwrap(), json!([says(text)]));
        // The choices are suggestions.
        assert!(made(NAME, json!({ "department": "Zed", "name": "Bob" })).await.is_ok());
    }

    #[tokio::test]
    async fn departments_are_completed() {
        let all = json!(["Engineering", "Sales", "Marketing", "Support"]);
        assert_eq!(suggested(NAME, ["department", ""], json!({})).await, all);
        let some = suggested(NAME, ["department", "S"], json!({})).await;
        assert_eq!(some, json!(["Sales", "Support"]));
    }

    #[tokio::test]
    async fn names_are_those_of_the_department_that_was_chosen() {
        let sales = json!({ "department": "Sales" });
        let names = suggested(NAME, ["name", ""], sales).await;
        assert_eq!(names, json!(["David", "Eve", "Frank"]));
        let engineering = json!({ "department": "Engineering" });
        assert_eq!(suggested(NAME, ["name", "A"], engineering).await, json!(["Alice"]));
        assert_eq!(suggested(NAME, ["name", ""], json!({})).await, json!([]));
        assert_eq!(suggested(NAME, ["other", ""], json!({})).await, json!([]));
    }
}

//! What a feature author sees, and what runs it. No sockets, no revisions, no store.
//!
//! A tool is a type. Its fields are the arguments, its doc comments the descriptions:
//!
//! ```
//! use mcp_core::{Catalog, Ctx, Info, Tool, ToolError};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! /// Orders a coffee.
//! #[derive(Deserialize, JsonSchema)]
//! struct OrderCoffee {
//!     /// Where to bring it.
//!     address: String,
//! }
//!
//! /// The form before anything happens.
//! #[derive(Deserialize, JsonSchema)]
//! struct Confirm {
//!     ok: bool,
//! }
//!
//! impl Tool<()> for OrderCoffee {
//!     const NAME: &'static str = "order_coffee";
//!     type Output = String;
//!
//!     fn info(info: Info) -> Info {
//!         info.title("Order a coffee")
//!     }
//!
//!     async fn call(self, ctx: &Ctx<()>) -> Result<String, ToolError> {
//!         let question = format!("Bring it to {}?", self.address);
//!         let confirm: Confirm = ctx.elicit("confirm", &question).await?.accepted()?;
//!         if !confirm.ok {
//!             return Err(ToolError::failed("Not confirmed."));
//!         }
//!         Ok("On its way.".to_owned())
//!     }
//! }
//!
//! # #[cfg(feature = "testing")]
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! // One test, two eras:
//! let catalog = || Catalog::new().tool::<OrderCoffee>();
//! let arguments = serde_json::json!({ "address": "Baker Street" });
//! let answer = serde_json::json!({ "action": "accept", "content": { "ok": true } });
//! let answers = [("confirm", answer)];
//! let result =
//!     mcp_core::testing::both_eras(catalog, || (), "order_coffee", arguments, answers).await;
//! assert_eq!(result["content"][0]["text"], "On its way.");
//! # });
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! A question may be answered at once or in another request to another instance; the function does
//! not know. It may run again from the top after a question: what it has asked is answered from
//! memory, what it does to the world goes into [`Ctx::step`].
//!
//! A call cannot outlive its request: [`Ctx`] is borrowed and cannot be cloned, so a spawned task
//! cannot keep it.
//!
//! ```compile_fail,E0521
//! async fn call(ctx: &mcp_core::Ctx<()>) {
//!     tokio::spawn(async move { ctx.roots("roots").await });
//! }
//! ```
//!
//! The same without the task compiles.
//!
//! ```
//! async fn call(ctx: &mcp_core::Ctx<()>) {
//!     let _ = ctx.roots("roots").await;
//! }
//! ```

mod arguments;
mod catalog;
mod changes;
mod constraints;
mod ctx;
mod delegated;
mod dispatch;
mod failure;
pub mod flow;
mod form;
mod listing;
mod metered;
mod mirrored;
mod page_address;
mod principal;
mod prompt;
mod resource;
mod rhythm;
mod sampling;
mod schema;
mod skill;
mod state;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tool;
mod uri;
mod vitals;
mod web;

pub use self::{
    catalog::{Catalog, UnusableName},
    changes::{Announced, Change, ChangeFeed, NoFeed},
    ctx::{Call, Ctx, Elicited, Lent},
    delegated::{Delegated, FollowedTask},
    dispatch::{Features, Names, Refusal},
    listing::{ListCtx, Suggestions},
    metered::Metered,
    mirrored::MirroredParam,
    principal::Principal,
    prompt::{Prompt, PromptError, PromptInfo, assistant, user},
    resource::{Argument, ReadError, Resource, ResourceInfo},
    rhythm::{Beats, Due, Rhythm, Switch, Told},
    skill::Skill,
    state::{Kept, NoState, Owners, Shelf, ShelfAddress, State, StateError, StateStore, Tally},
    tool::{Info, IntoOutput, Json, Tool, ToolError, Worded},
    vitals::{InstanceFacts, NoVitals, SessionFacts, Snapshot, Vitals},
    web::{Answered, NoWeb, Web, WebError},
};

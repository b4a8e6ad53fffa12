//! The toolset of the reference servers: one tool, resource or prompt for every feature of the
//! protocol. Names and texts are those of the originals; where they were wrong, a test says how.

mod content;
mod numbered;
mod prompts;
mod resources;
mod rhythms;
mod tools;

use mcp_core::{Announced, Catalog, Features};

use super::App;

/// Adds the toolset to a catalog.
pub(super) fn add_to(catalog: Catalog<App>) -> Catalog<App> {
    add_former(add_prompts(add_resources(add_tools(catalog))))
}

/// What a server with this toolset tells of itself.
pub(super) fn described(features: Features) -> Features {
    let announced = Announced { resource_updates: true, ..features.announced() };
    features.announcing(announced).with_instructions(resources::INSTRUCTIONS)
}

fn add_tools(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .tool::<tools::Echo>()
        .tool::<tools::Add>()
        .tool::<tools::LongRunningOperation>()
        .tool::<tools::AnnotatedMessage>()
        .tool::<tools::GetTinyImage>()
        .tool::<tools::GetStructuredContent>()
        .tool::<tools::GetResourceLinks>()
        .tool::<tools::GetResourceReference>()
        .tool::<tools::GetRootsList>()
        .tool::<tools::SamplingRequest>()
        .tool::<tools::ElicitationRequest>()
        .tool::<tools::UrlElicitation>()
        .tool::<tools::SimulateResearchQuery>()
        .tool::<tools::SamplingRequestAsync>()
        .tool::<tools::ElicitationRequestAsync>()
        .tool::<tools::ToggleLogging>()
        .tool::<tools::ToggleSubscriberUpdates>()
        .rhythm::<rhythms::SimulatedLogging>()
        .rhythm::<rhythms::SubscriberUpdates>()
}

/// The numbered ones come first: their pages are those of the original.
fn add_resources(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .resource::<resources::StaticResource>()
        .resource::<resources::DynamicText>()
        .resource::<resources::DynamicBlob>()
        .resource::<resources::Document>()
}

fn add_prompts(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .prompt::<prompts::SimplePrompt>()
        .prompt::<prompts::ArgsPrompt>()
        .prompt::<prompts::CompletablePrompt>()
        .prompt::<prompts::ResourcePrompt>()
        .prompt::<prompts::ComplexPrompt>()
        .prompt::<prompts::FormerResourcePrompt>()
}

/// Older names whose servers took other arguments or said something else.
fn add_former(catalog: Catalog<App>) -> Catalog<App> {
    catalog
        .tool::<tools::FormerTinyImage>()
        .tool::<tools::FormerStructuredContent>()
        .tool::<tools::FormerResourceReference>()
        .tool::<tools::FormerSampling>()
        .tool::<tools::ElicitInputs>()
}

//! The tools, one file each.

mod add;
mod annotated_message;
mod choices;
mod echo;
mod elicit_inputs;
mod elicitation_request;
mod elicitation_request_async;
mod followed;
mod get_resource_links;
mod get_resource_reference;
mod get_roots_list;
mod get_structured_content;
mod get_tiny_image;
mod long_running_operation;
mod sampling_request;
mod sampling_request_async;
mod simulate_research_query;
mod toggle_logging;
mod toggle_subscriber_updates;
mod url_elicitation;

pub(super) use self::{
    add::Add,
    annotated_message::AnnotatedMessage,
    echo::Echo,
    elicit_inputs::ElicitInputs,
    elicitation_request::ElicitationRequest,
    elicitation_request_async::ElicitationRequestAsync,
    get_resource_links::GetResourceLinks,
    get_resource_reference::{FormerResourceReference, GetResourceReference},
    get_roots_list::GetRootsList,
    get_structured_content::{FormerStructuredContent, GetStructuredContent},
    get_tiny_image::{FormerTinyImage, GetTinyImage},
    long_running_operation::LongRunningOperation,
    sampling_request::{FormerSampling, SamplingRequest},
    sampling_request_async::SamplingRequestAsync,
    simulate_research_query::SimulateResearchQuery,
    toggle_logging::ToggleLogging,
    toggle_subscriber_updates::ToggleSubscriberUpdates,
    url_elicitation::UrlElicitation,
};

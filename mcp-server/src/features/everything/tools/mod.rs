//! The tools, one file each.

mod add;
mod echo;
mod elicitation_request;
mod long_running_operation;

pub(super) use self::{
    add::Add, echo::Echo, elicitation_request::ElicitationRequest,
    long_running_operation::LongRunningOperation,
};

//! The Model Context Protocol, once for all revisions.
//!
//! There is one neutral model, in the shape of the newest revision; what an older one cannot read
//! is taken away at the edge of the server, not here. What a revision has is asked of
//! [`Revision`], never compared elsewhere.
//!
//! Types that clients send know how to read themselves, types that servers send how to write
//! themselves; the few that travel both ways do both. Sources: the specification's `schema.ts` of
//! 2026-07-28 and, where it has dropped something, of 2025-11-25.

mod completion;
mod content;
mod depth;
pub mod headers;
mod input;
mod jsonrpc;
mod lifecycle;
mod meta;
mod misfit;
mod notification;
mod object;
mod params;
mod prompts;
mod request;
mod request_id;
mod resources;
mod result;
mod revision;
mod sampling;
mod skills;
mod tasks;
mod tools;
mod written;

pub use completion::{
    CompleteParams, CompleteResult, Completion, CompletionArgument, CompletionContext,
    CompletionReference,
};
pub use content::{
    Annotations, ContentBlock, EmbeddedResource, Icon, IconTheme, MediaContent, ResourceContents,
    ResourceData, Role, TextContent,
};
pub use input::{
    CreateMessageParams, CreateMessageResult, ElicitAction, ElicitParams, ElicitResult,
    InputRequest, InputRequiredResult, ListRootsResult, OneOrMany, Root, SamplingContent,
    SamplingMessage, UrlMode, malformed_answer,
};
pub use jsonrpc::{ErrorCode, ErrorObject, Incoming, MalformedMessage, Message, Outgoing, RawJson};
pub use lifecycle::{
    ClientCapabilities, ClientProfile, DiscoverResult, ElicitationCapability, Implementation,
    InitializeParams, InitializeResult, ListChangedCapability, ResourcesCapability,
    RootsCapability, SamplingCapability, ServerCapabilities,
};
pub use meta::{Claim, MalformedMeta, ProgressToken, RequestMeta, TraceContext, keys};
pub use misfit::misfit;
pub use notification::{
    AboutSubscription, AcknowledgedParams, CancelledParams, ListenFilter, LogLevel, LogParams,
    ProgressParams, ServerNotification, SubscriptionMeta, TaskNoteParams, UpdatedParams,
};
pub use params::Params;
pub use prompts::{
    GetPromptParams, GetPromptResult, ListPromptsResult, Prompt, PromptArgument, PromptMessage,
};
pub use request::{
    CallToolParams, ClientRequest, InputResponses, ListParams, ListenParams, MalformedParams,
    Method, ReadResourceParams, SetLevelParams, UriParams,
};
pub use request_id::RequestId;
pub use resources::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceTemplate,
};
pub use result::{
    CacheHint, CacheScope, EmptyResult, Head, ListenResult, ResultMeta, ResultType, ServerResult,
};
pub use revision::{Era, Revision, UnknownRevision};
pub use sampling::{
    IncludeContext, ModelHint, ModelPreferences, SamplingTool, ToolChoice, ToolChoiceMode, ToolUse,
    ToolUseResult,
};
pub use skills::{
    DIRECTORY, DirectoryParams, GetSkillResult, ListSkillsResult, ReadDirectoryResult,
    SKILLS_EXTENSION, Sha256Digest, Skill, SkillFile,
};
pub use tasks::{
    CoreTask, DetailedTask, TASKS_EXTENSION, Task, TaskBody, TaskParams, TaskRequest, TaskResult,
    TaskStatus, TaskSupport, ToolExecution, UpdateTaskParams,
};
pub use tools::{CallToolResult, ListToolsResult, Tool, ToolAnnotations};
pub use written::Written;

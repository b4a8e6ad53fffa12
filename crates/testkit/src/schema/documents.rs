//! The schema files, and one compiled validator for each definition that is used.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonschema::Validator;
use serde_json::{Value, json};
use shared::mcp::{Era, Revision};

use crate::fail::OrFail as _;

/// The schema of one revision.
pub(super) struct Document {
    pub(super) revision: Revision,
    json: Value,
    /// Where the definitions are: draft 7 and draft 2020-12 call the place differently.
    container: &'static str,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

static V2024_11_05: LazyLock<Document> = LazyLock::new(|| {
    Document::read(Revision::V2024_11_05, include_str!("../../schema/2024-11-05.json"))
});
static V2025_03_26: LazyLock<Document> = LazyLock::new(|| {
    Document::read(Revision::V2025_03_26, include_str!("../../schema/2025-03-26.json"))
});
static V2025_06_18: LazyLock<Document> = LazyLock::new(|| {
    Document::read(Revision::V2025_06_18, include_str!("../../schema/2025-06-18.json"))
});
static V2025_11_25: LazyLock<Document> = LazyLock::new(|| {
    Document::read(Revision::V2025_11_25, include_str!("../../schema/2025-11-25.json"))
});
static V2026_07_28: LazyLock<Document> = LazyLock::new(|| {
    Document::read(Revision::V2026_07_28, include_str!("../../schema/2026-07-28.json"))
});

static TASKS: LazyLock<Document> = LazyLock::new(|| {
    let text = include_str!("../../schema/tasks-extension-draft.json");
    Document::read(Revision::V2026_07_28, text)
});

static SKILLS: LazyLock<Document> = LazyLock::new(|| {
    Document::read(Revision::V2026_07_28, include_str!("../../schema/skills-extension.json"))
});

impl Document {
    /// The schema of the tasks extension, and what `method` is answered with according to it; none
    /// if that answer is one of the core.
    pub(super) fn of_tasks(method: &str, result: &Value) -> Option<(&'static Self, &'static str)> {
        let definition = match method {
            "tools/call" if result["resultType"] == "task" => "CreateTaskResult",
            "tasks/get" => "GetTaskResult",
            "tasks/update" => "UpdateTaskResult",
            "tasks/cancel" => "CancelTaskResult",
            _ => return None,
        };
        Some((&TASKS, definition))
    }

    /// The same for the skills extension.
    pub(super) fn of_skills(method: &str) -> Option<(&'static Self, &'static str)> {
        let definition = match method {
            "skills/list" => "ListSkillsResult",
            "skills/get" => "GetSkillResult",
            "resources/directory/read" => "ReadResourceDirectoryResult",
            _ => return None,
        };
        Some((&SKILLS, definition))
    }

    /// The schema that knows a client's request, and what it is called there: that of `revision`,
    /// or of an extension.
    pub(super) fn of_request(revision: Revision, method: &str) -> Option<(&'static Self, &str)> {
        let core = Self::of(revision);
        if let Some(definition) = core.definition_of("ClientRequest", method) {
            return Some((core, definition));
        }
        let extension = match method {
            _ if revision.era() == Era::Legacy => return None,
            "tasks/get" => (&TASKS, "GetTaskRequest"),
            "tasks/update" => (&TASKS, "UpdateTaskRequest"),
            "tasks/cancel" => (&TASKS, "CancelTaskRequest"),
            "skills/list" => (&SKILLS, "ListSkillsRequest"),
            "skills/get" => (&SKILLS, "GetSkillRequest"),
            "resources/directory/read" => (&SKILLS, "ReadResourceDirectoryRequest"),
            _ => return None,
        };
        Some((extension.0, extension.1))
    }

    /// What keeps a message from being a notification about a task, according to the extension.
    pub(super) fn check_task_notification(message: &Value) -> Vec<String> {
        TASKS.check("TaskStatusNotification", message)
    }

    /// The schema of `revision`.
    pub(super) fn of(revision: Revision) -> &'static Self {
        match revision {
            Revision::V2024_11_05 => &V2024_11_05,
            Revision::V2025_03_26 => &V2025_03_26,
            Revision::V2025_06_18 => &V2025_06_18,
            Revision::V2025_11_25 => &V2025_11_25,
            Revision::V2026_07_28 => &V2026_07_28,
        }
    }

    fn read(revision: Revision, text: &str) -> Self {
        let json: Value = serde_json::from_str(text).or_fail("a schema file is JSON");
        let container = if json.get("$defs").is_some() { "$defs" } else { "definitions" };
        Self { revision, json, container, compiled: Mutex::default() }
    }

    /// What keeps `value` from being a `definition`, one sentence each.
    pub(super) fn check(&self, definition: &str, value: &Value) -> Vec<String> {
        let validator = self.validator(definition);
        validator
            .iter_errors(value)
            .map(|error| format!("{definition}{}: {error}", error.instance_path()))
            .collect()
    }

    /// Whether the revision has this definition.
    pub(super) fn has(&self, definition: &str) -> bool {
        self.json[self.container].get(definition).is_some()
    }

    /// Which member of a union such as `ServerNotification` has this method. A union of one is that
    /// one.
    pub(super) fn definition_of<'a>(&'a self, union: &'a str, method: &str) -> Option<&'a str> {
        if self.json[self.container][union]["properties"]["method"]["const"] == method {
            return Some(union);
        }
        let members = self.json[self.container][union]["anyOf"].as_array()?;
        let names = members.iter().filter_map(|member| member["$ref"].as_str()?.rsplit('/').next());
        names
            .into_iter()
            .find(|name| self.json[self.container][name]["properties"]["method"]["const"] == method)
    }

    /// The definition of what `method` may be answered with; none if there is no such method.
    ///
    /// The names follow a rule: `CallToolRequest`, `CallToolResult`. A request whose result has no
    /// name is answered with nothing.
    pub(super) fn result_definition(&self, method: &str, result: &Value) -> Option<String> {
        self.answer_definition("ClientRequest", method, result)
    }

    /// The same for the requests of either side.
    pub(super) fn answer_definition(
        &self,
        requests: &str,
        method: &str,
        result: &Value,
    ) -> Option<String> {
        let request = self.definition_of(requests, method)?;
        if self.has("InputRequiredResult") && result["resultType"] == "input_required" {
            return Some("InputRequiredResult".into());
        }
        let may_become_task =
            matches!(method, "tools/call" | "sampling/createMessage" | "elicitation/create");
        if may_become_task && result.get("task").is_some() && self.has("CreateTaskResult") {
            return Some("CreateTaskResult".into());
        }
        // It is open; what is inside is the result of the call that became a task.
        if method == "tasks/result" {
            let of_server = requests == "ClientRequest";
            return Some(if of_server { "CallToolResult" } else { "GetTaskPayloadResult" }.into());
        }
        let named = format!("{}Result", request.strip_suffix("Request")?);
        Some(if self.has(&named) { named } else { "EmptyResult".into() })
    }

    /// The members that a definition names; none if it is not an object.
    pub(super) fn members(&self, definition: &str) -> Option<&serde_json::Map<String, Value>> {
        self.json[self.container][definition]["properties"].as_object()
    }

    /// The definition of a successful response.
    pub(super) fn result_envelope(&self) -> &'static str {
        if self.has("JSONRPCResultResponse") { "JSONRPCResultResponse" } else { "JSONRPCResponse" }
    }

    /// The definition of an error response.
    pub(super) fn error_envelope(&self) -> &'static str {
        if self.has("JSONRPCErrorResponse") { "JSONRPCErrorResponse" } else { "JSONRPCError" }
    }

    fn validator(&self, definition: &str) -> Arc<Validator> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(definition) {
            return Arc::clone(validator);
        }
        let validator = Arc::new(self.compile(definition));
        compiled.insert(definition.to_owned(), Arc::clone(&validator));
        validator
    }

    fn compile(&self, definition: &str) -> Validator {
        assert!(self.has(definition), "the schema of {} has no {definition}", self.revision);
        // Draft 7 ignores what stands beside a `$ref`; inside `allOf` it stands alone.
        let schema = json!({
            "$schema": self.json["$schema"],
            "allOf": [{ "$ref": format!("#/{}/{definition}", self.container) }],
            self.container: self.json[self.container],
        });
        jsonschema::options()
            .should_validate_formats(true)
            .with_format("byte", |text: &str| STANDARD.decode(text).is_ok())
            .build(&schema)
            .or_fail(format!("{definition} of {} compiles", self.revision))
    }
}

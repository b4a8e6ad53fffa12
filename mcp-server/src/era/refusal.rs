//! Why a call was refused, as the code and the status of its revision.

use http::StatusCode;
use mcp_core::Refusal;
use serde_json::json;
use shared::mcp::{ErrorCode, ErrorObject, Revision};

/// The error that a client of a revision gets, and the status of a JSON answer.
pub(super) fn error(refusal: Refusal, revision: Revision) -> (StatusCode, ErrorObject) {
    let invalid = |message: String| ErrorObject::new(ErrorCode::INVALID_PARAMS, message);
    let error = match refusal {
        Refusal::MethodNotFound => return method_not_found(revision),
        Refusal::UnknownTool { name } => invalid(format!("Unknown tool: {name}")),
        Refusal::UnknownPrompt { name } => invalid(format!("Unknown prompt: {name}")),
        Refusal::InvalidParams(message) => invalid(message),
        Refusal::ResourceNotFound { uri } => {
            let code = if revision.has_resource_not_found() {
                ErrorCode::RESOURCE_NOT_FOUND
            } else {
                ErrorCode::INVALID_PARAMS
            };
            ErrorObject::new(code, "Resource not found").with_data(json!({ "uri": uri }))
        }
        Refusal::MissingCapability(needed) => {
            let message = "The client has not declared a capability that this request needs";
            let data = json!({ "requiredCapabilities": needed });
            let error = ErrorObject::new(ErrorCode::MISSING_CLIENT_CAPABILITY, message);
            return (StatusCode::BAD_REQUEST, error.with_data(data));
        }
        Refusal::PagesFirst(pages) => {
            let message = "This request requires browser-based authorization.";
            let error = ErrorObject::new(ErrorCode::URL_ELICITATION_REQUIRED, message);
            error.with_data(json!({ "elicitations": pages }))
        }
        Refusal::Unavailable => {
            let message = "The store is not available; try again shortly";
            ErrorObject::new(ErrorCode::INTERNAL_ERROR, message)
        }
        Refusal::Internal => ErrorObject::new(ErrorCode::INTERNAL_ERROR, "Internal error"),
    };
    (StatusCode::OK, error)
}

/// A method that is not there: 404 since 2026-07-28. Before, 404 means that the session is gone.
pub(super) fn method_not_found(revision: Revision) -> (StatusCode, ErrorObject) {
    let status = match revision.era() {
        shared::mcp::Era::Modern => StatusCode::NOT_FOUND,
        shared::mcp::Era::Legacy => StatusCode::OK,
    };
    (status, ErrorObject::new(ErrorCode::METHOD_NOT_FOUND, "Method not found"))
}

#[cfg(test)]
mod tests {
    use shared::mcp::ClientCapabilities;

    use super::*;

    #[test]
    fn a_page_that_must_come_first_is_named() {
        let refused = error(Refusal::PagesFirst(Vec::new()), Revision::V2025_11_25).1;
        assert_eq!(refused.code, ErrorCode(-32042));
        assert_eq!(refused.data.as_deref(), Some(&json!({ "elicitations": [] })));
    }

    #[test]
    fn each_revision_gets_its_own_code_for_a_missing_resource() {
        let code = |revision| {
            let refusal = Refusal::ResourceNotFound { uri: "test://x".to_owned() };
            error(refusal, revision).1.code
        };
        assert_eq!(code(Revision::V2025_11_25), ErrorCode(-32002));
        assert_eq!(code(Revision::V2026_07_28), ErrorCode(-32602));
    }

    #[test]
    fn an_unknown_method_is_404_in_the_modern_era_only() {
        assert_eq!(method_not_found(Revision::V2026_07_28).0, 404);
        assert_eq!(method_not_found(Revision::V2025_06_18).0, 200);
    }

    #[test]
    fn a_missing_capability_is_named_as_an_object() {
        let capabilities = ClientCapabilities {
            sampling: Some(shared::mcp::SamplingCapability::default()),
            ..ClientCapabilities::default()
        };
        let refusal = Refusal::MissingCapability(Box::new(capabilities));
        let (status, error) = error(refusal, Revision::V2026_07_28);
        assert_eq!(status, 400);
        assert_eq!(*error.data.unwrap(), json!({ "requiredCapabilities": { "sampling": {} } }));
    }
}

//! Device authorization (RFC 8628): a device that has no browser borrows the user's.

use serde::{Deserialize, Serialize};

use super::Sensitive;

/// What a device is told when it begins (RFC 8628 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAuthorizationResponse {
    /// What the device redeems when the user has decided.
    pub device_code: Sensitive,
    /// What the user types, or sees to be the same on both screens.
    pub user_code: String,
    /// Where the user types it.
    pub verification_uri: String,
    /// The same address with the code in it, for a link or a picture of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_uri_complete: Option<String>,
    /// How long both codes live, in seconds.
    pub expires_in: u64,
    /// How long the device waits between two questions, in seconds.
    pub interval: u64,
}

/// A device asks whether its user has decided (RFC 8628 section 3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCodeRequest {
    /// The code that only the device knows.
    pub device_code: Sensitive,
    /// What the token shall be for (RFC 8707 section 2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oauth::{GrantType, TokenRequest};

    const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

    #[test]
    fn the_grant_is_known_by_its_long_name() {
        let form = json!({"grant_type": GRANT, "device_code": "d"});
        let read: TokenRequest = serde_json::from_value(form).unwrap();
        assert!(matches!(read, TokenRequest::DeviceCode(request) if request.resource.is_none()));
        assert_eq!(serde_json::to_value(GrantType::DeviceCode).unwrap(), GRANT);
        let read: GrantType = serde_json::from_value(json!(GRANT)).unwrap();
        assert_eq!(read, GrantType::DeviceCode);
    }

    #[test]
    fn a_device_code_does_not_print() {
        let request = DeviceCodeRequest { device_code: Sensitive::new("hunter2"), resource: None };
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}

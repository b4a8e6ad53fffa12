//! The identifiers that registration gives out. Three kinds, told apart by their looks:
//!
//! - `0123…` (32 hexadecimal digits): a public client. It is the hash of what was registered, so who
//!   registers the same gets the same.
//! - `c0123…` (`c` and 32 digits): a client with a secret or keys, which is one of a kind.
//! - `mcpi_…`: the registration itself, for a server that keeps everything in memory and would
//!   forget it. There is no key: opening one checks everything that registration checks, so to make
//!   one up is to register. Why: decision 0019.

use std::borrow::Cow;

use ambient::{Entropy, Timestamp};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    Authentication, Client,
    registration::{self, metadata},
    ticket::{ManagementToken, sha256_hex},
};

const CARRIED: &str = "mcpi_";

/// What stands in place of the phrase that says of a carried client that it is public.
const PUBLIC: u8 = 3;

/// In seconds.
const HOUR: u64 = 60 * 60;

/// Longer identifiers are refused by the MCP server, and by others.
const MAX_LENGTH: usize = 255;

/// What is written as one byte each, because it is in nearly every registration. A text of JSON has
/// no control characters, so these bytes are free. The order is part of what was given out: new
/// entries go to the end.
const PHRASES: [&str; 20] = [
    "{\"client\":{\"id\":\"\",\"name\":",
    ",\"redirect_uris\":[",
    "],\"authentication\":\"public\"",
    "],\"authentication\":{\"secret\":{\"method\":\"client_secret_basic\",\"digest\":",
    "],\"authentication\":{\"secret\":{\"method\":\"client_secret_post\",\"digest\":",
    ",\"refreshes\":true",
    ",\"devices\":false",
    ",\"acts_for_itself\":false",
    ",\"scope\":null",
    ",\"application_type\":null",
    ",\"application_type\":\"native\"",
    ",\"issued_at\":",
    "},\"management\":null}",
    "},\"management\":",
    "http://localhost",
    "http://127.0.0.1",
    "https://",
    "/callback",
    "oauth",
    ",\"takes_assertions\":false",
];

/// What shows that a client may change its registration: the front half of the token's hash. 128
/// bits of the hash of 256 random ones are as good as all, and short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Management(String);

/// A registration that is carried by its identifier.
#[derive(Serialize, Deserialize)]
struct Carried {
    client: Client,
    management: Option<Management>,
}

impl Management {
    /// What is kept of this token.
    pub(crate) fn of(token: &ManagementToken) -> Self {
        Self(token.digest().as_str()[..32].to_owned())
    }
}

/// The identifier of a client with a secret or keys.
pub(crate) fn own(entropy: &Entropy) -> String {
    format!("c{}", entropy.hex::<16>())
}

/// The identifier of everybody who registers like this public client, whenever they do.
pub(crate) fn common(client: &Client) -> String {
    let nameless = Client { id: String::new(), issued_at: Timestamp::default(), ..client.clone() };
    // It holds texts and numbers only, which JSON can always write.
    let text = serde_json::to_string(&nameless).unwrap_or_default();
    sha256_hex(&["registration", &text])[..32].to_owned()
}

/// What an operator blocks who blocks this client: of a public one the words of its registration,
/// whose identifier in memory is another every hour.
pub(crate) fn blocked_by(id: &str) -> Cow<'_, str> {
    match open(id) {
        Some((client, _)) if client.authentication == Authentication::Public => {
            common(&client).into()
        }
        _ => id.into(),
    }
}

/// Whether registration gives out such identifiers, which nobody else may choose.
pub(crate) fn is_registered(id: &str) -> bool {
    id.starts_with(CARRIED) || is_stored(id)
}

/// Whether a registration of this name can only be in the store.
pub(crate) fn is_stored(id: &str) -> bool {
    let digits = id.strip_prefix('c').filter(|rest| rest.len() == 32).unwrap_or(id);
    digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether this client, which has been found before, can delete its registration: those with a secret
/// or keys can.
pub(crate) fn can_be_deleted(id: &str) -> bool {
    match id.strip_prefix(CARRIED) {
        Some(short) => !URL_SAFE_NO_PAD.decode(short).is_ok_and(|text| text.contains(&PUBLIC)),
        None => is_stored(id) && id.len() == 33,
    }
}

/// The identifier that carries this registration, if it is short enough.
pub(crate) fn carry(client: &Client, management: Option<&Management>) -> Option<String> {
    let mut client = Client { id: String::new(), ..client.clone() };
    if client.authentication == Authentication::Public {
        // Who registers the same within the hour gets the same.
        let seconds = client.issued_at.as_secs();
        client.issued_at = Timestamp::from_secs(seconds - seconds % HOUR);
    }
    let text = serde_json::to_string(&Carried { client, management: management.cloned() }).ok()?;
    let id = write(text);
    // What could not be opened again is better stored.
    (id.len() <= MAX_LENGTH && open(&id).is_some()).then_some(id)
}

fn write(text: String) -> String {
    let short = (1..).zip(PHRASES).fold(text, |text, (code, phrase)| {
        text.replace(phrase, char::from(code).encode_utf8(&mut [0; 4]))
    });
    format!("{CARRIED}{}", URL_SAFE_NO_PAD.encode(short))
}

/// The registration that an identifier carries, checked as if it came in now.
pub(crate) fn open(id: &str) -> Option<(Client, Option<Management>)> {
    let short = id.strip_prefix(CARRIED).filter(|_| id.len() <= MAX_LENGTH)?;
    let short = String::from_utf8(URL_SAFE_NO_PAD.decode(short).ok()?).ok()?;
    let text = (1..)
        .zip(PHRASES)
        .fold(short, |text, (code, phrase)| text.replace(char::from(code), phrase));
    let Carried { client, management } = serde_json::from_str(&text).ok()?;
    let client = Client { id: id.to_owned(), ..client };
    let ours = matches!(
        client.authentication,
        Authentication::Public | Authentication::Secret { previous: None, .. }
    );
    let (metadata, authentication) = (metadata(&client), client.authentication.clone());
    // What is public is shared, and nobody may change it.
    let is_managed = management.is_some() == (client.authentication != Authentication::Public);
    let ours = ours && is_managed;
    let again = registration::client(id.to_owned(), metadata, authentication, client.issued_at);
    (ours && again.ok().as_ref() == Some(&client)).then_some((client, management))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Registration;

    fn client(metadata: Value) -> Client {
        let metadata = serde_json::from_value(metadata).unwrap();
        let now = Timestamp::from_secs(1_800_000_000);
        Registration::new(metadata, now, &Entropy::seeded(1)).unwrap().client
    }

    fn cursor() -> Client {
        client(json!({
            "client_name": "Cursor",
            "redirect_uris": [
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "http://localhost:8787/callback",
            ],
            "token_endpoint_auth_method": "none",
        }))
    }

    fn forge(change: impl Fn(&mut Value)) -> String {
        let mut value = json!({ "client": cursor(), "management": null });
        value["client"]["id"] = json!("");
        change(&mut value);
        write(value.to_string())
    }

    #[test]
    fn an_identifier_carries_the_registrations_of_real_clients() {
        let claude = json!({ "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"] });
        for client in [cursor(), client(claude)] {
            let token = super::super::Ticket::random(&Entropy::seeded(2));
            let is_own = client.authentication != Authentication::Public;
            let management = is_own.then(|| Management::of(&token));
            let id = carry(&client, management.as_ref()).unwrap();
            let opened = open(&id).unwrap();
            assert_eq!(opened, (Client { id: id.clone(), ..client }, management));
            assert!(is_registered(&id) && id.len() <= 255);
            assert_eq!(can_be_deleted(&id), is_own);
        }
    }

    #[test]
    fn to_make_one_up_is_to_register_and_nothing_more() {
        assert!(open(&forge(|_| {})).is_some());
        let changes: [fn(&mut Value); 5] = [
            |value| value["management"] = json!("0".repeat(64)),
            |value| value["client"]["redirect_uris"] = json!(["javascript:alert(1)"]),
            |value| value["client"]["redirect_uris"] = json!([]),
            |value| value["client"]["acts_for_itself"] = json!(true),
            |value| value["client"]["authentication"] = json!({ "given": [] }),
        ];
        for change in changes {
            let forged = forge(change);
            assert!(forged.len() <= MAX_LENGTH && open(&forged).is_none(), "{forged}");
        }
        for garbage in ["mcpi_", "mcpi_AAAA", "mcpi_!", "0", ""] {
            assert!(open(garbage).is_none(), "{garbage}");
        }
    }

    #[test]
    fn who_registers_the_same_gets_the_same_name_at_any_time() {
        let later = Client { issued_at: Timestamp::from_secs(9), ..cursor() };
        assert_eq!(common(&cursor()), common(&later));
        let other = Client { name: Some("Cursor 2".into()), ..cursor() };
        assert_ne!(common(&cursor()), common(&other));
        assert!(is_stored(&common(&later)) && !can_be_deleted(&common(&later)));
    }

    #[test]
    fn who_registers_the_same_an_hour_later_is_blocked_by_the_same() {
        let id = |seconds, name: &str| {
            let issued_at = Timestamp::from_secs(seconds);
            carry(&Client { issued_at, name: Some(name.into()), ..cursor() }, None).unwrap()
        };
        let (now, later, other) = (id(3600, "A"), id(7200, "A"), id(3600, "B"));
        assert_ne!(now, later);
        assert_eq!(blocked_by(&now), blocked_by(&later));
        assert_ne!(blocked_by(&now), blocked_by(&other));
        let own = own(&Entropy::seeded(1));
        assert_eq!(blocked_by(&own), own);
    }

    #[test]
    fn kinds_are_told_apart_by_their_looks() {
        let own = own(&Entropy::seeded(1));
        assert!(is_stored(&own) && can_be_deleted(&own));
        for id in ["mcp-server", "c0123", "", &own.to_uppercase()] {
            assert!(!is_registered(id) && !can_be_deleted(id), "{id}");
        }
    }
}

//! Made-up redirect URIs: an answer goes to the place that was registered, as the library that
//! browsers agree with reads it, or nowhere.

use proptest::prelude::*;

use super::*;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Pieces of which URIs are made, good ones and those that have fooled others.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &[
            "https",
            "http",
            "cursor",
            "javascript",
            "://",
            ":",
            "//",
            "/",
            "\\",
            "@",
            "#",
            "?",
            "%2e",
            "..",
            ".",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "[",
            "]",
            ":80",
            ":8080",
            ":99999",
            "good.example",
            "evil.example",
            "/cb",
            "*",
            " ",
            "\t",
            "ä",
            "\u{202e}",
            "%00",
            "0x7f.1",
        ][..],
    );
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => ".{0,3}"]
}

fn any_uri() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..9).prop_map(|pieces| pieces.concat())
}

/// A URI that may be registered, and the same with a few changes.
fn nearly() -> impl Strategy<Value = (String, String)> {
    let good = prop::sample::select(
        &[
            "https://good.example/cb",
            "https://good.example:8443/cb?x=1",
            "http://localhost/cb",
            "http://127.0.0.1:33418/",
            "http://[::1]:8080/cb?x=1",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "com.example.app:/oauth",
        ][..],
    );
    let change = (any::<prop::sample::Index>(), 0..3_u8, piece());
    (good, prop::collection::vec(change, 0..3)).prop_map(|(good, changes)| {
        let mut text: Vec<char> = good.chars().collect();
        for (place, how, piece) in changes {
            let place = place.index(text.len().max(1));
            match how {
                0 if place < text.len() => drop(text.remove(place)),
                1 if place < text.len() => drop(text.splice(place..=place, piece.chars())),
                _ => drop(text.splice(place..place, piece.chars())),
            }
        }
        (good.to_owned(), text.into_iter().collect())
    })
}

/// Whether both lead to the same place, by the library; a port of this computer may be any.
fn same_place(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Ok(one), Ok(other)) = (Url::parse(one), Url::parse(other)) else { return false };
    let is_here = one.scheme() == "http" && one.host_str().is_some_and(|h| LOOPBACK.contains(&h));
    let rest = |url: &Url| {
        (
            url.scheme().to_owned(),
            url.host_str().map(str::to_owned),
            url.path().to_owned(),
            url.query().map(str::to_owned),
        )
    };
    rest(&one) == rest(&other)
        && (is_here || one.port() == other.port())
        && other.username().is_empty()
        && other.password().is_none()
        && other.fragment().is_none()
}

proptest! {
    #[test]
    fn what_is_registered_is_what_it_looks_like(uri in any_uri()) {
        if let Ok(registered) = RedirectUri::register(&uri) {
            prop_assert!(registered.allows(&uri));
            // What only an application reads need not be a URL to everybody.
            let Ok(url) = Url::parse(&uri) else {
                prop_assert!(!uri.starts_with("http:") && !uri.starts_with("https:"), "{uri}");
                return Ok(());
            };
            prop_assert!(!FORBIDDEN_SCHEMES.contains(&url.scheme()), "{uri}");
            prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
            let is_here = url.host_str().is_some_and(|host| LOOPBACK.contains(&host));
            prop_assert!(url.scheme() != "http" || is_here, "{uri}");
            if url.scheme() == "https" {
                let host = RedirectUri::https_host(&uri).map(str::to_ascii_lowercase);
                prop_assert_eq!(host.as_deref(), url.host_str());
            }
        }
        let _ = RedirectUri::destination(&uri);
    }

    #[test]
    fn an_answer_goes_nowhere_else((registered, requested) in nearly()) {
        let uri = RedirectUri::register(&registered).unwrap();
        prop_assert!(uri.allows(&registered));
        if uri.allows(&requested) {
            prop_assert!(same_place(&registered, &requested), "{registered} for {requested}");
        }
    }

    #[test]
    fn two_that_are_made_up_are_the_same_place_or_not_allowed(one in any_uri(), other in any_uri()) {
        if let Ok(uri) = RedirectUri::register(&one) && uri.allows(&other) {
            prop_assert!(same_place(&one, &other), "{one} for {other}");
        }
    }
}

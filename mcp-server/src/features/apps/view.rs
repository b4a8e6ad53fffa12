//! Makes a page of its parts: one file without references, under a policy that allows exactly its
//! own script and style and nothing else.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// Speaks with the host; the same in every page.
const BRIDGE: &str = include_str!("views/bridge.js");
const STYLE: &str = include_str!("views/style.css");

/// The hello of the original, in our words.
pub(super) static HELLO_WORLD: LazyLock<String> = LazyLock::new(|| {
    page(
        "Hello World",
        include_str!("views/hello_world.html"),
        include_str!("views/hello_world.js"),
    )
});

/// How the server is, while somebody looks.
pub(super) static LIVE_STATE: LazyLock<String> = LazyLock::new(|| {
    page("Live State", include_str!("views/live_state.html"), include_str!("views/live_state.js"))
});

fn page(title: &str, body: &str, script: &str) -> String {
    let script = [BRIDGE, script].concat();
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        source(&script),
        source(STYLE)
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\
         <script type=\"module\">{script}</script>\n</body>\n</html>\n"
    )
}

/// An inline text, as a policy names it (Content Security Policy Level 3, 2.3.1).
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_the_script_and_the_style_as_they_stand() {
        for page in [&*HELLO_WORLD, &*LIVE_STATE] {
            let between = |start: &str, end: &str| {
                let (_, rest) = page.split_once(start).unwrap();
                rest.split_once(end).unwrap().0.to_owned()
            };
            let script = between("<script type=\"module\">", "</script>");
            let style = between("<style>", "</style>");
            let policy = between("Content-Security-Policy\" content=\"", "\"");
            for text in [script, style] {
                assert!(policy.contains(&source(&text)), "{policy}");
            }
            assert!(policy.starts_with("default-src 'none'"));
            // A policy with hashes lets no attribute be a style or a handler.
            assert!(!page.contains("style=\"") && !page.contains(" onclick="));
        }
    }
}

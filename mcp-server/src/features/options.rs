//! What an operator decides about features, read from the environment once, at the start.

use ambient::{Env, Mistakes, Reader, Settings};
use mcp_core::{Catalog, Features};

use super::{App, calculator, catalog, server};

/// The features that the settings choose, and the settings as documentation either way.
pub fn offered(env: &Env) -> (Result<Features, Mistakes>, Settings) {
    env.read(|read| Features::new(server(), chosen(read), App::default()))
}

/// The catalog that the settings choose.
fn chosen(read: &mut Reader<'_>) -> Catalog<App> {
    let all = catalog();
    let sample = read
        .setting("SAMPLE_TOOL_NAME", "Name of a further sample tool; none when not set.")
        .optional::<String>();
    let Some(name) = sample else { return all };
    calculator::add_sample(all, &name).unwrap_or_else(|unusable| {
        read.mistake("SAMPLE_TOOL_NAME", format!("`{name}` cannot be used: {unusable}"));
        // Nothing is offered after a mistake.
        Catalog::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(name: &str) -> Option<Mistakes> {
        offered(&Env::from([("SAMPLE_TOOL_NAME", name)])).0.err()
    }

    #[test]
    fn the_sample_tool_has_the_name_that_was_set_without_outer_space() {
        assert!(mistakes("").is_none());
        assert!(mistakes("my_tool").is_none());
        assert!(mistakes(" my_tool ").is_none());
    }

    #[test]
    fn a_name_that_another_tool_answers_to_stops_the_start() {
        for taken in ["calculate", "echo", "longRunningOperation"] {
            let text = mistakes(taken).unwrap().to_string();
            assert!(text.contains("SAMPLE_TOOL_NAME") && text.contains("another tool"), "{text}");
        }
    }
}

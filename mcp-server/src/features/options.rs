//! What an operator decides about features, read from the environment once, at the start.

use ambient::{Env, Mistakes, Reader, Settings};
use mcp_core::{Announced, Catalog, Features};

use super::{
    App, calculator, diagnostics, everything, fetch, hosts::HostNames, server, toolsets::Toolsets,
};

/// The features that the settings choose, and the settings as documentation either way.
pub fn offered(env: &Env) -> (Result<Features, Mistakes>, Settings) {
    env.read(|read| {
        let toolsets = read
            .setting(
                "MCP_TOOLSETS",
                "What is offered, comma separated; docs/catalogue.md names all.",
            )
            .or(Toolsets::default());
        let catalog = chosen(read, &toolsets);
        let mut features = Features::new(server(), catalog, shared(read, &toolsets));
        read.refuse_misspelt(&["MCP_"]);
        if toolsets.includes("everything") {
            features = everything::described(features);
        }
        if toolsets.includes("calculator") || toolsets.includes("fetch") {
            features = telling_of_changes(features);
        }
        features
    })
}

/// What is made by calls can be watched, and a session is told that it lists more.
fn telling_of_changes(features: Features) -> Features {
    let announced = features.announced();
    features.announcing(Announced { resources: true, resource_updates: true, ..announced })
}

/// What the features share.
fn shared(read: &mut Reader<'_>, toolsets: &Toolsets) -> App {
    const PAGES: &str =
        "Hosts of the https pages that url-elicitation sends people to, comma separated.";
    let pages = read.setting("URL_ELICITATION_HOSTS", PAGES).or(HostNames(App::default().pages)).0;
    let fetching = fetch::Rules::read(read);
    let shown = diagnostics::Shown::read(read, toolsets.includes("diagnostics"));
    App { pages, fetching, shown }
}

/// The catalog that the settings choose.
fn chosen(read: &mut Reader<'_>, toolsets: &Toolsets) -> Catalog<App> {
    let all = toolsets.catalog();
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

    fn mistakes(setting: &str, value: &str) -> Option<Mistakes> {
        offered(&Env::from([(setting, value)])).0.err()
    }

    #[test]
    fn the_sample_tool_has_the_name_that_was_set_without_outer_space() {
        assert!(mistakes("SAMPLE_TOOL_NAME", "").is_none());
        assert!(mistakes("SAMPLE_TOOL_NAME", "my_tool").is_none());
        assert!(mistakes("SAMPLE_TOOL_NAME", " my_tool ").is_none());
    }

    #[test]
    fn a_name_that_another_tool_answers_to_stops_the_start() {
        for taken in ["calculate", "echo", "longRunningOperation"] {
            let text = mistakes("SAMPLE_TOOL_NAME", taken).unwrap().to_string();
            assert!(text.contains("SAMPLE_TOOL_NAME") && text.contains("another tool"), "{text}");
        }
    }

    #[test]
    fn a_toolset_that_is_not_known_stops_the_start() {
        let text = mistakes("MCP_TOOLSETS", "everything,nothing").unwrap().to_string();
        assert!(text.contains("MCP_TOOLSETS") && text.contains("`nothing`"), "{text}");
        assert!(mistakes("MCP_TOOLSETS", "calculator").is_none());
    }

    #[test]
    fn changes_are_promised_where_something_changes() {
        let promised = |toolsets: &str| {
            let features = offered(&Env::from([("MCP_TOOLSETS", toolsets)])).0.unwrap();
            let announced = features.announced();
            (announced.resources, announced.resource_updates)
        };
        assert_eq!(promised("calculator"), (true, true));
        assert_eq!(promised("everything,fetch"), (true, true));
        assert_eq!(promised("everything"), (false, true));
        assert_eq!(promised("apps"), (false, false));
    }

    #[test]
    fn a_misspelt_name_stops_the_start() {
        let text = mistakes("MCP_TOOLSET", "calculator").unwrap().to_string();
        assert!(text.contains("is MCP_TOOLSETS meant?"), "{text}");
    }

    #[test]
    fn diagnostics_without_anything_to_show_stop_the_start() {
        let text = mistakes("MCP_TOOLSETS", "diagnostics").unwrap().to_string();
        assert!(text.contains("PRINT_ENV_PREFIXES"), "{text}");
        let env = Env::from([("MCP_TOOLSETS", "diagnostics"), ("PRINT_ENV_PREFIXES", "DEMO_")]);
        assert!(offered(&env).0.is_ok());
    }

    #[test]
    fn hosts_are_names_that_can_be_met() {
        for setting in ["URL_ELICITATION_HOSTS", "GZIP_ALLOWED_DOMAINS"] {
            assert!(mistakes(setting, "Example.COM, 192.0.2.1,[::1]").is_none());
            for wrong in ["*.example.com", "https://x/y", "example.com:8443", "a b", ".example.com"]
            {
                let text = mistakes(setting, wrong).expect(wrong).to_string();
                assert!(text.contains(setting) && text.contains(wrong), "{text}");
            }
        }
    }

    #[test]
    fn a_list_that_names_no_toolset_stops_the_start() {
        let text = mistakes("MCP_TOOLSETS", " , ").unwrap().to_string();
        assert!(text.contains("MCP_TOOLSETS") && text.contains("calculator"), "{text}");
    }
}

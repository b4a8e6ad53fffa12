//! A small library of formulas.

use mcp_core::{Ctx, ReadError, Resource, ResourceInfo};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::mcp::ResourceContents;

use super::JSON;
use crate::features::App;

/// The original's library, as it wrote it.
const LIBRARY: &str = r#"{
  "quadratic": {
    "formula": "ax² + bx + c = 0",
    "solution": "x = (-b ± √(b²-4ac)) / 2a"
  },
  "pythagorean": {
    "formula": "a² + b² = c²",
    "description": "For right triangles"
  },
  "compound_interest": {
    "formula": "A = P(1 + r/n)^(nt)",
    "variables": {
      "A": "Final amount",
      "P": "Principal",
      "r": "Annual interest rate",
      "n": "Compounding frequency",
      "t": "Time in years"
    }
  }
}"#;

/// The formulas of the library: what a prompt that explains one can be given.
pub(in crate::features::calculator) const FORMULAS: [&str; 3] =
    ["ax² + bx + c = 0", "a² + b² = c²", "A = P(1 + r/n)^(nt)"];

/// Mathematical formulas
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Formulas {}

impl Resource<App> for Formulas {
    const URI: &'static str = "formulas://library";
    const NAME: &'static str = "formulas-library";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Formula Library").mime_type(JSON).unchanging()
    }

    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        Ok(vec![ResourceContents::text(<Self as Resource<App>>::URI, JSON, LIBRARY)])
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::Asker;
    use serde_json::Value;

    use super::FORMULAS;
    use crate::features::{App, catalog};

    #[tokio::test]
    async fn the_library_is_json_and_holds_what_is_suggested() {
        for asker in Asker::both(catalog, App::default) {
            let text = asker.read("formulas://library").await.unwrap();
            let library: Value = serde_json::from_str(&text).unwrap();
            let formulas = library.as_object().unwrap().values();
            let mut held: Vec<_> = formulas.map(|one| one["formula"].as_str().unwrap()).collect();
            let mut suggested = FORMULAS.to_vec();
            held.sort_unstable();
            suggested.sort_unstable();
            assert_eq!(held, suggested);
        }
    }
}

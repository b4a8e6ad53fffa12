//! Numbers that never change.

use std::f64::consts;

use mcp_core::{Ctx, ReadError, Resource, ResourceInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::mcp::ResourceContents;

use super::{JSON, json};
use crate::features::App;

/// Mathematical constants
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Constants {}

#[derive(Serialize)]
struct Values {
    pi: f64,
    e: f64,
    sqrt2: f64,
    ln2: f64,
    ln10: f64,
}

impl Resource<App> for Constants {
    const URI: &'static str = "calculator://constants";
    const NAME: &'static str = "calculator-constants";

    fn info(info: ResourceInfo) -> ResourceInfo {
        info.title("Calculator Constants").mime_type(JSON).unchanging()
    }

    async fn read(self, _: &Ctx<App>) -> Result<Vec<ResourceContents>, ReadError> {
        let values = Values {
            pi: consts::PI,
            e: consts::E,
            sqrt2: consts::SQRT_2,
            ln2: consts::LN_2,
            ln10: consts::LN_10,
        };
        json(<Self as Resource<App>>::URI, &values)
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::Asker;

    use crate::features::{App, catalog};

    #[tokio::test]
    async fn they_read_as_in_the_original() {
        let original = "{\n  \"pi\": 3.141592653589793,\n  \"e\": 2.718281828459045,\n  \
                        \"sqrt2\": 1.4142135623730951,\n  \"ln2\": 0.6931471805599453,\n  \
                        \"ln10\": 2.302585092994046\n}";
        for asker in Asker::both(catalog, App::default) {
            assert_eq!(asker.read("calculator://constants").await.unwrap(), original);
        }
    }
}

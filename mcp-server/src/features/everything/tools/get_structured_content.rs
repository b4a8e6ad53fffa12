//! Returns the weather, for programs and as text, in two generations of the original.

use mcp_core::{Ctx, Info, Tool, ToolError, Worded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::{App, icons};

/// Returns structured content along with an output schema for client data validation
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetStructuredContent {
    /// Choose city
    location: City,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
enum City {
    #[serde(rename = "New York")]
    NewYork,
    Chicago,
    #[serde(rename = "Los Angeles")]
    LosAngeles,
}

/// The weather that is said to be.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Weather {
    /// Temperature in celsius
    temperature: f64,
    /// Weather conditions description
    conditions: &'static str,
    /// Humidity percentage
    humidity: f64,
}

impl City {
    const fn weather(self) -> Weather {
        let (temperature, conditions, humidity) = match self {
            Self::NewYork => (33.0, "Cloudy", 82.0),
            Self::Chicago => (36.0, "Light rain / drizzle", 82.0),
            Self::LosAngeles => (73.0, "Sunny / Clear", 48.0),
        };
        Weather { temperature, conditions, humidity }
    }
}

impl Tool<App> for GetStructuredContent {
    const NAME: &'static str = "get-structured-content";
    type Output = Worded<Weather>;

    fn info(info: Info) -> Info {
        info.title("Get Structured Content Tool")
            .icon(icons::BRACES.icon())
            .read_only()
            .idempotent()
            .closed_world()
    }

    async fn call(self, _: &Ctx<App>) -> Result<Worded<Weather>, ToolError> {
        Ok(worded(self.location.weather()))
    }
}

/// Returns structured content along with an output schema for client data validation
#[derive(Deserialize, JsonSchema)]
pub(crate) struct FormerStructuredContent {
    /// City name or zip code
    #[expect(dead_code, reason = "the original had one weather for every place")]
    #[schemars(length(min = 1, max = 200))]
    location: String,
}

impl Tool<App> for FormerStructuredContent {
    const NAME: &'static str = "structuredContent";
    type Output = Worded<Weather>;

    fn info(info: Info) -> Info {
        info.title("Structured Content").unlisted()
    }

    async fn call(self, _: &Ctx<App>) -> Result<Worded<Weather>, ToolError> {
        Ok(worded(Weather { temperature: 22.5, conditions: "Partly cloudy", humidity: 65.0 }))
    }
}

/// The text is the value in the order of its fields, as the original wrote it.
fn worded(value: Weather) -> Worded<Weather> {
    use crate::features::calculator::number;
    let Weather { temperature, conditions, humidity } = value;
    let (temperature, humidity) = (number::text(temperature), number::text(humidity));
    let text = format!(
        r#"{{"temperature":{temperature},"conditions":"{conditions}","humidity":{humidity}}}"#
    );
    Worded { text, value }
}

#[cfg(test)]
mod tests {
    use mcp_core::testing::both_eras;
    use serde_json::{Value, json};

    use crate::features::{App, catalog};

    async fn called(name: &str, location: &str) -> Value {
        let arguments = json!({ "location": location });
        both_eras(catalog, App::default, name, arguments, []).await
    }

    #[tokio::test]
    async fn each_city_has_the_weather_of_the_original() {
        let cases = [
            ("New York", r#"{"temperature":33,"conditions":"Cloudy","humidity":82}"#),
            ("Chicago", r#"{"temperature":36,"conditions":"Light rain / drizzle","humidity":82}"#),
            ("Los Angeles", r#"{"temperature":73,"conditions":"Sunny / Clear","humidity":48}"#),
        ];
        for (city, text) in cases {
            let result = called("get-structured-content", city).await;
            assert_eq!(result["content"][0]["text"], text);
            let same: Value = serde_json::from_str(text).unwrap();
            for member in ["conditions", "temperature", "humidity"] {
                let told = &result["structuredContent"][member];
                assert!(told == &same[member] || told.as_f64() == same[member].as_f64(), "{told}");
            }
        }
    }

    #[tokio::test]
    async fn the_former_name_takes_any_place() {
        let text = r#"{"temperature":22.5,"conditions":"Partly cloudy","humidity":65}"#;
        let result = called("structuredContent", "Paris").await;
        assert_eq!(result["content"][0]["text"], text);
        assert_eq!(called("get-structured-content", "Paris").await["isError"], true);
    }
}

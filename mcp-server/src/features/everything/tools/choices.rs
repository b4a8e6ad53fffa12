//! What can be chosen in the forms of this toolset.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a number is until somebody says otherwise: 3.14, which a lint takes for a circle's.
pub(super) const NUMBER: f64 = 314.0 / 100.0;

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(super) enum Friend {
    Monica,
    Rachel,
    Joey,
    Chandler,
    Ross,
    Phoebe,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(super) enum Instrument {
    Guitar,
    Piano,
    Violin,
    Drums,
    Bass,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(super) enum Hero {
    /// Superman
    #[serde(rename = "hero-1")]
    Superman,
    /// Green Lantern
    #[serde(rename = "hero-2")]
    GreenLantern,
    /// Wonder Woman
    #[serde(rename = "hero-3")]
    WonderWoman,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(super) enum Fish {
    /// Tuna
    #[serde(rename = "fish-1")]
    Tuna,
    /// Salmon
    #[serde(rename = "fish-2")]
    Salmon,
    /// Trout
    #[serde(rename = "fish-3")]
    Trout,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(super) enum LegacyPet {
    #[serde(rename = "pet-1")]
    Cats,
    #[serde(rename = "pet-2")]
    Dogs,
    #[serde(rename = "pet-3")]
    Birds,
    #[serde(rename = "pet-4")]
    Fish,
    #[serde(rename = "pet-5")]
    Reptiles,
}

/// Of the form of the older server.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Pet {
    Cats,
    Dogs,
    Birds,
    Fish,
    Reptiles,
}

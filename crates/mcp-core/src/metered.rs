//! Counters of features that operators see among the metrics of the server.

use crate::Tally;

/// A [`Tally`] as a metric: one counter of all instances, with a label. Whoever scrapes any instance
/// reads the same numbers.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_core::{Catalog, Metered, Tally};
///
/// const VISITS: Tally = Tally { name: "visits", lifetime: Duration::from_secs(3600) };
///
/// let catalog: Catalog<()> = Catalog::new().metered(Metered {
///     tally: VISITS,
///     metric: "shop.visits",
///     meaning: "Visits, on all instances",
///     label: "door",
///     values: vec!["front", "back"],
/// });
/// # drop(catalog);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    /// What is counted.
    pub tally: Tally,
    /// The name of the metric, with dots; Prometheus reads `shop.visits` as `shop_visits_total`.
    pub metric: &'static str,
    /// What it counts, for people.
    pub meaning: &'static str,
    /// The label that tells the counters apart.
    pub label: &'static str,
    /// The counters that are told. Others are not: labels must be few.
    pub values: Vec<&'static str>,
}

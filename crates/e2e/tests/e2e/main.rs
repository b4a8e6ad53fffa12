//! The promises of both servers together, one module each, in memory and on Redis.

/// Makes two tests of each function, `in_memory` and `on_redis`, in a module of its name.
macro_rules! on_both_stores {
    ($($journey:ident),+ $(,)?) => {$(
        mod $journey {
            use e2e::{Backend, Setup};

            #[tokio::test]
            async fn in_memory() {
                super::$journey(Setup::new(Backend::Memory)).await;
            }

            #[tokio::test]
            async fn on_redis() {
                super::$journey(Setup::new(Backend::Redis)).await;
            }
        }
    )+};
}

mod calculator;
mod cancellation;
mod client_tasks;
mod commands;
mod hostile;
mod instances;
mod isolation;
mod issuer_path;
mod journey;
mod live_state;
mod long_streams;
mod observability;
mod originals;
mod outage;
mod ownership;
mod processes;
mod races;
mod recorded;
mod restart;
mod rmcp;
mod rmcp_app;
mod rmcp_features;
mod rmcp_stdio;
mod sampling;
mod secrets;
mod signed_tokens;
mod support;
mod telemetry;
mod undeclared;
mod world;

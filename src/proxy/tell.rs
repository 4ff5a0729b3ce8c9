//! Telling an OpenTelemetry collector, in a build that can (feature `otlp`).

use std::sync::Arc;

use super::Error;
use crate::config::Config;
use crate::telemetry::{Desk, Stats};

/// How long the last words to a collector may take.
#[cfg(feature = "otlp")]
const LAST: std::time::Duration = std::time::Duration::from_secs(2);

/// Whoever tells it, if there is anybody to tell.
pub(super) struct Tell {
    #[cfg(feature = "otlp")]
    teller: Option<crate::admin::otlp::Teller>,
}

impl Tell {
    #[cfg(feature = "otlp")]
    pub(super) fn new(config: &Config, desk: &Arc<dyn Desk>, stats: &Arc<Stats>) -> Result<Self, Error> {
        let share = Arc::clone(&stats.access);
        Ok(Self { teller: crate::admin::otlp::Teller::new(&config.otlp, Arc::clone(desk), share)? })
    }

    #[cfg(not(feature = "otlp"))]
    #[allow(clippy::unnecessary_wraps)] // the other one may fail
    pub(super) fn new(config: &Config, _desk: &Arc<dyn Desk>, _stats: &Arc<Stats>) -> Result<Self, Error> {
        if !config.otlp.endpoint.is_empty() {
            tracing::warn!(
                endpoint = config.otlp.endpoint,
                "otlp.endpoint is set, and this build cannot speak OTLP: build it with --features otlp"
            );
        }
        Ok(Self {})
    }

    /// Tells until dropped. Never ready.
    pub(super) async fn run(&self) {
        #[cfg(feature = "otlp")]
        if let Some(teller) = &self.teller {
            return teller.run().await;
        }
        std::future::pending().await
    }

    /// What there is left to tell.
    #[cfg_attr(not(feature = "otlp"), allow(clippy::unused_async))]
    pub(super) async fn finish(&self) {
        #[cfg(feature = "otlp")]
        if let Some(teller) = &self.teller {
            teller.finish(LAST).await;
        }
    }
}

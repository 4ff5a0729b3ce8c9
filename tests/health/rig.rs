//! A proxy that looks often.

use std::time::{Duration, Instant};

use nearside::config::{Alerts, Health};
use nearside::telemetry::Vitals;
use nearside::telemetry::alerts::{Alert, State};
use nearside::telemetry::health::Status;
use nearside::{Config, telemetry};

use crate::common::{Place, Proxy, config, eventually};

/// A configuration in which a PING is sent ten times a second, and warnings take a second or two.
pub(crate) fn quick(upstream: &Place) -> Config {
    let millis = Duration::from_millis;
    let mut config = config(upstream);
    config.health = Health {
        every: millis(100),
        timeout: millis(400),
        upstream_info: Some(millis(200)),
        ..Health::default()
    };
    config.alerts = Alerts { enabled: true, window: millis(2000), hold: Duration::ZERO, ..Alerts::default() };
    config
}

pub(crate) fn vitals(proxy: &Proxy) -> &Vitals {
    proxy.handle().vitals()
}

pub(crate) fn is_ready(proxy: &Proxy) -> bool {
    vitals(proxy).ready(Instant::now()).ok
}

/// Waits until it is ready, or is not; why not.
pub(crate) fn until_ready(proxy: &Proxy, wanted: bool) -> String {
    eventually(if wanted { "it is ready" } else { "it is not ready" }, || {
        let probe = vitals(proxy).ready(Instant::now());
        (probe.ok == wanted).then(|| probe.reason.unwrap_or_default())
    })
}

pub(crate) fn until_status(proxy: &Proxy, wanted: Status) -> telemetry::health::Health {
    eventually(&format!("it is {}", wanted.name()), || {
        Some(vitals(proxy).health(Instant::now())).filter(|health| health.status == wanted)
    })
}

pub(crate) fn alert(proxy: &Proxy, name: &str) -> Alert {
    vitals(proxy).alerts().into_iter().find(|alert| alert.name == name).expect("a rule")
}

/// Waits until that warning stands so.
pub(crate) fn until_alert(proxy: &Proxy, name: &str, wanted: State) -> Alert {
    eventually(&format!("{name} is {}", wanted.name()), || {
        Some(alert(proxy, name)).filter(|alert| alert.state == wanted)
    })
}

//! What the gateway counts, in the text form that Prometheus reads.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::refusal::Refusal;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Reasons = Family<[(&'static str, &'static str); 1], Counter>;
type Targets<M> = Family<[(&'static str, String); 1], M>;

/// All counters.
pub struct Metrics {
    registry: Registry,
    /// Connections that came.
    pub connections: Counter,
    open: Gauge,
    /// Requests but those for WebSockets.
    pub requests: Counter,
    refusals: Reasons,
    sessions: Targets<Counter>,
    active: Targets<Gauge>,
    received: Targets<Counter>,
    sent: Targets<Counter>,
    failed_logins: Targets<Counter>,
}

/// The counters of one target.
#[derive(Clone)]
pub struct OfTarget {
    /// Sessions that began.
    pub sessions: Counter,
    /// Sessions that run.
    pub active: Gauge,
    /// Bytes from clients to the target.
    pub received: Counter,
    /// Bytes from the target to clients.
    pub sent: Counter,
    /// Logins that the target refused.
    pub failed_logins: Counter,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("syncline_gateway"),
            connections: Counter::default(),
            open: Gauge::default(),
            requests: Counter::default(),
            refusals: Family::default(),
            sessions: Family::default(),
            active: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            failed_logins: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("connections", "Connections that came", metrics.connections.clone());
        registry.register("connections_open", "Connections that are open", metrics.open.clone());
        registry.register("requests", "HTTP requests other than for WebSockets", metrics.requests.clone());
        registry.register("refusals", "What was refused, by reason", metrics.refusals.clone());
        registry.register("sessions", "Sessions that reached a target", metrics.sessions.clone());
        registry.register("sessions_active", "Sessions that run now", metrics.active.clone());
        registry.register("received_bytes", "Bytes carried from clients to a target", metrics.received.clone());
        registry.register("sent_bytes", "Bytes carried from a target to clients", metrics.sent.clone());
        registry.register("failed_logins", "Logins that a target refused", metrics.failed_logins.clone());
        for refusal in Refusal::ALL {
            drop(metrics.refusals.get_or_create(&[("reason", refusal.label())]));
        }
        metrics
    }

    /// Counts a refusal.
    pub fn refused(&self, refusal: Refusal) {
        self.refusals.get_or_create(&[("reason", refusal.label())]).inc();
    }

    /// The counters of the target of this name.
    pub fn target(&self, name: &str) -> OfTarget {
        let label = [("target", name.to_owned())];
        OfTarget {
            sessions: self.sessions.get_or_create_owned(&label),
            active: self.active.get_or_create_owned(&label),
            received: self.received.get_or_create_owned(&label),
            sent: self.sent.get_or_create_owned(&label),
            failed_logins: self.failed_logins.get_or_create_owned(&label),
        }
    }

    /// Everything, as text; so many connections are open.
    pub fn text(&self, open: usize) -> String {
        self.open.set(open as i64);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text() {
        let metrics = Metrics::new();
        metrics.refused(Refusal::Origin);
        let target = metrics.target("nas");
        target.received.inc_by(5);
        target.active.inc();
        let text = metrics.text(3);
        for line in [
            "syncline_gateway_refusals_total{reason=\"origin\"} 1",
            "syncline_gateway_refusals_total{reason=\"target\"} 0",
            "syncline_gateway_received_bytes_total{target=\"nas\"} 5",
            "syncline_gateway_connections_open 3",
            "syncline_gateway_sessions_active{target=\"nas\"} 1",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
    }
}

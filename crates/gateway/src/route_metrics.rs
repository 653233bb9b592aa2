//! The metrics of a route.

use std::cell::RefCell;
use std::time::Duration;

use actix_web::http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};

/// Counts the requests of a path, by method and class of status. Each thread has its own, stored with the resource of
/// the path, and looks up each series once.
pub(crate) struct RouteMetrics {
    /// The path template.
    pub(crate) path: &'static str,
    series: RefCell<Vec<RouteSeries>>,
}

struct RouteSeries {
    method: &'static str,
    status: &'static str,
    requests: Counter,
    seconds: Histogram,
}

impl RouteMetrics {
    pub(crate) fn new(path: &'static str) -> Self {
        Self { path, series: RefCell::default() }
    }

    /// `method` must be one of a fixed set.
    pub(crate) fn record(&self, method: &'static str, status: StatusCode, elapsed: Duration) {
        let status = status_class(status);
        let mut series = self.series.borrow_mut();
        let known = series.iter().find(|series| (series.method, series.status) == (method, status));
        if let Some(known) = known {
            return known.record(elapsed);
        }
        let new = RouteSeries::new(self.path, method, status);
        new.record(elapsed);
        series.push(new);
    }
}

impl RouteSeries {
    fn new(path: &'static str, method: &'static str, status: &'static str) -> Self {
        let labels = [("method", method), ("route", path), ("status", status)];
        let requests = counter!("leadgate_gateway_requests_total", &labels);
        let seconds = histogram!("leadgate_gateway_request_seconds", &labels);
        Self { method, status, requests, seconds }
    }

    fn record(&self, elapsed: Duration) {
        self.requests.increment(1);
        self.seconds.record(elapsed);
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn requests_are_counted_by_method_and_class_of_status() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let (leads, other) = (RouteMetrics::new("/v1/leads"), RouteMetrics::new("unknown"));
            let requests = [("POST", 202), ("POST", 429), ("GET", 200), ("POST", 201), ("POST", 422)];
            for (method, status) in requests {
                leads.record(method, StatusCode::from_u16(status).unwrap(), Duration::from_millis(1));
            }
            other.record("POST", StatusCode::NOT_FOUND, Duration::from_millis(1));
        });
        let text = recorder.handle().render();
        for (method, route, status, count) in [
            ("POST", "/v1/leads", "2xx", 2),
            ("POST", "/v1/leads", "4xx", 2),
            ("GET", "/v1/leads", "2xx", 1),
            ("POST", "unknown", "4xx", 1),
        ] {
            let labels = format!(r#"{{method="{method}",route="{route}",status="{status}"}} {count}"#);
            for name in ["leadgate_gateway_requests_total", "leadgate_gateway_request_seconds_count"] {
                let line = format!("{name}{labels}");
                assert!(text.lines().any(|other| other == line), "{line}: {text}");
            }
        }
    }
}

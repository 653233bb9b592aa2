//! Decides which requests may see metrics and readiness details.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::uri::Authority;

use crate::GatewayConfig;
use crate::client_address::is_trusted;

/// Whether a request to the public address comes from an operator on this machine: directly from a loopback
/// address, not through a proxy. If operators have a separate address, no request to the public address
/// qualifies.
pub(crate) fn is_operator_request(request: &HttpRequest, config: &GatewayConfig) -> bool {
    let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else { return false };
    let forwarded = [header::X_FORWARDED_FOR, header::FORWARDED, header::VIA];
    config.metrics_listen.is_none()
        && peer.is_loopback()
        && !is_trusted(peer, &config.trusted_proxies)
        && !forwarded.iter().any(|name| request.headers().contains_key(name))
        && !is_from_a_page(request)
}

/// Whether a web page in a browser on this machine may have sent the request. The page could read the
/// response, because of the CORS headers, or because the host name of the page resolves to this machine (DNS
/// rebinding).
fn is_from_a_page(request: &HttpRequest) -> bool {
    let value = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let fetch_site = value(HeaderName::from_static("sec-fetch-site"));
    let host = value(header::HOST).and_then(|host| host.parse::<Authority>().ok());
    let has_domain_name = host.is_some_and(|host| {
        let host = host.host().trim_matches(['[', ']']);
        host != "localhost" && host.parse::<IpAddr>().is_err()
    });
    request.headers().contains_key(header::ORIGIN)
        || fetch_site.is_some_and(|site| site != "none")
        || has_domain_name
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_direct_loopback_requests_are_operator_requests() {
        let allowed = |peer: &str, name: header::HeaderName, config: &GatewayConfig| {
            let request =
                TestRequest::default().peer_addr(peer.parse().unwrap()).insert_header((name, "1.1.1.1"));
            is_operator_request(&request.to_http_request(), config)
        };
        let default_config = GatewayConfig::default();
        assert!(!allowed("127.0.0.1:9", header::ORIGIN, &default_config));
        assert!(
            allowed("127.0.0.1:9", header::ACCEPT, &default_config)
                && allowed("[::1]:9", header::ACCEPT, &default_config)
        );
        assert!(
            !allowed("192.0.2.1:9", header::ACCEPT, &default_config)
                && !allowed("10.0.0.1:9", header::ACCEPT, &default_config)
        );
        for name in [header::X_FORWARDED_FOR, header::FORWARDED, header::VIA] {
            assert!(!allowed("127.0.0.1:9", name, &default_config));
        }
        let proxied =
            GatewayConfig { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..default_config.clone() };
        assert!(!allowed("127.0.0.1:9", header::ACCEPT, &proxied));
        let separate = GatewayConfig { metrics_listen: Some(([127, 0, 0, 1], 9).into()), ..default_config };
        assert!(!allowed("127.0.0.1:9", header::ACCEPT, &separate));
    }
}

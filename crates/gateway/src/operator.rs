//! Which requests may see metrics and readiness details.

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::GatewayConfig;
use crate::client_address::is_trusted;

/// Whether a request to the public address comes from the machine itself, and not through a proxy on it. Where operators
/// have an address of their own, no request to the public one does.
pub(crate) fn is_operator_request(request: &HttpRequest, config: &GatewayConfig) -> bool {
    let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else { return false };
    let forwarded = [header::X_FORWARDED_FOR, header::FORWARDED, header::VIA];
    config.metrics_listen.is_none()
        && peer.is_loopback()
        && !is_trusted(peer, &config.trusted_proxies)
        && !forwarded.iter().any(|name| request.headers().contains_key(name))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn operators_ask_from_the_machine_itself() {
        let allowed = |peer: &str, name: header::HeaderName, config: &GatewayConfig| {
            let request =
                TestRequest::default().peer_addr(peer.parse().unwrap()).insert_header((name, "1.1.1.1"));
            is_operator_request(&request.to_http_request(), config)
        };
        let open = GatewayConfig::default();
        assert!(allowed("127.0.0.1:9", header::ACCEPT, &open) && allowed("[::1]:9", header::ACCEPT, &open));
        assert!(
            !allowed("192.0.2.1:9", header::ACCEPT, &open) && !allowed("10.0.0.1:9", header::ACCEPT, &open)
        );
        for name in [header::X_FORWARDED_FOR, header::FORWARDED, header::VIA] {
            assert!(!allowed("127.0.0.1:9", name, &open));
        }
        let behind = GatewayConfig { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..open.clone() };
        assert!(!allowed("127.0.0.1:9", header::ACCEPT, &behind));
        let apart = GatewayConfig { metrics_listen: Some(([127, 0, 0, 1], 9).into()), ..open };
        assert!(!allowed("127.0.0.1:9", header::ACCEPT, &apart));
    }
}

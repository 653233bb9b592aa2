//! Connections with TLS: certificate and host name of Redis are verified.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use leadgate_domain::{OrganizationId, Rate};
use leadgate_limiter::{Counter, LimitRequest, LimitVerdict, Limiter, LimiterConfig, LimiterStatus};
use leadgate_testkit::servers::RedisServer;
use leadgate_testkit::tls::CertificateAuthority;

const READY_TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_certificate_is_accepted() {
    let (authority, other_authority) =
        (CertificateAuthority::new().unwrap(), CertificateAuthority::new().unwrap());
    let certificate = authority.issue(Ipv4Addr::LOCALHOST.into()).unwrap();
    let redis = RedisServer::start_with_tls(&certificate).await.unwrap();
    let open = async |host: &str, authority: &CertificateAuthority| {
        let url = format!("rediss://{host}:{}/", redis.tls_port().unwrap());
        // Long, because a test machine can be slow.
        let timeout = Duration::from_secs(5);
        Limiter::open(LimiterConfig {
            url,
            timeout,
            ca_file: Some(authority.file()),
            ..LimiterConfig::default()
        })
        .await
        .unwrap()
    };
    let limiter = open("127.0.0.1", &authority).await;
    let deadline = Instant::now() + READY_TIMEOUT;
    while limiter.status() != LimiterStatus::Ready {
        assert!(Instant::now() < deadline, "{:?}", limiter.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counter = Counter::new("key:a".to_owned(), Rate::per_minute(1));
    let request = LimitRequest::new(OrganizationId::generate(), counter);
    assert_eq!(limiter.acquire(request.clone()).await.verdict, LimitVerdict::Allowed);
    assert_eq!(limiter.acquire(request).await.verdict, LimitVerdict::Limited);
    assert!(redis.command("KEYS *").await.unwrap().starts_with("*1"), "counted in Redis");

    // The certificate is valid for the address only.
    for (host, authority) in [("127.0.0.1", &other_authority), ("localhost", &authority)] {
        let limiter = open(host, authority).await;
        assert!(matches!(limiter.status(), LimiterStatus::Degraded(_)), "{host}");
    }
    let missing = LimiterConfig {
        url: "rediss://127.0.0.1/".to_owned(),
        ca_file: Some("/no/such/file".into()),
        ..LimiterConfig::default()
    };
    assert!(Limiter::open(missing).await.is_err());
}

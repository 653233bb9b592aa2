//! A connection that verifies the certificate and name of Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use leadgate_domain::{OrganizationId, Rate};
use leadgate_limiter::{Counter, LimitRequest, LimitVerdict, Limiter, LimiterConfig, LimiterStatus};
use leadgate_testkit::servers::RedisServer;
use leadgate_testkit::tls::CertificateAuthority;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn rediss_takes_the_right_certificate_and_no_other() {
    let (authority, stranger) = (CertificateAuthority::new().unwrap(), CertificateAuthority::new().unwrap());
    let certificate = authority.issue(Ipv4Addr::LOCALHOST.into()).unwrap();
    let redis = RedisServer::start_with_tls(&certificate).await.unwrap();
    let open = async |host: &str, authority: &CertificateAuthority| {
        let url = format!("rediss://{host}:{}/", redis.tls_port().unwrap());
        // A busy machine may be late; what is shown here is whom it trusts.
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
    let deadline = Instant::now() + PATIENCE;
    while limiter.status() != LimiterStatus::Ready {
        assert!(Instant::now() < deadline, "{:?}", limiter.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counter = Counter::new("key:a".to_owned(), Rate::per_minute(1));
    let ask = LimitRequest::of(OrganizationId::generate(), counter);
    assert_eq!(limiter.acquire(ask.clone()).await.verdict, LimitVerdict::Allowed);
    assert_eq!(limiter.acquire(ask).await.verdict, LimitVerdict::Limited);
    assert!(redis.command("KEYS *").await.unwrap().starts_with("*1"), "counted in Redis");

    // The certificate is good for the address only.
    for (host, authority) in [("127.0.0.1", &stranger), ("localhost", &authority)] {
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

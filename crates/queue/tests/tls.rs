//! Connections with TLS: certificate and host name of the broker are verified.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use leadgate_domain::OrganizationId;
use leadgate_queue::{Queue, QueueConfig, QueueStatus, ReceiveResult, Role, SettleResult, declare_topology};
use leadgate_testkit::servers::RabbitMqServer;
use leadgate_testkit::tls::CertificateAuthority;

const READY_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_certificate_is_accepted() {
    let (authority, other_authority) =
        (CertificateAuthority::new().unwrap(), CertificateAuthority::new().unwrap());
    let certificate = authority.issue(Ipv4Addr::LOCALHOST.into()).unwrap();
    let broker = RabbitMqServer::start_with_tls(&certificate).await.unwrap();
    let vhost = broker.vhost().await.unwrap();
    let url = |host: &str, authority: &CertificateAuthority| {
        let (name, port) = (&vhost.name, broker.tls_port().unwrap());
        format!("amqps://{name}:{name}@{host}:{port}/{name}?cacertfile={}", authority.file().display())
    };
    let good = url("127.0.0.1", &authority);
    declare_topology(&QueueConfig::new(&good)).await.unwrap();
    let queue = Queue::open(QueueConfig::new(&good), Role::AllInOne).await.unwrap();
    let mut consumer = queue.consumer();
    let deadline = Instant::now() + READY_TIMEOUT;
    while queue.status() != QueueStatus::Ready {
        assert!(Instant::now() < deadline, "{:?}", queue.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    queue.publisher().publish(OrganizationId::generate(), br#"{"a":1}"#.to_vec().into()).await.unwrap();
    let ReceiveResult::Deliveries(deliveries) = consumer.receive(1).await else { panic!("closed") };
    assert_eq!(deliveries.len(), 1);
    for delivery in deliveries {
        assert_eq!(delivery.ack().await, SettleResult::Settled);
    }
    queue.shutdown().await;

    // The certificate is valid for the address only.
    for wrong in [url("127.0.0.1", &other_authority), url("localhost", &authority)] {
        let config = QueueConfig { confirm_timeout: Duration::from_secs(2), ..QueueConfig::new(&wrong) };
        let queue = Queue::open(config, Role::Gateway).await.unwrap();
        assert!(
            queue
                .publisher()
                .publish(OrganizationId::generate(), br#"{"a":1}"#.to_vec().into())
                .await
                .is_err()
        );
        queue.shutdown().await;
    }
}

//! A connection that verifies the database's certificate and name.

use std::net::Ipv4Addr;

use leadgate_domain::secret::RootSecret;
use leadgate_store::{Store, StoreConfig, StoreError};
use leadgate_testkit::SECRET;
use leadgate_testkit::servers::PostgresServer;
use leadgate_testkit::tls::CertificateAuthority;

#[tokio::test(flavor = "multi_thread")]
async fn verify_full_accepts_only_the_right_certificate() {
    let (authority, other_authority) =
        (CertificateAuthority::new().unwrap(), CertificateAuthority::new().unwrap());
    let certificate = authority.issue(Ipv4Addr::LOCALHOST.into()).unwrap();
    let server = PostgresServer::start_with_tls(&certificate).await.unwrap();
    let database = server.database().await.unwrap();
    let open = |host: &str, authority: &CertificateAuthority| {
        let url = database.replace("127.0.0.1", host);
        let url = format!("{url}?sslmode=verify-full&sslrootcert={}", authority.file().display());
        let secret = RootSecret::new(SECRET, None).unwrap();
        Store::open(&StoreConfig::api(url).with_secret(&secret)).unwrap()
    };
    let store = open("127.0.0.1", &authority);
    store.migrate().await.unwrap();
    store.ensure_organization("acme").await.unwrap();
    let sql = "select count(*) > 0 from pg_stat_ssl join pg_stat_activity using (pid) \
               where ssl and application_name = 'leadgate'";
    assert_eq!(server.sql(&database, sql).await.unwrap().trim(), "t");

    for (host, authority, expected) in [
        ("127.0.0.1", &other_authority, "certificate verify failed"),
        // The certificate is valid for the address only.
        ("localhost", &authority, "does not match host name"),
    ] {
        match open(host, authority).check().await {
            Err(StoreError::Unavailable { detail: Some(detail), .. }) if detail.contains(expected) => {}
            other => panic!("{host}: {other:?}"),
        }
    }
}

//! Starts real servers, breaks them and starts them again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::time::Duration;

use leadgate_testkit::servers::{PostgresServer, RabbitMqServer, RedisServer, shared};
use serde_json::json;

#[tokio::test]
async fn a_killed_postgres_keeps_committed_rows() -> anyhow::Result<()> {
    let postgres = PostgresServer::start().await?;
    let url = postgres.database().await?;
    postgres.sql(&url, "create table t (n int); insert into t values (1), (2)").await?;
    postgres.kill()?;
    assert!(postgres.sql(&url, "select 1").await.is_err());
    postgres.start_again().await?;
    assert_eq!(postgres.sql(&url, "select n from t order by n").await?, "1\n2\n");
    postgres.restart().await?;
    assert_eq!(postgres.sql(&url, "show fsync").await?, "on\n");
    postgres.stop_immediately().await?;
    postgres.start_again().await?;
    assert_eq!(postgres.sql(&url, "select n from t order by n").await?, "1\n2\n");
    postgres.stop().await
}

#[tokio::test]
async fn a_suspended_postgres_responds_after_it_is_resumed() -> anyhow::Result<()> {
    let postgres = PostgresServer::start().await?;
    let url = postgres.database().await?;
    postgres.freeze()?;
    let mut result = Box::pin(postgres.sql(&url, "select 1"));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut result).await.is_err());
    postgres.thaw()?;
    assert_eq!(result.await?, "1\n");
    Ok(())
}

#[tokio::test]
async fn databases_are_separate() -> anyhow::Result<()> {
    let postgres = shared().postgres().await?;
    let (one, other) = (postgres.database().await?, postgres.database().await?);
    postgres.sql(&one, "create table t (n int)").await?;
    assert!(postgres.sql(&other, "select * from t").await.is_err());
    Ok(())
}

#[tokio::test]
async fn redis_can_be_suspended_killed_and_restarted() -> anyhow::Result<()> {
    let redis = RedisServer::start().await?;
    assert_eq!(redis.command("SET a 1").await?, "+OK\r\n");
    redis.freeze()?;
    let frozen = tokio::time::timeout(Duration::from_millis(300), redis.command("GET a")).await;
    assert!(frozen.is_err());
    redis.thaw()?;
    assert_eq!(redis.command("GET a").await?, "$1\r\n1\r\n");
    redis.kill()?;
    assert!(redis.command("GET a").await.is_err());
    redis.start_again().await?;
    assert_eq!(redis.command("GET a").await?, "$-1\r\n");
    redis.restart().await
}

#[tokio::test]
async fn key_prefixes_are_unique() -> anyhow::Result<()> {
    let redis = shared().redis().await?;
    let ((url, one), (_, other)) = (redis.url_with_prefix(), redis.url_with_prefix());
    assert!(url.starts_with("redis://127.0.0.1:"));
    assert_ne!(one, other);
    Ok(())
}

#[tokio::test]
async fn a_quorum_queue_survives_a_kill_of_the_broker() -> anyhow::Result<()> {
    let broker = RabbitMqServer::start().await?;
    let vhost = broker.vhost().await?;
    vhost.declare_queue("q", json!({ "x-queue-type": "quorum" })).await?;
    assert!(vhost.publish("", "q", "kept").await?);
    broker.remember_queues().await?;
    broker.kill()?;
    assert!(vhost.queues().await.is_err());
    broker.start_again().await?;
    vhost.await_depth("q", 1, Duration::from_secs(10)).await?;
    assert_eq!(vhost.take("q", 10).await?, ["kept"]);

    broker.freeze()?;
    assert!(tokio::time::timeout(Duration::from_millis(300), vhost.queues()).await.is_err());
    broker.thaw()?;
    vhost.await_depth("q", 0, Duration::from_secs(10)).await?;

    // Each call waits until the broker has set or cleared the alarm.
    broker.memory_alarm(true).await?;
    broker.memory_alarm(false).await?;
    broker.disk_alarm(true).await?;
    broker.disk_alarm(false).await?;
    broker.stop().await
}

#[tokio::test]
async fn a_virtual_host_can_be_changed_through_the_management_api() -> anyhow::Result<()> {
    let vhost = shared().rabbitmq().await?.vhost().await?;
    vhost.declare_exchange("e", "direct", json!({})).await?;
    vhost.declare_queue("q", json!({ "x-queue-type": "quorum" })).await?;
    assert!(!vhost.publish("e", "k", "lost").await?);
    vhost.bind("e", "q", "k").await?;
    assert!(vhost.publish("e", "k", "one").await?);
    assert!(vhost.publish("e", "k", "two").await?);
    vhost.await_depth("q", 2, Duration::from_secs(5)).await?;
    assert_eq!(vhost.take("q", 1).await?, ["one"]);
    vhost.purge("q").await?;
    vhost.await_depth("q", 0, Duration::from_secs(5)).await?;
    assert_eq!(vhost.unbind("e", "q").await?, 1);
    assert!(!vhost.publish("e", "k", "lost").await?);
    vhost.set_policy("limit", "^q$", json!({ "max-length": 1, "overflow": "reject-publish" })).await?;
    vhost.delete_policy("limit").await?;
    vhost.delete_exchange("e").await?;
    vhost.delete_queue("q").await?;
    assert_eq!(vhost.queues().await?, []);
    vhost.close_connections().await?;
    vhost.await_connections(0, Duration::from_secs(5)).await?;
    vhost.remove().await
}

//! The servers of the baselines `echo` and `one-message`.

use std::net::SocketAddr;

use actix_web::{App, HttpResponse, HttpServer, web};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use super::BaselineKind;

/// The quorum queue of `one-message`.
pub(crate) const ONE_MESSAGE_QUEUE: &str = "one-message";

/// Serves `POST /v1/leads` until the process is stopped.
///
/// # Errors
/// When the address is in use, or the broker cannot be reached.
pub(crate) fn serve(kind: BaselineKind, listen: SocketAddr, amqp_url: &str) -> anyhow::Result<()> {
    actix_web::rt::System::new().block_on(async {
        let connection = match kind {
            BaselineKind::Echo => None,
            BaselineKind::OneMessage => {
                Some(Connection::connect(amqp_url, ConnectionProperties::default()).await?)
            }
        };
        let channel = match &connection {
            Some(connection) => Some(open_channel(connection).await?),
            None => None,
        };
        let channel = web::Data::new(channel);
        let app = move || {
            let app = App::new().app_data(channel.clone()).route("/v1/leads", web::post().to(accept));
            app.route("/readyz", web::get().to(HttpResponse::Ok))
        };
        Ok(HttpServer::new(app).bind(listen)?.run().await?)
    })
}

/// Answers with the body, or publishes one message for each request: as many wait for their confirm as there are
/// connections.
async fn accept(channel: web::Data<Option<Channel>>, body: web::Bytes) -> HttpResponse {
    let Some(channel) = channel.as_ref() else { return HttpResponse::Accepted().body(body) };
    match publish(channel, &body).await {
        Ok(Confirmation::Ack(None)) => HttpResponse::Accepted().finish(),
        Ok(_) | Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn publish(channel: &Channel, body: &[u8]) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let persistent = BasicProperties::default().with_delivery_mode(2);
    channel.basic_publish("".into(), ONE_MESSAGE_QUEUE.into(), options, body, persistent).await?.await
}

async fn open_channel(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(ONE_MESSAGE_QUEUE.into(), durable, arguments).await?;
    Ok(channel)
}

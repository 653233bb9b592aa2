//! `GET /metrics`, in the text format of Prometheus.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::state::State;

pub(crate) async fn show(state: Data<State>) -> HttpResponse {
    let text = (state.render_metrics)();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}

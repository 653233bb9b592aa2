//! `PATCH /v1/keys/{id}`.

use actix_web::web;
use leadgate_dialect::native::{self, KeyAnswer};
use leadgate_domain::KeyId;
use leadgate_operations::keys::{self as operations, KeyChanges};

use crate::call::{Administer, Call};
use crate::refusal::Refusal;
use crate::reply::Json;
use crate::store_timeout::operation;

/// Changes a key of the caller's organization; null clears a name or a rate. Gateways follow the change within a poll.
pub(crate) async fn update(
    call: &mut Call<Administer, KeyId>,
    web::Json(changes): web::Json<KeyChanges>,
) -> Result<Json<KeyAnswer<'static>>, Refusal> {
    let store = call.store();
    let changing = operations::update(&store, call.organization(), &call.id, changes);
    let key = operation(&call.state, changing).await?;
    Ok(Json::ok(&native::key(&key, &call.organization_name())))
}

//! `PATCH /v1/keys/{id}`.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::native;
use leadgate_domain::KeyId;
use leadgate_operations::keys::{self as operations, KeyChanges};

use crate::problem::Refused;
use crate::read::{self, Asked};
use crate::refusal::Refusal;
use crate::respond;
use crate::state::State;

/// Changes a key of the caller's organization; null clears a name or a rate. Gateways follow the change within a poll.
pub(crate) async fn update(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, Refused> {
    let asked = Asked::to_administer(&request, &state).await?;
    let id = KeyId::parse(request.match_info().query("id")).ok_or(Refusal::NotFound)?;
    let changes: KeyChanges = read::document(&request, payload, &state).await?;
    let store = asked.store(&state);
    let changing = operations::update(&store, Some(asked.organization()), &id, changes);
    let key = read::operation(&state, changing).await?;
    Ok(respond::json(&native::key(&key, &asked.organization_name(&state))))
}

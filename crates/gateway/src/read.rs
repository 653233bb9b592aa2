//! What all reads share: authentication, and how long to wait for the store.

use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::native;
use leadgate_domain::{
    Actor, AuditAction, AuditEntry, Dialect, KeyKind, OrganizationId, Scope, SubmissionId, Timestamp, json,
};
use leadgate_operations::OperationError;
use leadgate_store::{Store, StoreError};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use crate::authenticate::{self, Caller, Reach};
use crate::body::{self, BodyLimits};
use crate::client_address::client_address;
use crate::http_route::HttpRoute;
use crate::problem::Refused;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::state::State;
use crate::{credentials, entrance, limit, respond};

/// An authenticated request with the scope `read`, whose parameters are those of its route.
pub(crate) struct Asked {
    caller: Caller,
    query: Query,
}

impl Asked {
    pub(crate) async fn of(request: &HttpRequest, state: &State) -> Result<Self, Refused> {
        Self::with(Scope::Read, request, state).await
    }

    /// By a caller who may read what belongs to no single source.
    pub(crate) async fn of_organization(request: &HttpRequest, state: &State) -> Result<Self, Refused> {
        let asked = Self::of(request, state).await?;
        if asked.reach() == Reach::Organization { Ok(asked) } else { Err(Refusal::OtherSource.into()) }
    }

    /// An authenticated request with the scope `admin`.
    pub(crate) async fn to_administer(request: &HttpRequest, state: &State) -> Result<Self, Refused> {
        Self::with(Scope::Admin, request, state).await
    }

    /// A request with a secret key that has the scope `write`.
    pub(crate) async fn to_write(request: &HttpRequest, state: &State) -> Result<Self, Refused> {
        let asked = Self::with(Scope::Write, request, state).await?;
        let is_secret = asked.caller.key.kind == KeyKind::Secret;
        if is_secret { Ok(asked) } else { Err(Refusal::InsufficientScope(Scope::Write).into()) }
    }

    async fn with(scope: Scope, request: &HttpRequest, state: &State) -> Result<Self, Refused> {
        let of_path = HttpRoute::of_request(request).and_then(|route| route.dialect);
        let caller = Self::authenticate(scope, request, state).await;
        let caller = caller.map_err(|refusal| refusal.said_in(of_path.unwrap_or(Dialect::Native)))?;
        let query = Query::read(request);
        let query = query.map_err(|refusal| refusal.said_in(of_path.unwrap_or(caller.source.dialect)))?;
        Ok(Self { caller, query })
    }

    async fn authenticate(scope: Scope, request: &HttpRequest, state: &State) -> Result<Caller, Refusal> {
        let address = client_address(request, &state.config.trusted_proxies);
        let presented = credentials::in_headers(request.headers());
        let caller = authenticate::caller(state, request, address, presented).await?;
        limit::known(state, request, &caller, address).await?;
        entrance::from_network(&caller.source, address)?;
        caller.may(scope)?;
        if scope == Scope::Admin && !caller.is_organization_key() {
            return Err(Refusal::OtherSource);
        }
        Ok(caller)
    }

    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) fn reach(&self) -> Reach {
        self.caller.reach
    }

    pub(crate) fn organization(&self) -> OrganizationId {
        self.caller.organization()
    }

    pub(crate) fn organization_name(&self, state: &State) -> String {
        let owner = state.keys.directory.organization(self.organization());
        owner.map(|owner| owner.name.clone()).unwrap_or_default()
    }

    /// What the caller's source speaks, for paths that several dialects share.
    pub(crate) fn spoken(&self) -> Dialect {
        self.caller.source.dialect
    }

    /// An audit entry of this caller.
    pub(crate) fn actor(&self) -> Actor {
        self.caller.actor()
    }

    /// The store, in which what changes is this caller's doing.
    pub(crate) fn store(&self, state: &State) -> Store {
        state.store.acting_for(self.actor())
    }

    /// An entry of the audit log about this caller.
    pub(crate) fn entry(&self, action: AuditAction) -> AuditEntry {
        AuditEntry::now(self.organization(), self.actor(), action)
    }

    /// The id in the path. A text that is no id is answered like an id that does not exist.
    pub(crate) fn id(&self, request: &HttpRequest) -> Result<Uuid, Refusal> {
        request.match_info().query("id").parse().map_err(|_| Refusal::NotFound)
    }

    /// The answer for an id that the store does not have: `queued` if it was created for this organization; otherwise
    /// the same 404 for an unknown id and for one of another organization.
    pub(crate) fn queued(
        &self,
        id: Uuid,
        action: AuditAction,
        state: &State,
    ) -> Result<HttpResponse, Refusal> {
        let submission = SubmissionId::from_uuid(id);
        if !state.ids.may_be_queued(self.organization(), submission, Timestamp::now()) {
            return Err(self.not_found(id, action, state));
        }
        state.audit.note(self.entry(action).about(id).with("answer", "queued"));
        Ok(respond::json(&native::queued(submission)))
    }

    /// The same for a refusal of an operation about this id.
    pub(crate) fn noted(&self, refusal: Refusal, id: Uuid, action: AuditAction, state: &State) -> Refusal {
        match refusal {
            Refusal::NotFound => self.not_found(id, action, state),
            refusal => refusal,
        }
    }

    /// A lookup of another organization's id is audited for the caller only.
    pub(crate) fn not_found(&self, id: Uuid, action: AuditAction, state: &State) -> Refusal {
        state.audit.note(self.entry(action).about(id).with("answer", "not_found"));
        Refusal::NotFound
    }
}

/// Waits for the store, but not for ever.
pub(crate) async fn within<T>(
    state: &State,
    reading: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Refusal> {
    match timeout(state.config.store_timeout, reading).await {
        Ok(outcome) => outcome.map_err(Refusal::Store),
        Err(_) => Err(Refusal::StoreSlow),
    }
}

/// Waits for an operation as [`within`] does. One that is cut off can be sent again.
pub(crate) async fn operation<T>(
    state: &State,
    operation: impl Future<Output = Result<T, OperationError>>,
) -> Result<T, Refusal> {
    match timeout(state.config.store_timeout, operation).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Refusal::StoreSlow),
    }
}

/// A small JSON document by which something is administered.
pub(crate) async fn document<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
) -> Result<T, Refusal> {
    let config = &state.config;
    let limits = BodyLimits { limit: config.body_limit, timeout: config.body_timeout };
    body::only_json(request.headers())?;
    body::check_head(request.headers(), limits)?;
    let body = body::read(request, payload, limits).await?;
    let document = json::parse(&body).map_err(|fault| Refusal::Unreadable(fault.into()))?;
    // What serde says may repeat a value; it is the administrator's own.
    serde_json::from_value(document).map_err(|error| Refusal::InvalidSettings(error.to_string()))
}

/// The same, where nothing has to be said.
pub(crate) async fn optional_document<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
) -> Result<T, Refusal> {
    let said = request.headers().contains_key(header::CONTENT_TYPE);
    if said { document(request, payload, state).await } else { Ok(T::default()) }
}

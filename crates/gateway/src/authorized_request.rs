//! A request for reading or administration. It is read in a fixed order: caller, permit, query, id, and the
//! body last.
//!
//! actix-web polls the extractors of a handler concurrently, so a body could be read before authentication.
//! Therefore one extractor reads everything (docs/decisions/routes.md).

mod access;
mod input;

use std::fmt::Display;
use std::marker::PhantomData;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use leadgate_dialect::SubmissionStatus;
use leadgate_domain::{Actor, AuditAction, AuditEntry, OrganizationId, SubmissionId, Timestamp};
use leadgate_store::Store;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::audit::AuditSender;
use crate::caller::{Caller, SourceAccess};
use crate::context::RequestContext;
use crate::organization_permits::OrganizationPermit;
use crate::problem::ProblemResponse;
use crate::query::{self, NoParameters};
use crate::refusal::Refusal;
use crate::route_response::RouteResponse;
use crate::source_selection::check_network;
use crate::state::GatewayState;
use crate::{authenticate, credentials, limit};
use input::{BodyInput, NoBody, PathId};

pub(crate) use access::{Access, AdminAccess, OrganizationReadAccess, ReadAccess, WriteAccess};

/// A request whose caller has the access `A`. `P` is the id in the path, `Q` the query.
pub(crate) struct AuthorizedRequest<A, P = (), Q = NoParameters> {
    pub(crate) caller: Caller,
    pub(crate) id: P,
    pub(crate) query: Q,
    pub(crate) state: Data<GatewayState>,
    pub(crate) request: HttpRequest,
    pub(crate) context: RequestContext,
    access: PhantomData<A>,
}

impl<A: Access, P: PathId, Q: DeserializeOwned + 'static> AuthorizedRequest<A, P, Q> {
    async fn read(
        request: HttpRequest,
        state: Data<GatewayState>,
        mut context: RequestContext,
    ) -> Result<Self, ProblemResponse> {
        let read = Self::authorize(&request, &state, &mut context).await;
        match read {
            Ok((caller, id, query)) => {
                Ok(Self { caller, id, query, state, request, context, access: PhantomData })
            }
            Err(refusal) => Err(ProblemResponse::new(refusal, context)),
        }
    }

    async fn authorize(
        request: &HttpRequest,
        state: &GatewayState,
        context: &mut RequestContext,
    ) -> Result<(Caller, P, Q), Refusal> {
        let presented = credentials::in_headers(request.headers());
        let caller = authenticate::caller(state, request, context, presented).await?;
        limit::authenticated(state, context, &caller).await?;
        check_network(&caller.source, context.address)?;
        caller.check_scope(A::SCOPE)?;
        A::check(&caller)?;
        let query = query::read(request)?;
        let id = P::read(request.match_info().query("id")).ok_or(Refusal::NotFound)?;
        Ok((caller, id, query))
    }
}

impl<A, P, Q> AuthorizedRequest<A, P, Q> {
    pub(crate) fn organization(&self) -> OrganizationId {
        self.caller.organization()
    }

    pub(crate) fn organization_name(&self) -> String {
        let owner = self.state.keys.directory.organization(self.organization());
        owner.map(|owner| owner.name.clone()).unwrap_or_default()
    }

    pub(crate) fn source_access(&self) -> SourceAccess {
        self.caller.source_access
    }

    pub(crate) fn actor(&self) -> Actor {
        self.caller.actor()
    }

    /// The audit log for reads.
    pub(crate) fn log(&self) -> &AuditSender {
        &self.state.audit
    }

    /// The store with this caller as the actor of changes.
    pub(crate) fn store(&self) -> Store {
        self.state.store.as_actor(self.actor())
    }

    /// The permit for an operation that may take minutes.
    ///
    /// # Errors
    /// [`Refusal::OperationRunning`].
    pub(crate) fn long_operation_permit(&self) -> Result<OrganizationPermit, Refusal> {
        self.state.long_operation_permits.try_acquire(self.organization()).ok_or(Refusal::OperationRunning)
    }

    /// The permit for an export.
    ///
    /// # Errors
    /// [`Refusal::OperationRunning`].
    pub(crate) fn export_permit(&self) -> Result<OrganizationPermit, Refusal> {
        self.state.export_permits.try_acquire(self.organization()).ok_or(Refusal::OperationRunning)
    }

    /// An entry of the audit log about this caller.
    pub(crate) fn entry(&self, action: AuditAction) -> AuditEntry {
        AuditEntry::now(self.organization(), self.actor(), action)
    }

    /// Records a read in the audit log.
    pub(crate) fn record(&self, entry: AuditEntry) {
        self.state.audit.enqueue(entry);
    }

    /// The response for an id that is not stored: `queued` if the id was created for this organization.
    /// Otherwise the same 404 for an unknown id and for an id of another organization.
    pub(crate) fn queued(&self, id: Uuid, action: AuditAction) -> Result<SubmissionStatus, Refusal> {
        let submission = SubmissionId::from_uuid(id);
        if !self.state.submission_ids.may_be_queued(self.organization(), submission, Timestamp::now()) {
            return Err(self.not_found(id, action));
        }
        self.record(self.entry(action).with_target(id).with_detail("answer", "queued"));
        Ok(SubmissionStatus::queued(submission))
    }

    /// A look-up of another organization's id is audited for the caller only.
    pub(crate) fn not_found(&self, id: impl Display, action: AuditAction) -> Refusal {
        self.record(self.entry(action).with_target(id).with_detail("answer", "not_found"));
        Refusal::NotFound
    }

    /// Audits a refusal of an operation on this id, if it is a 404.
    pub(crate) fn audit_refusal(&self, refusal: Refusal, id: impl Display, action: AuditAction) -> Refusal {
        match refusal {
            Refusal::NotFound => self.not_found(id, action),
            refusal => refusal,
        }
    }
}

/// A request before it is authorized.
pub(crate) struct IncomingRequest {
    pub(crate) request: HttpRequest,
    pub(crate) payload: Payload,
    pub(crate) state: Data<GatewayState>,
    pub(crate) context: RequestContext,
}

impl IncomingRequest {
    /// Authorizes the request, reads its body and calls the handler.
    async fn authorize_and_handle<A, P, Q, B, R>(
        self,
        handler: impl AsyncFnOnce(&mut AuthorizedRequest<A, P, Q>, B) -> Result<R, Refusal>,
    ) -> Result<HttpResponse, ProblemResponse>
    where
        A: Access,
        P: PathId,
        Q: DeserializeOwned + 'static,
        B: BodyInput,
        R: RouteResponse,
    {
        let Self { request, payload, state, context } = self;
        let mut call = AuthorizedRequest::read(request, state, context).await?;
        let answer = match B::read(&call.request, payload, &call.state).await {
            Ok(body) => handler(&mut call, body).await,
            Err(refusal) => Err(refusal),
        };
        respond(answer, call.context)
    }
}

/// A function that serves a route, with a body or without one. `Args` are the types of its
/// [`AuthorizedRequest`], body and response.
pub(crate) trait Handler<Args>: Copy + 'static {
    /// The names of its parameters.
    fn parameters() -> &'static [&'static str];

    async fn handle(self, incoming: IncomingRequest) -> Result<HttpResponse, ProblemResponse>;
}

impl<F, A, P, Q, R> Handler<(A, P, Q, R)> for F
where
    F: AsyncFn(&mut AuthorizedRequest<A, P, Q>) -> Result<R, Refusal> + Copy + 'static,
    A: Access,
    P: PathId,
    Q: DeserializeOwned + 'static,
    R: RouteResponse,
{
    fn parameters() -> &'static [&'static str] {
        query::names::<Q>()
    }

    async fn handle(self, incoming: IncomingRequest) -> Result<HttpResponse, ProblemResponse> {
        let handler = async move |call: &mut AuthorizedRequest<A, P, Q>, _: NoBody| self(call).await;
        incoming.authorize_and_handle(handler).await
    }
}

impl<F, A, P, Q, B, R> Handler<(A, P, Q, B, R)> for F
where
    F: AsyncFn(&mut AuthorizedRequest<A, P, Q>, B) -> Result<R, Refusal> + Copy + 'static,
    A: Access,
    P: PathId,
    Q: DeserializeOwned + 'static,
    B: BodyInput,
    R: RouteResponse,
{
    fn parameters() -> &'static [&'static str] {
        query::names::<Q>()
    }

    async fn handle(self, incoming: IncomingRequest) -> Result<HttpResponse, ProblemResponse> {
        let handler = async move |call: &mut AuthorizedRequest<A, P, Q>, body: B| self(call, body).await;
        incoming.authorize_and_handle(handler).await
    }
}

/// Converts the result of a handler into a response with the rate limit headers.
pub(crate) fn respond(
    answer: Result<impl RouteResponse, Refusal>,
    context: RequestContext,
) -> Result<HttpResponse, ProblemResponse> {
    match answer {
        Ok(answer) => {
            let mut response = answer.into_response();
            context.add_limit_headers(response.headers_mut());
            Ok(response)
        }
        Err(refusal) => Err(ProblemResponse::new(refusal, context)),
    }
}

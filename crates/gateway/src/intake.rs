//! Accepts a lead: authenticate, limit, read, decode, publish, answer. All dialects use these steps.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use leadgate_dialect::{
    self as dialect, CredentialLocation, DialectResponse, Disclosure, Document, IntakePath, LeadRequest,
    NewSubmission, PostedLead, SourceSelection, SubmissionOutcome, protocol,
};
use leadgate_domain::{
    BodyFormat, KeyKind, Lead, Outcome, QuarantineReason, Scope, Submission, Timestamp, Trust,
};
use leadgate_queue::ExpectedReply;

use crate::authenticate;
use crate::body::{self, BodyLimits};
use crate::caller::Caller;
use crate::context::RequestContext;
use crate::idempotency::{self, IdempotencyCheck};
use crate::refusal::Refusal;
use crate::refusal_log::CallerLabel;
use crate::reply_wait::ReplyWait;
use crate::source_selection;
use crate::state::GatewayState;
use crate::{credentials, headers, html_page, limit, origin, query, signature};

/// A request to an intake path of a dialect.
pub(crate) struct IntakeRequest<'r> {
    path: &'static IntakePath,
    pub(crate) request: &'r HttpRequest,
    pub(crate) state: &'r GatewayState,
    /// Its dialect is that of the path, until the source is known.
    pub(crate) context: RequestContext,
}

/// A body. It is already read if it may contain the key.
pub(crate) enum RequestBody {
    Stream(Payload),
    Buffered(Bytes),
}

/// The result of a submission: its outcome, the lead that it created or matched, and why it is quarantined.
type OutcomeDetails<'l> = (Outcome, Option<&'l Lead>, Option<QuarantineReason>);

/// Accepts a lead.
pub(crate) async fn leads(intake: &mut IntakeRequest<'_>, payload: Payload) -> Result<HttpResponse, Refusal> {
    let (caller, body) = intake.admit(payload, limit::post).await?;
    let idempotency_key = headers::idempotency_key_for(intake.request.headers(), &caller.source)?;
    let (media, body) = intake.signed_body(&caller, body).await?;
    let accepted = intake.accept(&caller, media, &body, idempotency_key)?;
    if !intake.context.is_page {
        return intake.publish(accepted, &caller).await;
    }
    let redirect = html_page::redirect(&accepted.submission.fields, &caller.key);
    intake.publish(accepted, &caller).await?;
    Ok(html_page::success_page(redirect))
}

impl<'r> IntakeRequest<'r> {
    pub(crate) fn new(
        path: &'static IntakePath,
        request: &'r HttpRequest,
        state: &'r GatewayState,
        context: RequestContext,
    ) -> Self {
        let is_page = path.credential == CredentialLocation::Path && html_page::is_visitor(request.headers());
        let shares_path =
            path.source == SourceSelection::Credential || path.credential == CredentialLocation::Path;
        Self { path, request, state, context: RequestContext { is_page, shares_path, ..context } }
    }

    /// Authenticates the caller, selects the source and takes a permit. A refused caller takes a permit, too.
    pub(crate) async fn admit(
        &mut self,
        payload: Payload,
        permit: impl AsyncFn(&GatewayState, &mut RequestContext, &Caller) -> Result<(), Refusal>,
    ) -> Result<(Caller, RequestBody), Refusal> {
        let (caller, body) = self.authenticate(payload).await?;
        match self.select_source(&caller).await {
            Ok(caller) => permit(self.state, &mut self.context, &caller).await.map(|()| (caller, body)),
            Err(refusal) => {
                limit::authenticated(self.state, &mut self.context, &caller).await?;
                Err(refusal)
            }
        }
    }

    async fn select_source(&mut self, caller: &Caller) -> Result<Caller, Refusal> {
        caller.check_scope(Scope::Write)?;
        if caller.key.kind != KeyKind::Secret && !self.path.allows_public_credentials {
            return Err(Refusal::InsufficientScope(Scope::Write));
        }
        let (state, request, selection) = (self.state, self.request, self.path.source);
        let selecting =
            source_selection::select(state, request, &mut self.context, caller.clone(), selection);
        let caller = selecting.await?;
        self.context.dialect = caller.source.dialect;
        self.context.caller = Some(CallerLabel::from_caller(&caller));
        origin::check(request, &caller.key)?;
        query::check_intake(request, self.path.parameters, self.context.dialect)?;
        Ok(caller)
    }

    /// Authenticates the caller. If the key is in the body, the body is read first.
    async fn authenticate(&mut self, payload: Payload) -> Result<(Caller, RequestBody), Refusal> {
        let mut body = RequestBody::Stream(payload);
        let presented = match self.path.credential {
            CredentialLocation::Headers => credentials::in_headers(self.request.headers()),
            CredentialLocation::Path => credentials::in_path(self.request),
            CredentialLocation::HeadersQueryOrBody => match credentials::in_headers_or_query(self.request) {
                Ok(Some(presented)) => Ok(presented),
                Err(refusal) => Err(refusal),
                Ok(None) => {
                    limit::body_read(self.state, &mut self.context).await?;
                    let media = body::media(self.request.headers())?;
                    let read = self.read(body).await?;
                    let document = self.document(&media, &read);
                    body = RequestBody::Buffered(read);
                    document.and_then(|document| credentials::in_document(&document))
                }
            },
        };
        let caller = authenticate::caller(self.state, self.request, &mut self.context, presented).await?;
        Ok((caller, body))
    }

    /// Reads the body and its format, and checks the signature if the source requires one.
    pub(crate) async fn signed_body(
        &self,
        caller: &Caller,
        body: RequestBody,
    ) -> Result<(BodyFormat, Bytes), Refusal> {
        let headers = self.request.headers();
        let media = body::media(headers)?;
        signature::check_covered(&caller.source, &media, self.query())?;
        let body = self.read(body).await?;
        signature::check(headers, &body, &caller.source, &self.state.source_signing_key, Timestamp::now())?;
        Ok((media, body))
    }

    async fn read(&self, body: RequestBody) -> Result<Bytes, Refusal> {
        let config = &self.state.config;
        let limits = BodyLimits { limit: config.body_limit, timeout: config.body_timeout };
        match body {
            RequestBody::Buffered(body) => Ok(body),
            RequestBody::Stream(payload) => {
                body::check_head(self.request.headers(), limits)?;
                body::read(self.request, payload, limits).await
            }
        }
    }

    pub(crate) fn document(&self, media: &BodyFormat, body: &[u8]) -> Result<Document, Refusal> {
        protocol(self.context.dialect)
            .read_document(media, body, self.query())
            .map_err(Refusal::InvalidDocument)
    }

    /// The query, if it may contain fields.
    fn query(&self) -> Option<&str> {
        let reads_query = protocol(self.context.dialect).reads_query;
        let has_fields = |query: &&str| !query.is_empty() && (reads_query || !query::is_tracking_only(query));
        Some(self.request.query_string()).filter(has_fields)
    }

    fn accept(
        &self,
        caller: &Caller,
        media: BodyFormat,
        body: &[u8],
        idempotency_key: Option<&str>,
    ) -> Result<NewSubmission, Refusal> {
        let headers = self.request.headers();
        let received = LeadRequest {
            media,
            body,
            query: self.query(),
            idempotency_key,
            traceparent: headers::traceparent(headers),
            client: headers::client(headers, self.context.address),
        };
        accept(received, caller, self.state)
    }

    /// Publishes the submission, unless an earlier request with the same `Idempotency-Key` did, and responds.
    async fn publish(&self, accepted: NewSubmission, caller: &Caller) -> Result<HttpResponse, Refusal> {
        let (state, NewSubmission { mut submission, client_tags }) = (self.state, accepted);
        let id = submission.id;
        let reply_wait = self.reply_wait(caller);
        if let IdempotencyCheck::Repeated(first) = idempotency::reserve(state, &submission).await? {
            let posted = PostedLead { id: first, ..posted_lead(&submission, &client_tags, caller) };
            return self.answer_again(posted, reply_wait, caller).await;
        }
        let expected = match reply_wait.wait {
            Some(_) if submission.mapping_fault.is_none() => state.replies.register(id),
            _ => None,
        };
        submission.reply_to = expected.as_ref().map(ExpectedReply::address).cloned();
        let message = serde_json::to_vec(&submission).map_err(|_| Refusal::Internal)?;
        let published = state.publisher.publish(submission.organization, message.into()).await;
        idempotency::complete_or_release(state, &submission, &published).await;
        published.map_err(Refusal::Queue)?;
        state.accepted.count(self.context.dialect);
        let reply = match (expected, reply_wait.wait) {
            (Some(expected), Some(wait)) => expected.wait(wait).await,
            _ => None,
        };
        let posted = posted_lead(&submission, &client_tags, caller);
        let ended = reply.as_ref().map(|reply| (reply.outcome, reply.lead.as_deref(), reply.quarantine));
        Ok(reply_wait.response(self.answer(posted, ended, caller), id))
    }

    /// How long to wait for a worker. With a public credential there is no wait, because the response must
    /// not depend on stored data.
    fn reply_wait(&self, caller: &Caller) -> ReplyWait {
        let config = &self.state.config;
        match caller.trust() {
            Trust::Public => ReplyWait::NONE,
            Trust::Secret => {
                let (headers, dialect) = (self.request.headers(), self.context.dialect);
                ReplyWait::from_headers(headers, dialect, config.reply_timeout, config.max_reply_wait)
            }
        }
    }

    /// The only place that decides what a response contains about the submission. `ended` is the result, if
    /// it is known.
    fn answer(
        &self,
        posted: PostedLead<'_>,
        ended: Option<OutcomeDetails<'_>>,
        caller: &Caller,
    ) -> DialectResponse {
        let protocol = protocol(self.context.dialect);
        match (caller.trust(), ended) {
            (Trust::Public, _) => protocol.render_accepted_for_public(&posted),
            (Trust::Secret, None) => protocol.render_accepted(&posted),
            (Trust::Secret, Some((outcome, lead, quarantine))) => {
                let disclosure = lead.map_or(Disclosure::Outcome, |lead| caller.disclosure(lead));
                protocol.render_outcome(&SubmissionOutcome { posted, outcome, lead, quarantine, disclosure })
            }
        }
    }

    /// The response to a repeated request, with the current state of the first submission.
    async fn answer_again(
        &self,
        posted: PostedLead<'_>,
        reply_wait: ReplyWait,
        caller: &Caller,
    ) -> Result<HttpResponse, Refusal> {
        let first = posted.id;
        let found = match reply_wait.wait {
            Some(wait) => {
                let finding = self.state.store.find(caller.organization(), first.as_uuid());
                tokio::time::timeout(wait, finding).await.ok().and_then(Result::ok).flatten()
            }
            None => None,
        };
        let ended =
            found.as_ref().and_then(|found| Some((found.outcome?, found.lead.as_ref(), found.quarantine)));
        Ok(reply_wait.response(self.answer(posted, ended, caller), first))
    }
}

/// Creates the submission of a request, with the current time.
pub(crate) fn accept(
    received: LeadRequest<'_>,
    caller: &Caller,
    state: &GatewayState,
) -> Result<NewSubmission, Refusal> {
    let received_at = state.keys.directory.clock().now();
    let id = state.submission_ids.make(caller.source.organization, received_at);
    let accepted =
        dialect::accept(received, &caller.source, &caller.key, state.keys.match_key()?, id, received_at);
    accepted.map_err(Refusal::from)
}

fn posted_lead<'s>(submission: &'s Submission, tags: &'s [String], caller: &'s Caller) -> PostedLead<'s> {
    let Submission { id, fields, received_at, .. } = submission;
    PostedLead { id: *id, fields, tags, source: &caller.source, received_at: *received_at }
}

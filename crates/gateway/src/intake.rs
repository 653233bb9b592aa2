//! A lead comes in: authenticate, limit, read, decode, publish, answer. The one way, whatever the dialect.

use std::net::IpAddr;

use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use bytes::Bytes;
use leadgate_dialect::{self as dialect, Answer, Disclosure, Document, PostedLead, Settlement, Undecodable};
use leadgate_domain::mapping::MappingFault;
use leadgate_domain::{
    Dialect, Fields, KeyKind, Lead, Media, Outcome, QuarantineReason, Scope, Submission, Timestamp, Trust,
};
use leadgate_queue::Expected;

use crate::authenticate::{self, Caller};
use crate::body::{self, BodyLimits};
use crate::client_address::client_address;
use crate::entrance::{self, Entrance};
use crate::idempotency::{self, Turn};
use crate::prefer::Patience;
use crate::problem::Refused;
use crate::receive::{self, AcceptedPost, Head};
use crate::refusal::Refusal;
use crate::refusal_log::CallerLabel;
use crate::state::State;
use crate::{credentials, limit, origin, query, respond, secrets, signature, visitor};

/// A mapping may say the same thing many times; what it makes of a body is not to be much larger than the body.
const LARGEST_FIELDS: usize = 256 * 1024;

/// Where on a route the credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearing {
    Headers,
    /// Also in the query or the body, which is then read before the caller is authenticated.
    Anywhere,
    Path,
}

/// What a route says about who comes in by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    pub(crate) bearing: Bearing,
    pub(crate) entrance: Entrance,
    /// What is spoken until a source is known.
    pub(crate) spoken: Dialect,
    /// Whether credentials that stand in web pages are taken.
    pub(crate) public: bool,
    pub(crate) takes: Takes,
}

/// What is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Leads,
    /// A URL that takes leads is asked for.
    Wishes,
}

impl Door {
    pub(crate) const fn of(dialect: Dialect) -> Self {
        Self {
            bearing: Bearing::Headers,
            entrance: Entrance::Of(dialect),
            spoken: dialect,
            public: true,
            takes: Takes::Leads,
        }
    }

    /// Whether a person waits for the answer, who sent a form to a token's URL.
    fn is_for_visitors(&self, request: &HttpRequest) -> bool {
        self.bearing == Bearing::Path && visitor::is_visitor(request.headers())
    }
}

/// The dialect of the response, for middleware that adds headers.
pub(crate) struct Spoken(pub(crate) Dialect);

pub(crate) async fn take(
    door: Door,
    request: HttpRequest,
    payload: Payload,
    state: &State,
) -> Result<HttpResponse, Refused> {
    let mut incoming = Incoming::new(&request, state, door.spoken);
    let taken = incoming.take(door, payload).await;
    request.extensions_mut().insert(Spoken(incoming.spoken));
    let is_page = door.is_for_visitors(&request);
    taken.map_err(|refusal| Refused { is_page, ..refusal.said_in(incoming.spoken) })
}

/// A request that brings something.
pub(crate) struct Incoming<'r> {
    request: &'r HttpRequest,
    pub(crate) address: Option<IpAddr>,
    state: &'r State,
    spoken: Dialect,
}

/// What a body says, or that its source's mapping could not make anything of it.
struct Understood {
    fields: Fields,
    mapping_fault: Option<MappingFault>,
}

impl<'r> Incoming<'r> {
    pub(crate) fn new(request: &'r HttpRequest, state: &'r State, spoken: Dialect) -> Self {
        let address = client_address(request, &state.config.trusted_proxies);
        Self { request, address, state, spoken }
    }

    async fn take(&mut self, door: Door, payload: Payload) -> Result<HttpResponse, Refusal> {
        let (request, state) = (self.request, self.state);
        let (caller, arriving) = self.admit(door, payload).await?;
        let head = Head::read(request, self.address, &caller)?;
        let media = body::media(request.headers())?;
        signature::covers(&caller.source, &media, self.query())?;
        let body = self.body(arriving).await?;
        signature::check(request.headers(), &body, &caller.source, &state.signing, Timestamp::now())?;
        let brought = Brought { spoken: self.spoken, media, query: self.query(), body: &body };
        let received = received(brought, head, &caller, state)?;
        if !door.is_for_visitors(request) {
            return self.publish(received, &caller).await;
        }
        let redirect = visitor::redirect(&received.submission.fields, &caller.key);
        self.publish(received, &caller).await?;
        Ok(visitor::thanks(redirect))
    }

    /// The caller at the source they come in by, with a permit taken: also by who is turned away.
    pub(crate) async fn admit(
        &mut self,
        door: Door,
        payload: Payload,
    ) -> Result<(Caller, Arriving), Refusal> {
        let (state, request, address) = (self.state, self.request, self.address);
        let (caller, arriving) = self.caller(door.bearing, payload).await?;
        match self.enter(&caller, door).await {
            Ok(caller) => {
                let taken = match door.takes {
                    Takes::Leads => limit::post(state, request, &caller, address).await,
                    Takes::Wishes => limit::webhook(state, request, &caller).await,
                };
                taken.map(|()| (caller, arriving))
            }
            Err(refusal) => {
                limit::known(state, request, &caller, address).await?;
                Err(refusal)
            }
        }
    }

    async fn enter(&mut self, caller: &Caller, door: Door) -> Result<Caller, Refusal> {
        caller.may(Scope::Write)?;
        if caller.key.kind != KeyKind::Secret && !door.public {
            return Err(Refusal::InsufficientScope(Scope::Write));
        }
        if door.bearing == Bearing::Path {
            self.spoken = caller.source.dialect;
        }
        let caller =
            entrance::source(self.state, self.request, caller.clone(), door.entrance, self.address).await?;
        self.spoken = caller.source.dialect;
        CallerLabel::note(self.request, &caller);
        origin::check(self.request, &caller.key)?;
        query::check_intake(self.request, self.spoken)?;
        Ok(caller)
    }

    /// Authenticates the caller. A key in the body has to be read first.
    async fn caller(&self, bearing: Bearing, payload: Payload) -> Result<(Caller, Arriving), Refusal> {
        let mut arriving = Arriving::Unread(payload);
        let presented = match bearing {
            Bearing::Headers => credentials::in_headers(self.request.headers()),
            Bearing::Path => credentials::in_path(self.request),
            Bearing::Anywhere => match credentials::anywhere(self.request) {
                Ok(Some(presented)) => Ok(presented),
                Err(refusal) => Err(refusal),
                Ok(None) => {
                    limit::unread(self.state, self.request, self.address).await?;
                    let media = body::media(self.request.headers())?;
                    let body = self.body(arriving).await?;
                    arriving = Arriving::Read(body.clone());
                    self.document(&media, &body).and_then(|document| credentials::in_document(&document))
                }
            },
        };
        let caller = authenticate::caller(self.state, self.request, self.address, presented).await?;
        Ok((caller, arriving))
    }

    pub(crate) async fn body(&self, arriving: Arriving) -> Result<Bytes, Refusal> {
        let config = &self.state.config;
        let limits = BodyLimits { limit: config.body_limit, timeout: config.body_timeout };
        match arriving {
            Arriving::Read(body) => Ok(body),
            Arriving::Unread(payload) => {
                body::check_head(self.request.headers(), limits)?;
                body::read(self.request, payload, limits).await
            }
        }
    }

    pub(crate) fn document(&self, media: &Media, body: &[u8]) -> Result<Document, Refusal> {
        Document::read(self.spoken, media, body, self.query()).map_err(Refusal::Unreadable)
    }

    pub(crate) fn query(&self) -> Option<&str> {
        let says_something = |query: &&str| {
            !query.is_empty() && (self.spoken == Dialect::KickoffLabs || !query::is_tracking_only(query))
        };
        Some(self.request.query_string()).filter(says_something)
    }

    /// Publishes it once, however often it is sent with the same `Idempotency-Key`, and answers.
    async fn publish(&self, received: AcceptedPost, caller: &Caller) -> Result<HttpResponse, Refusal> {
        let (state, AcceptedPost { mut submission, own_tags }) = (self.state, received);
        let id = submission.id;
        let patience = self.patience(caller);
        if let Turn::Repeated(first) = idempotency::begin(state, &submission).await? {
            let posted = PostedLead { id: first, ..posted(&submission, &own_tags, caller) };
            return self.answer_again(posted, patience, caller).await;
        }
        let expected = match patience.wait {
            Some(_) if submission.mapping_fault.is_none() => state.replies.expect(id),
            _ => None,
        };
        submission.reply_to = expected.as_ref().map(Expected::address).cloned();
        let message = serde_json::to_vec(&submission).map_err(|_| Refusal::Internal)?;
        let published = state.publisher.publish(submission.organization, message.into()).await;
        idempotency::end(state, &submission, published.as_ref().err()).await;
        published.map_err(Refusal::Queue)?;
        metrics::counter!("leadgate_gateway_accepted_total", "dialect" => self.spoken.as_str()).increment(1);
        let reply = match (expected, patience.wait) {
            (Some(expected), Some(wait)) => expected.wait(wait).await,
            _ => None,
        };
        let posted = posted(&submission, &own_tags, caller);
        let ended = reply.as_ref().map(|reply| (reply.outcome, reply.lead.as_deref(), reply.quarantine));
        Ok(respond::taken(self.answer(posted, ended, caller), id, patience))
    }

    /// How long to wait for a worker. A public credential never waits: its answer must not depend on stored data.
    fn patience(&self, caller: &Caller) -> Patience {
        let config = &self.state.config;
        match caller.trust() {
            Trust::Public => Patience::NONE,
            Trust::Secret => {
                Patience::of(self.request.headers(), self.spoken, config.reply_timeout, config.longest_wait)
            }
        }
    }

    /// The one place that decides what a response says about the submission; `ended` is how it ended, if that is known
    /// yet.
    fn answer(&self, posted: PostedLead<'_>, ended: Option<OutcomeDetails<'_>>, caller: &Caller) -> Answer {
        match (caller.trust(), ended) {
            (Trust::Public, _) => dialect::accepted_from_public(self.spoken, &posted),
            (Trust::Secret, None) => dialect::accepted(self.spoken, &posted),
            (Trust::Secret, Some((outcome, lead, quarantine))) => {
                let disclosure = lead.map_or(Disclosure::Outcome, |lead| caller.disclosure(lead));
                let settlement = Settlement { posted, outcome, lead, quarantine, disclosure };
                dialect::settled(self.spoken, &settlement)
            }
        }
    }

    /// The answer to a request that was answered before, as far as its submission has come by now.
    async fn answer_again(
        &self,
        posted: PostedLead<'_>,
        patience: Patience,
        caller: &Caller,
    ) -> Result<HttpResponse, Refusal> {
        let first = posted.id;
        let found = match patience.wait {
            Some(wait) => {
                let looking = self.state.store.find(caller.organization(), first.as_uuid());
                tokio::time::timeout(wait, looking).await.ok().and_then(Result::ok).flatten()
            }
            None => None,
        };
        let ended =
            found.as_ref().and_then(|found| Some((found.outcome?, found.lead.as_ref(), found.quarantine)));
        Ok(respond::taken(self.answer(posted, ended, caller), first, patience))
    }
}

/// A body that was read already, because the key was in it; or not.
pub(crate) enum Arriving {
    Unread(Payload),
    Read(Bytes),
}

/// A body, and how it came.
pub(crate) struct Brought<'r> {
    pub(crate) spoken: Dialect,
    pub(crate) media: Media,
    pub(crate) query: Option<&'r str>,
    pub(crate) body: &'r [u8],
}

/// How a submission ended: its outcome, the lead that it made or met, and why it is quarantined.
type OutcomeDetails<'l> = (Outcome, Option<&'l Lead>, Option<QuarantineReason>);

fn posted<'s>(submission: &'s Submission, tags: &'s [String], caller: &'s Caller) -> PostedLead<'s> {
    let Submission { id, fields, received_at, .. } = submission;
    PostedLead { id: *id, fields, tags, source: &caller.source, received_at: *received_at }
}

/// What is published of a body.
pub(crate) fn received(
    brought: Brought<'_>,
    head: Head,
    caller: &Caller,
    state: &State,
) -> Result<AcceptedPost, Refusal> {
    let Brought { spoken, media, query, body } = brought;
    let mut document = Document::read(spoken, &media, body, query).map_err(Refusal::Unreadable)?;
    let secrets = secrets::take(&mut document, spoken);
    let Understood { fields, mapping_fault } = understand(&document, caller)?;
    let mapped = caller.source.mapping.is_some();
    if mapped && serde_json::to_vec(&fields).is_ok_and(|fields| fields.len() > LARGEST_FIELDS) {
        return Err(Refusal::BodyTooLarge { limit: state.config.body_limit });
    }
    let said = receive::Said { media, body, query, document: &document, secrets: &secrets, fields };
    let received = receive::submission(head, said, caller, state)?;
    Ok(AcceptedPost { submission: Submission { mapping_fault, ..received.submission }, ..received })
}

/// Decodes the document. With a key, a failed mapping is an error in the response. A URL token is used in forms, where
/// no client reads the response, so the submission is quarantined instead.
fn understand(document: &Document, caller: &Caller) -> Result<Understood, Refusal> {
    let mapping = caller.source.mapping.as_ref().map(|active| &active.mapping);
    match dialect::decode(caller.source.dialect, document, mapping) {
        Ok(fields) => Ok(Understood { fields, mapping_fault: None }),
        Err(Undecodable::Mapping(fault)) if caller.key.kind == KeyKind::Token => {
            Ok(Understood { fields: Fields::default(), mapping_fault: Some(fault) })
        }
        Err(Undecodable::Mapping(fault)) => Err(Refusal::Mapping(fault)),
        Err(Undecodable::Faulty(faults)) => Err(Refusal::Faulty(faults)),
        Err(Undecodable::Empty) => Err(Refusal::NothingSaid),
    }
}

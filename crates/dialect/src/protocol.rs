//! The type of a dialect: what its clients send and what they expect.

use std::sync::LazyLock;

use leadgate_domain::{Dialect, Lead, Rate, SourceDefaults};

use crate::field_reader::FieldReader;
use crate::name_index::NameIndex;
use crate::problem::Problem;
use crate::response::{DialectResponse, PostedLead, SourceNameLookup, SubmissionOutcome};

/// One wire format, as its system documents it.
///
/// Each file in `dialects/` exports one as `PROTOCOL`; [`protocol`](crate::protocol) finds it by its
/// [`Dialect`].
pub struct Protocol {
    /// The default identity, policy and region of its sources.
    pub source_defaults: SourceDefaults,
    /// The rate limit, unless a key or source has its own.
    pub default_limit: DefaultLimit,
    /// The paths to which its clients post leads.
    pub intake_paths: &'static [IntakePath],
    /// Whether its clients expect the outcome in the response, and not only that the lead is queued.
    pub waits_for_outcome: bool,
    /// Whether its clients may send fields of the lead, and their key, in the query and in the body.
    pub reads_query: bool,
    /// Whether a document without any value is refused as empty, before required fields are checked.
    pub(crate) refuses_empty_document: bool,
    /// Whether its clients know the header `X-RateLimit-Reset`.
    pub sends_rate_limit_reset: bool,
    /// The names of its fields.
    pub(crate) name_index: &'static LazyLock<NameIndex>,
    /// Adds the faults that only this dialect has, for example a missing field that it requires.
    pub(crate) check_fields: fn(&mut FieldReader<'_>),
    pub(crate) render_accepted: fn(&PostedLead<'_>) -> DialectResponse,
    pub(crate) render_accepted_for_public: fn(&PostedLead<'_>) -> DialectResponse,
    pub(crate) render_outcome: fn(&SubmissionOutcome<'_>) -> DialectResponse,
    pub(crate) render_problem: fn(&Problem<'_>) -> DialectResponse,
    pub(crate) render_leads_page: fn(&[Lead], Option<&str>, SourceNameLookup<'_>) -> DialectResponse,
}

impl Protocol {
    pub fn dialect(&self) -> Dialect {
        self.source_defaults.dialect
    }

    /// The response for a secret key when the submission is durable and its outcome is not known.
    pub fn render_accepted(&self, posted: &PostedLead<'_>) -> DialectResponse {
        (self.render_accepted)(posted)
    }

    /// The response for a public credential when the submission is durable. It does not depend on stored
    /// leads: it is the response of [`Protocol::render_accepted`] or, if clients expect the lead, 201 with
    /// the values of this submission.
    pub fn render_accepted_for_public(&self, posted: &PostedLead<'_>) -> DialectResponse {
        (self.render_accepted_for_public)(posted)
    }

    /// The response when the outcome is known.
    pub fn render_outcome(&self, submission: &SubmissionOutcome<'_>) -> DialectResponse {
        (self.render_outcome)(submission)
    }

    /// A refusal, in the format that its clients expect.
    pub fn render_problem(&self, problem: &Problem<'_>) -> DialectResponse {
        (self.render_problem)(problem)
    }

    /// A page of the list at `GET /v1/leads`. Clients send `next` as `after` to get the next page.
    pub fn render_leads_page(
        &self,
        leads: &[Lead],
        next: Option<&str>,
        sources: SourceNameLookup<'_>,
    ) -> DialectResponse {
        (self.render_leads_page)(leads, next, sources)
    }
}

/// The rate limit that applies if none is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLimit {
    pub counted_by: LimitScope,
    pub rate: Rate,
}

/// The group of requests that share a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitScope {
    Key,
    /// The organization within the dialect.
    Organization,
    Source,
    /// The source and the IP address of the client.
    SourceAddress,
}

/// A path to which leads are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakePath {
    /// With the placeholders `{token}` and `{campaign}`.
    pub path: &'static str,
    pub source: SourceSelection,
    pub credential: CredentialLocation,
    pub parameters: IntakeParameters,
    /// Whether public credentials may post here.
    pub allows_public_credentials: bool,
}

impl IntakePath {
    /// A path of one dialect, for clients that send a key in a header.
    pub(crate) const fn for_dialect(path: &'static str, dialect: Dialect) -> Self {
        Self {
            path,
            source: SourceSelection::Dialect(dialect),
            credential: CredentialLocation::Headers,
            parameters: IntakeParameters::None,
            allows_public_credentials: true,
        }
    }

    /// A path of any dialect, for clients whose only credential is the token in the URL.
    pub(crate) const fn for_token(path: &'static str) -> Self {
        Self {
            path,
            source: SourceSelection::Credential,
            credential: CredentialLocation::Path,
            parameters: IntakeParameters::Tracking,
            allows_public_credentials: true,
        }
    }
}

/// What selects the source of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceSelection {
    /// The source of the credential. Several dialects share the path.
    Credential,
    /// The path belongs to one dialect.
    Dialect(Dialect),
    /// The path names a campaign.
    Campaign,
}

/// The part of a request that contains the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialLocation {
    Headers,
    /// Also the query or the body. The body is then read before the caller is authenticated.
    HeadersQueryOrBody,
    Path,
}

/// The query parameters that an intake path allows. Others are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntakeParameters {
    None,
    /// Parameters that browsers and ad platforms append to the URL of a form. They are ignored.
    Tracking,
    /// Any, because clients of the dialect send fields of the lead in the query.
    Fields,
}

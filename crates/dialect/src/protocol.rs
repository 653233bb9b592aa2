//! What one dialect's clients send and expect: the type that each dialect fills in.

use std::sync::LazyLock;

use leadgate_domain::{Dialect, Lead, Rate, SourceDefaults};

use crate::field_reader::FieldReader;
use crate::name_index::NameIndex;
use crate::problem::Problem;
use crate::response::{DialectResponse, PostedLead, SourceNames, SubmissionOutcome};

/// One wire format, as its system documents it.
///
/// Each file in `dialects/` exports one as `PROTOCOL`; [`protocol`](crate::protocol) finds it by its [`Dialect`].
pub struct Protocol {
    /// How a source of the dialect is configured by default: identity, policy and region.
    pub source_defaults: SourceDefaults,
    /// What its system limits by default.
    pub limit: DefaultLimit,
    /// Where its clients post leads.
    pub intake: &'static [IntakePath],
    /// Whether its clients expect the outcome in the answer, and not only that the lead is queued.
    pub waits_for_outcome: bool,
    /// Whether its clients also send fields of the lead, and their key, in the query and in the body.
    pub reads_query: bool,
    /// Whether a document without any value is refused as empty, before requirements are looked at.
    pub(crate) refuses_empty: bool,
    /// Whether its clients know the header `X-RateLimit-Reset`.
    pub sends_reset: bool,
    /// The names of its fields.
    pub(crate) names: &'static LazyLock<NameIndex>,
    /// Adds a fault for each thing that it requires and that is missing.
    pub(crate) require: fn(&mut FieldReader<'_>),
    pub(crate) accepted: fn(&PostedLead<'_>) -> DialectResponse,
    pub(crate) accepted_from_public: fn(&PostedLead<'_>) -> DialectResponse,
    pub(crate) settled: fn(&SubmissionOutcome<'_>) -> DialectResponse,
    pub(crate) refused: fn(&Problem<'_>) -> DialectResponse,
    pub(crate) leads_page: fn(&[Lead], Option<&str>, SourceNames<'_>) -> DialectResponse,
}

impl Protocol {
    pub fn dialect(&self) -> Dialect {
        self.source_defaults.dialect
    }

    /// The answer to a secret key while the outcome is not known: the submission is durable.
    pub fn accepted(&self, posted: &PostedLead<'_>) -> DialectResponse {
        (self.accepted)(posted)
    }

    /// The answer to a public credential: the submission is durable. It is the same whatever is stored: either that of
    /// [`Protocol::accepted`] or, where clients expect the lead, 201 with the values of this submission.
    pub fn accepted_from_public(&self, posted: &PostedLead<'_>) -> DialectResponse {
        (self.accepted_from_public)(posted)
    }

    /// The answer once the outcome is known.
    pub fn settled(&self, settlement: &SubmissionOutcome<'_>) -> DialectResponse {
        (self.settled)(settlement)
    }

    /// A refusal, in the shape that its clients expect.
    pub fn refused(&self, problem: &Problem<'_>) -> DialectResponse {
        (self.refused)(problem)
    }

    /// A page of the list at `GET /v1/leads`; `next` is given back as `after` to get the following page.
    pub fn leads_page(
        &self,
        leads: &[Lead],
        next: Option<&str>,
        sources: SourceNames<'_>,
    ) -> DialectResponse {
        (self.leads_page)(leads, next, sources)
    }
}

/// The limit that applies where nothing else was configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLimit {
    pub counted_by: LimitScope,
    pub rate: Rate,
}

/// What requests are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitScope {
    Key,
    /// The organization within the dialect.
    Organization,
    Source,
    /// The source and the address that the request came from.
    SourceAddress,
}

/// A path to which leads are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakePath {
    /// With `{token}` and `{campaign}` in the place of what a client inserts there.
    pub path: &'static str,
    pub source: SourceSelection,
    pub credential: CredentialLocation,
    pub parameters: IntakeParameters,
    /// Whether public credentials may post here.
    pub public: bool,
}

impl IntakePath {
    /// For clients that send a key in a header; the path belongs to one dialect.
    pub(crate) const fn of(path: &'static str, dialect: Dialect) -> Self {
        Self {
            path,
            source: SourceSelection::Dialect(dialect),
            credential: CredentialLocation::Headers,
            parameters: IntakeParameters::None,
            public: true,
        }
    }

    /// For clients that have nothing but a URL with a token, whatever the dialect of the token's source.
    pub(crate) const fn token(path: &'static str) -> Self {
        Self {
            path,
            source: SourceSelection::Credential,
            credential: CredentialLocation::Path,
            parameters: IntakeParameters::Tracking,
            public: true,
        }
    }
}

/// What decides through which source a lead comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceSelection {
    /// The source that the credential is bound to: several dialects share the path.
    Credential,
    /// The path belongs to one dialect.
    Dialect(Dialect),
    /// The path names a campaign.
    Campaign,
}

/// Where in a request the credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialLocation {
    Headers,
    /// Also in the query or the body, which is then read before the caller is authenticated.
    HeadersQueryOrBody,
    Path,
}

/// Which parameters the query of an intake path may have. Others are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntakeParameters {
    None,
    /// Those that browsers and ad platforms append to the URL of a form. They are ignored.
    Tracking,
    /// Any: clients of the dialect send fields of the lead in the query.
    Fields,
}

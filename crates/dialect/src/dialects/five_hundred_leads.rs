//! 500 Leads: `POST /api/webhooks/{token}` (<https://leads.500rockets.io/docs>).
//!
//! Made for forms that nobody will change: everything is optional, and what does not fit is kept as metadata.

use std::sync::LazyLock;

use leadgate_domain::{ClaimKind, Dialect, IdentityKey, IdentityRule, Policy, Rate, SourceDefaults};
use serde::Serialize;

use super::native;
use crate::answer::Answer;
use crate::names::{Grammar, Index, NATIVE, PEOPLE, SHARED};
use crate::protocol::{CountedBy, DefaultLimit, IntakePath, Protocol};
use crate::refusal::{Problem, ProblemItem};

static NAMES: LazyLock<Index> =
    LazyLock::new(|| Index::new(Grammar { lenient: true, ..Grammar::of(NATIVE, &[PEOPLE, SHARED]) }));

pub(crate) static PROTOCOL: Protocol = Protocol {
    source_defaults: SourceDefaults {
        dialect: Dialect::FiveHundredLeads,
        identity_rule: IdentityRule::AnyOf,
        identity: &[IdentityKey::ever(ClaimKind::Email), IdentityKey::ever(ClaimKind::Phone)],
        policy: Policy::ReturnExisting,
        region: None,
        has_campaign: false,
    },
    limit: DefaultLimit { counted_by: CountedBy::SourceAddress, rate: Rate::per_minute(100) },
    intake: &[IntakePath::token("/api/webhooks/inbound/{token}"), IntakePath::token("/api/webhooks/{token}")],
    waits: false,
    reads_query: false,
    refuses_empty: true,
    sends_reset: true,
    names: &NAMES,
    require: |_| {},
    accepted: |_| success(),
    accepted_from_public: |_| success(),
    settled: |_| success(),
    refused,
    leads_page: native::leads_page,
};

#[derive(Serialize)]
struct Success {
    success: bool,
}

/// All that is ever said: a form has no use for more.
fn success() -> Answer {
    Answer::json(200, &Success { success: true })
}

#[derive(Serialize)]
struct Failure<'p> {
    success: bool,
    error: &'p str,
    code: &'p str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [ProblemItem<'p>],
}

/// Documented are 404 for a bad token, 400 for what is malformed or empty, 429 and 500.
fn refused(problem: &Problem<'_>) -> Answer {
    let status = match problem.status {
        401 => 404,
        413 | 415 | 422 => 400,
        other => other,
    };
    let Problem { detail, code, errors, .. } = problem;
    Answer::json(status, &Failure { success: false, error: detail, code, errors })
}

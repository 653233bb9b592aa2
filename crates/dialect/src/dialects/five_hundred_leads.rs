//! 500 Leads: `POST /api/webhooks/{token}` (<https://leads.500rockets.io/docs>).
//!
//! It accepts forms unchanged: every field is optional, and invalid values are stored as metadata.

use std::sync::LazyLock;

use leadgate_domain::{ClaimKind, Dialect, DuplicatePolicy, IdentityKey, IdentityRule, Rate, SourceDefaults};
use serde::Serialize;

use super::native;
use crate::name_index::{COMMON_NAMES, CONTACT_SYNONYMS, FieldRules, NATIVE_NAMES, NameIndex};
use crate::problem::{Problem, ProblemItem};
use crate::protocol::{DefaultLimit, IntakePath, LimitScope, Protocol};
use crate::response::DialectResponse;

static NAME_INDEX: LazyLock<NameIndex> = LazyLock::new(|| {
    NameIndex::new(FieldRules {
        stores_invalid_values: true,
        ..FieldRules::new(NATIVE_NAMES, &[CONTACT_SYNONYMS, COMMON_NAMES])
    })
});

pub(crate) static PROTOCOL: Protocol = Protocol {
    source_defaults: SourceDefaults {
        dialect: Dialect::FiveHundredLeads,
        identity_rule: IdentityRule::AnyOf,
        identity: &[
            IdentityKey::without_window(ClaimKind::Email),
            IdentityKey::without_window(ClaimKind::Phone),
        ],
        policy: DuplicatePolicy::ReturnExisting,
        region: None,
        has_campaign: false,
    },
    default_limit: DefaultLimit { counted_by: LimitScope::SourceAddress, rate: Rate::per_minute(100) },
    intake_paths: &[
        IntakePath::for_token("/api/webhooks/inbound/{token}"),
        IntakePath::for_token("/api/webhooks/{token}"),
    ],
    waits_for_outcome: false,
    reads_query: false,
    refuses_empty_document: true,
    sends_rate_limit_reset: true,
    name_index: &NAME_INDEX,
    check_fields: |_| {},
    render_accepted: |_| render_success(),
    render_accepted_for_public: |_| render_success(),
    render_outcome: |_| render_success(),
    render_problem,
    render_leads_page: native::render_leads_page,
};

#[derive(Serialize)]
struct SuccessBody {
    success: bool,
}

/// The only success response that the vendor documents. Forms do not need more.
fn render_success() -> DialectResponse {
    DialectResponse::json(200, &SuccessBody { success: true })
}

#[derive(Serialize)]
struct FailureBody<'p> {
    success: bool,
    error: &'p str,
    code: &'p str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'p [ProblemItem<'p>],
}

/// The vendor documents 404 for an invalid token, 400 for a malformed or empty body, 429 and 500. It has no
/// signatures: a signature fault is a 401, because a 404 would say that the URL is wrong.
fn render_problem(problem: &Problem<'_>) -> DialectResponse {
    let status = match problem.status {
        413 | 415 | 422 => 400,
        other => other,
    };
    let Problem { detail, code, errors, .. } = problem;
    DialectResponse::json(status, &FailureBody { success: false, error: detail, code, errors })
}

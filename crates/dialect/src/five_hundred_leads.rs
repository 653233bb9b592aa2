//! 500 Leads: `POST /api/webhooks/{token}` (<https://leads.500rockets.io/docs>).
//!
//! Made for forms that nobody will change: everything is optional, and what does not fit is kept as metadata.

use std::sync::LazyLock;

use serde::Serialize;

use crate::answer::Answer;
use crate::names::{Grammar, Index, NATIVE, PEOPLE, SHARED};
use crate::refusal::{Problem, ProblemItem};

pub(crate) static INDEX: LazyLock<Index> =
    LazyLock::new(|| Index::new(Grammar { lenient: true, ..Grammar::of(NATIVE, &[PEOPLE, SHARED]) }));

#[derive(Serialize)]
struct Success {
    success: bool,
}

/// All that is ever said: a form has no use for more.
pub(crate) fn success() -> Answer {
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
pub(crate) fn refused(problem: &Problem<'_>) -> Answer {
    let status = match problem.status {
        401 => 404,
        413 | 415 | 422 => 400,
        other => other,
    };
    let Problem { detail, code, errors, .. } = problem;
    Answer::json(status, &Failure { success: false, error: detail, code, errors })
}

use insta::assert_snapshot;
use leadgate_dialect::{DialectResponse, Problem, ProblemItem, protocol};
use leadgate_domain::Dialect;
use leadgate_domain::validate::FieldFault;

use crate::world::{text, texts};

/// One problem of each kind.
fn problems() -> [Problem<'static>; 6] {
    let problem = |status, code, detail: &'static str| Problem {
        status,
        code,
        detail: detail.into(),
        errors: Vec::new(),
        reasons: Vec::new(),
        retry_after_seconds: None,
    };
    let fault = FieldFault::new("/phone", "missing", "a phone is required");
    let item = ProblemItem {
        pointer: Some(fault.pointer.into()),
        parameter: None,
        code: fault.code,
        detail: fault.detail.into(),
    };
    [
        problem(401, "invalid_key", "The API key is unknown."),
        problem(400, "not_json", "The body is not valid JSON: line 1, column 2."),
        problem(415, "unsupported_media_type", "The Content-Type must be application/json in UTF-8."),
        Problem { errors: vec![item], ..problem(422, "invalid_lead", "The lead has faults; see `errors`.") },
        Problem {
            retry_after_seconds: Some(42),
            ..problem(429, "rate_limited", "Too many requests; see Retry-After.")
        },
        Problem {
            retry_after_seconds: Some(5),
            reasons: vec!["queue".into()],
            ..problem(503, "queue_unavailable", "The lead could not be made durable. Send it again.")
        },
    ]
}

fn all(dialect: Dialect) -> [DialectResponse; 6] {
    problems().map(|problem| protocol(dialect).render_problem(&problem))
}

/// The responses of a dialect that differ from those of lead2inbound.
fn unlike_lead2inbound(dialect: Dialect) -> String {
    let pairs = all(dialect).into_iter().zip(all(Dialect::Lead2inbound));
    let different = pairs.filter(|(own, other)| text(own) != text(other));
    texts(different.map(|(own, _)| own))
}

#[test]
fn native_answers_with_problem_documents() {
    assert_snapshot!(texts(all(Dialect::Native)), @r#"
    401 application/problem+json
    {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The API key is unknown.","code":"invalid_key"}

    400 application/problem+json
    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The body is not valid JSON: line 1, column 2.","code":"not_json"}

    415 application/problem+json
    {"type":"about:blank","title":"Unsupported Media Type","status":415,"detail":"The Content-Type must be application/json in UTF-8.","code":"unsupported_media_type"}

    422 application/problem+json
    {"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"The lead has faults; see `errors`.","code":"invalid_lead","errors":[{"pointer":"/phone","code":"missing","detail":"a phone is required"}]}

    429 application/problem+json
    {"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Too many requests; see Retry-After.","code":"rate_limited"}

    503 application/problem+json
    {"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The lead could not be made durable. Send it again.","code":"queue_unavailable","reasons":["queue"]}
    "#);
}

#[test]
fn lead2inbound() {
    assert_snapshot!(texts(all(Dialect::Lead2inbound)), @r#"
    401 application/json
    {"error":"The API key is unknown.","code":"invalid_key"}

    400 application/json
    {"error":"The body is not valid JSON: line 1, column 2.","code":"not_json"}

    415 application/json
    {"error":"The Content-Type must be application/json in UTF-8.","code":"unsupported_media_type"}

    422 application/json
    {"error":"The lead has faults; see `errors`.","code":"invalid_lead","errors":[{"pointer":"/phone","code":"missing","detail":"a phone is required"}]}

    429 application/json
    {"error":"Too many requests; see Retry-After.","code":"rate_limited","retry_after":42}

    503 application/json
    {"error":"The lead could not be made durable. Send it again.","code":"queue_unavailable","retry_after":5}
    "#);
}

#[test]
fn five_hundred_leads() {
    assert_snapshot!(texts(all(Dialect::FiveHundredLeads)), @r#"
    401 application/json
    {"success":false,"error":"The API key is unknown.","code":"invalid_key"}

    400 application/json
    {"success":false,"error":"The body is not valid JSON: line 1, column 2.","code":"not_json"}

    400 application/json
    {"success":false,"error":"The Content-Type must be application/json in UTF-8.","code":"unsupported_media_type"}

    400 application/json
    {"success":false,"error":"The lead has faults; see `errors`.","code":"invalid_lead","errors":[{"pointer":"/phone","code":"missing","detail":"a phone is required"}]}

    429 application/json
    {"success":false,"error":"Too many requests; see Retry-After.","code":"rate_limited"}

    503 application/json
    {"success":false,"error":"The lead could not be made durable. Send it again.","code":"queue_unavailable"}
    "#);
}

#[test]
fn abc_sales_answers_like_lead2inbound_except_for_faults_and_limits() {
    assert_snapshot!(unlike_lead2inbound(Dialect::AbcSales), @r#"
    400 application/json
    {"error":"The lead has faults; see `errors`.","code":"invalid_lead","errors":[{"pointer":"/phone","code":"missing","detail":"a phone is required"}]}

    429 application/json
    {"error":"Too many requests. Please try again later.","retry_after":42}
    "#);
}

#[test]
fn kickofflabs_answers_like_lead2inbound_except_for_keys_and_faults() {
    assert_snapshot!(unlike_lead2inbound(Dialect::KickoffLabs), @r#"
    401 application/json
    {"error":"Invalid API Access","code":"invalid_key"}

    400 application/json
    {"error":"The lead has faults; see `errors`.","code":"invalid_lead","errors":[{"pointer":"/phone","code":"missing","detail":"a phone is required"}]}
    "#);
}

#[test]
fn askad_answers_like_lead2inbound() {
    assert_eq!(unlike_lead2inbound(Dialect::AskAd), "");
}

#[test]
fn an_invalid_parameter_is_named() {
    let item = ProblemItem {
        pointer: None,
        parameter: Some("limit"),
        code: "invalid_parameter",
        detail: "`limit` is a number from 1 to 100.".into(),
    };
    let [_, invalid_json, ..] = problems();
    let problem = Problem { code: "invalid_parameter", errors: vec![item], ..invalid_json };
    assert_snapshot!(text(&protocol(Dialect::Native).render_problem(&problem)), @r#"
    400 application/problem+json
    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The body is not valid JSON: line 1, column 2.","code":"invalid_parameter","errors":[{"parameter":"limit","code":"invalid_parameter","detail":"`limit` is a number from 1 to 100."}]}
    "#);
}

#[test]
fn a_lead_that_is_not_durable_is_a_503_in_every_dialect() {
    let [.., unavailable] = problems();
    let statuses = Dialect::ALL
        .iter()
        .copied()
        .map(|dialect| protocol(dialect).render_problem(&unavailable).status)
        .collect::<Vec<_>>();
    assert_eq!(statuses, [503; 6]);
}

#[test]
fn a_refusal_has_an_error_status_and_no_location() {
    for dialect in Dialect::ALL.iter().copied() {
        for problem in problems() {
            let DialectResponse { status, has_location, .. } = protocol(dialect).render_problem(&problem);
            assert!(status >= 400 && !has_location);
        }
    }
}

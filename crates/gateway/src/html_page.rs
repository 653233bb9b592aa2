//! HTML pages for visitors who submit a form without a script. Programs get a response of the dialect
//! instead.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use leadgate_dialect::Problem;
use leadgate_domain::{ApiKey, Fields};
use url::Url;

/// The form field with the URL to which the visitor is redirected.
const REDIRECT: &str = "redirect_url";

/// Whether the response is shown to a person: the browser navigates to it (Fetch Metadata). A browser without
/// Fetch Metadata is recognized by HTML as its first accepted type.
pub(crate) fn is_visitor(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => text("accept").is_some_and(|accept| accept.trim_start().starts_with("text/html")),
    }
}

/// The redirect URL of the form. It must belong to one of the origins of the token, because anyone can write
/// a form that posts to the URL of a token (open redirects).
pub(crate) fn redirect(fields: &Fields, key: &ApiKey) -> Option<Url> {
    let redirect_url = fields.custom_fields.get(REDIRECT)?.as_str()?;
    let url = Url::parse(redirect_url.trim()).ok()?;
    let origin = url.origin().ascii_serialization();
    let is_web =
        matches!(url.scheme(), "https" | "http") && url.username().is_empty() && url.password().is_none();
    (is_web && key.origins.contains(&origin)).then_some(url)
}

/// The response to a lead that is durable.
pub(crate) fn success_page(redirect: Option<Url>) -> HttpResponse {
    match redirect {
        Some(url) => HttpResponse::SeeOther().insert_header((header::LOCATION, url.as_str())).finish(),
        None => page(StatusCode::OK, "Thank you", &["Your details have been sent.".to_owned()]),
    }
}

/// The page for a refusal. It says what the visitor can do.
pub(crate) fn refused(status: StatusCode, problem: &Problem<'_>) -> HttpResponse {
    let sentences = match status.as_u16() {
        429 | 503 => {
            let seconds = problem.retry_after_seconds.unwrap_or(30);
            vec![format!("We could not take your details right now. Please try again in {seconds} seconds.")]
        }
        400 | 413 | 422 => {
            let faults = problem.errors.iter().map(|fault| fault.detail.to_string());
            let faults: Vec<_> = faults.collect();
            let details = if faults.is_empty() { vec![problem.detail.to_string()] } else { faults };
            details
                .into_iter()
                .chain(["Please go back, correct the form and send it again.".to_owned()])
                .collect()
        }
        _ => vec!["This form cannot accept your details. Please contact the owner of this site.".to_owned()],
    };
    page(status, "Your details were not sent", &sentences)
}

fn page(status: StatusCode, title: &str, sentences: &[String]) -> HttpResponse {
    let paragraphs: String =
        sentences.iter().map(|sentence| format!("<p>{}</p>\n", html_escape::encode_text(sentence))).collect();
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>body {{ font: 1.1em/1.5 system-ui, sans-serif; max-width: 32em; margin: 15vh auto; padding: 0 1em }}</style>\n\
         <h1>{title}</h1>\n{paragraphs}</html>\n"
    );
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}

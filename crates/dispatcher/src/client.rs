//! One attempt: a request to the URL of an endpoint.

use std::error::Error;
use std::time::Duration;

use leadgate_dialect::{OutboundContent, OutboundError, OutboundRequest, outbound_request};
use leadgate_domain::{Attempt, AttemptId, AttemptResult, PayloadForm, SuccessRule, Timestamp};
use leadgate_store::{DueDelivery, FinishedAttempt, LeasedEndpoint};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};

use crate::address_guard::{AddressGuard, AddressRefused, UnknownHost};
use crate::egress_proxy::EgressProxy;

/// Time limit of the rest of a response whose status decides.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of a response that are stored.
const STORED_RESPONSE: usize = 4 * 1024;

/// A shorter value of a header is no secret, and may be a part of other words.
const MIN_SECRET_LENGTH: usize = 6;

/// Bytes of a response that are read, so that its connection can be used again. A longer response costs a new
/// connection.
const READ_RESPONSE: usize = 64 * 1024;

/// Opens connections only where the guard allows it, or leaves this to a proxy. Follows no redirect.
#[derive(Clone)]
pub(crate) struct WebhookClient {
    client: Client,
    guard: AddressGuard,
    /// Time limit of an attempt, from the look-up of the host to the status of the response.
    timeout: Duration,
}

/// The result of a request.
struct Outcome {
    result: AttemptResult,
    status: Option<u16>,
    retry_after: Option<Duration>,
    response: Option<String>,
}

impl Outcome {
    /// There was no response.
    fn none(result: AttemptResult) -> Self {
        Self { result, status: None, retry_after: None, response: None }
    }
}

impl WebhookClient {
    /// # Errors
    /// When TLS cannot be initialized.
    pub(crate) fn new(
        guard: AddressGuard,
        proxy: Option<&EgressProxy>,
        timeout: Duration,
    ) -> reqwest::Result<Self> {
        let guard = match proxy {
            Some(proxy) => guard.with_proxy(proxy.host()),
            None => guard,
        };
        // A proxy of the environment is meant for other programs.
        let builder = Client::builder().no_proxy();
        let builder = match proxy {
            Some(proxy) => builder.proxy(proxy.for_client()?),
            None => builder,
        };
        let client = builder
            .redirect(Policy::none())
            .dns_resolver(guard.clone())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(100)
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { client, guard, timeout })
    }

    /// Sends an event to an endpoint.
    pub(crate) async fn attempt(&self, leased: &LeasedEndpoint, due: &DueDelivery) -> FinishedAttempt {
        let (at, started) = (Timestamp::now(), Instant::now());
        let outcome = self.send(leased, due, at).await;
        let duration = started.elapsed();
        let form = leased.endpoint.settings.form.as_str();
        metrics::counter!("leadgate_delivery_attempts_total", "form" => form, "result" => outcome.result.as_str())
            .increment(1);
        metrics::histogram!("leadgate_delivery_attempt_seconds", "form" => form).record(duration);
        FinishedAttempt {
            attempt: Attempt {
                id: AttemptId::generate(),
                organization: due.event.organization,
                endpoint: leased.endpoint.id,
                event: due.event.id,
                number: due.attempts.saturating_add(1),
                at,
                duration,
                result: outcome.result,
                status: outcome.status,
                response: outcome.response.map(|text| without_secrets(text, leased)),
            },
            retry_after: outcome.retry_after,
            random: rand::random(),
        }
    }

    async fn send(&self, leased: &LeasedEndpoint, due: &DueDelivery, now: Timestamp) -> Outcome {
        let settings = &leased.endpoint.settings;
        let url = settings.url.as_url();
        if self.guard.check_literal(url).is_err() {
            return Outcome::none(AttemptResult::AddressRefused);
        }
        let form = &settings.form;
        let request = match outbound_request(&due.event, due.source.as_ref(), form, &leased.secrets, now) {
            Ok(request) => request,
            // It names a field and has no value of the lead.
            Err(error @ (OutboundError::Template(_) | OutboundError::TooLong { .. })) => {
                let response = Some(error.to_string());
                return Outcome { response, ..Outcome::none(AttemptResult::TemplateFailed) };
            }
            Err(OutboundError::NotSerializable(_)) => return Outcome::none(AttemptResult::NotSent),
        };
        let success = match form {
            PayloadForm::Template(template) => Some(&template.success),
            _ => None,
        };
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, self.request(leased, request).send()).await {
            Err(_) => Outcome::none(AttemptResult::TimedOut),
            Ok(Err(error)) => Outcome::none(classify(&error)),
            Ok(Ok(response)) => read(response, success, deadline).await,
        }
    }

    fn request(&self, leased: &LeasedEndpoint, request: OutboundRequest) -> RequestBuilder {
        let (headers, content) = (headers(leased, &request), request.content);
        let url = content.url(leased.endpoint.settings.url.as_url());
        let built = match &content {
            OutboundContent::Query(_) => self.client.get(url),
            OutboundContent::Json(_) | OutboundContent::Form(_) => self.client.post(url),
        };
        built.headers(headers).body(content.into_body())
    }
}

/// Removes the values of the endpoint's own headers, which a receiver may repeat.
fn without_secrets(response: String, leased: &LeasedEndpoint) -> String {
    let values = leased.secrets.headers().values().map(ExposeSecret::expose_secret);
    let secrets = values.filter(|value| value.len() >= MIN_SECRET_LENGTH);
    secrets.fold(response, |text, value| text.replace(value, "(removed)"))
}

/// The headers of the form, and over them those of the endpoint.
fn headers(leased: &LeasedEndpoint, request: &OutboundRequest) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let media_type = request.content.media_type();
    headers.extend(media_type.map(|media_type| (CONTENT_TYPE, HeaderValue::from_static(media_type))));
    let own = leased.secrets.headers().iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
    let form = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in form.chain(own) {
        if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

/// `success` is the rule of a template. Without one, each status from 200 to 299 is a success.
async fn read(mut response: Response, success: Option<&SuccessRule>, deadline: Instant) -> Outcome {
    let status = response.status().as_u16();
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = wait.and_then(|text| retry_after(text, Timestamp::now()));
    let of_status = AttemptResult::of_status(status, response.headers().contains_key(RETRY_AFTER));
    let mut body = Vec::new();
    let reading = async {
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() >= READ_RESPONSE {
                break;
            }
        }
        Ok::<_, reqwest::Error>(())
    };
    let named = success.filter(|rule| rule.has_status(status));
    let needs_body = named.is_some_and(|rule| rule.body.is_some());
    let read_until = if needs_body { deadline } else { Instant::now() + BODY_TIMEOUT };
    let ended = timeout_at(read_until, reading).await;
    let result = match (named, success) {
        // A pattern may match the beginning of a body that means something else.
        (Some(_), _) if needs_body && ended.is_err() => AttemptResult::TimedOut,
        (Some(_), _) if needs_body && matches!(ended, Ok(Err(_))) => AttemptResult::ConnectionLost,
        (Some(rule), _) if rule.matches_body(&String::from_utf8_lossy(&body)) => AttemptResult::Delivered,
        (Some(_), _) => match of_status {
            AttemptResult::Delivered | AttemptResult::Redirect => AttemptResult::Refused,
            other => other,
        },
        (None, Some(_)) if of_status == AttemptResult::Delivered => AttemptResult::Refused,
        // What follows the status does not change the result.
        (None, _) => of_status,
    };
    body.truncate(STORED_RESPONSE);
    // PostgreSQL stores no NUL.
    let text = String::from_utf8_lossy(&body).replace('\0', "\u{fffd}");
    Outcome {
        result,
        status: Some(status),
        retry_after,
        response: Some(text).filter(|text| !text.is_empty() && result != AttemptResult::Delivered),
    }
}

/// The value of `Retry-After`: a number of seconds, or a time (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_microseconds(at.as_microsecond()).since(now))
}

/// What went wrong before a response.
fn classify(error: &reqwest::Error) -> AttemptResult {
    let causes = || std::iter::successors(error.source(), |error: &&(dyn Error + 'static)| (*error).source());
    if causes().any(|cause| cause.is::<AddressRefused>()) {
        AttemptResult::AddressRefused
    } else if causes().any(|cause| cause.is::<UnknownHost>()) {
        AttemptResult::UnknownHost
    } else if causes().any(|cause| cause.is::<native_tls::Error>()) {
        AttemptResult::TlsFailed
    } else if error.is_timeout() {
        AttemptResult::TimedOut
    } else if error.is_connect() {
        AttemptResult::ConnectFailed
    } else {
        AttemptResult::ConnectionLost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_time() {
        let now = Timestamp::parse("1994-11-06T08:49:00Z").unwrap();
        let read = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(read(" 120 "), Some(120));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(37));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for text in ["", "soon", "-1", "1.5"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

//! The parameters of a query: those that its route declares, each once, with a value that can be read.

use std::ops::RangeInclusive;
use std::str::FromStr;

use actix_web::HttpRequest;
use leadgate_domain::Dialect;
use leadgate_pipeline::is_tracking_parameter;
use url::form_urlencoded;

use crate::body;
use crate::http_route::{HttpRoute, Parameters};
use crate::refusal::Refusal;

/// How many items a page has at most.
const LIMITS: RangeInclusive<u32> = 1..=100;

/// How many items a page has where the client does not say it.
const USUAL_LIMIT: u32 = 50;

/// The parameters of a request.
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// The one place that refuses what a route does not declare.
    pub(crate) fn read(request: &HttpRequest) -> Result<Self, Refusal> {
        let known = match HttpRoute::of_request(request).map(|route| route.parameters) {
            Some(Parameters::Only(known)) => known,
            _ => &[],
        };
        let mut read: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            let Some(name) = known.iter().copied().find(|known| *known == name) else {
                return Err(Refusal::UnknownParameter { name: shown(&name), known });
            };
            if read.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Refusal::RepeatedParameter { name });
            }
            // The parser puts this character in the place of bytes that are not UTF-8.
            if value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Refusal::InvalidParameter { name, detail: "The value is not UTF-8." });
            }
            read.push((name, value.into_owned()));
        }
        Ok(Self(read))
    }

    /// The value of a parameter, if it was sent; `expected` tells the client what can be read.
    pub(crate) fn get<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some((_, value)) = self.0.iter().find(|(sent, _)| *sent == name) else { return Ok(None) };
        parse(value).map(Some).ok_or(Refusal::InvalidParameter { name, detail: expected })
    }

    /// `limit`, a number from 1 to 100.
    pub(crate) fn limit(&self) -> Result<u32, Refusal> {
        let expected = "`limit` is a number from 1 to 100.";
        let limit = self.get("limit", expected, |value| number(value, LIMITS))?;
        Ok(limit.unwrap_or(USUAL_LIMIT))
    }

    /// `after`, where the next page begins.
    pub(crate) fn after<T: FromStr>(&self) -> Result<Option<T>, Refusal> {
        self.get("after", "`after` is the `next` of a page.", |value| value.parse().ok())
    }
}

/// A number within bounds.
pub(crate) fn number(value: &str, bounds: RangeInclusive<u32>) -> Option<u32> {
    value.parse().ok().filter(|number| bounds.contains(number))
}

/// Refuses the parameters that an intake route does not take from a client of this dialect.
pub(crate) fn check_intake(request: &HttpRequest, dialect: Dialect) -> Result<(), Refusal> {
    let parameters = HttpRoute::of_request(request).map(|route| route.parameters);
    match (dialect, parameters) {
        // Its clients send fields of the lead in the query, and the key.
        (Dialect::KickoffLabs, _) => Ok(()),
        // The fields of a form may be in the query if there is no body.
        (_, Some(Parameters::Tracking)) if body::is_empty(request.headers()) => Ok(()),
        (_, Some(Parameters::Tracking)) => {
            let mut names = form_urlencoded::parse(request.query_string().as_bytes()).map(|(name, _)| name);
            match names.find(|name| !is_tracking_parameter(name)) {
                Some(name) => Err(Refusal::UnknownParameter { name: shown(&name), known: &[] }),
                None => Ok(()),
            }
        }
        _ => Query::read(request).map(|_| ()),
    }
}

/// Whether a query says nothing but where the visitor came from.
pub(crate) fn is_tracking_only(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).all(|(name, _)| is_tracking_parameter(&name))
}

/// A name that a client sent, short enough for an answer.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

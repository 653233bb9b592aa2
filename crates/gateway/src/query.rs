//! Reads query parameters into the type that a route declares. Each parameter may be sent once.

use std::str::FromStr;

use actix_web::HttpRequest;
use leadgate_dialect::{IntakeParameters, protocol};
use leadgate_domain::Dialect;
use leadgate_operations::ItemLimit;
use leadgate_pipeline::is_tracking_parameter;
use serde::de::value::Error as NoStruct;
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use url::form_urlencoded;

use crate::body;
use crate::refusal::Refusal;

/// For routes without parameters.
#[derive(Deserialize)]
pub(crate) struct NoParameters {}

/// One page of a list that is read by a cursor.
#[derive(Deserialize)]
#[serde(bound = "C: FromStr")]
pub(crate) struct PageQuery<C> {
    #[serde(default)]
    pub(crate) limit: ItemLimit,
    #[serde(default, deserialize_with = "parsed")]
    pub(crate) after: Option<C>,
}

/// A sentence about the valid values of a parameter. A name has the same meaning on every route.
fn expected(name: &str) -> &'static str {
    match name {
        "limit" => "`limit` is a number from 1 to 100.",
        "after" => "`after` is the value `next` of the page before.",
        "last" => "`last` is a number from 1 to 100.",
        "page" => "`page` is a number from 1 to 1000000.",
        "key" => "`key` is the id of a key.",
        "action" => "`action` is an action of the audit log, such as lead.read.",
        "since" => "`since` is a time such as 2026-11-21T00:00:00Z, a day, or how long ago, such as 2d.",
        "list" => "`list` is the name of a list.",
        "reason" => "`reason` is a text.",
        "expires_at" => "`expires_at` is a time, a day, or how long from now, such as 90d.",
        "phone_country" => "`phone_country` is a region, such as US.",
        "kind" => "`kind` is phone, email or domain.",
        "sha256" => "`sha256` is true or false.",
        "source" => "`source` is the id of a source.",
        "order" => "`order` is received or changed.",
        "eligibility" => "`eligibility` is eligible or held.",
        "temperature" => "`temperature` is hot, warm or cold.",
        "status" => "`status` is the status of the work on a lead, such as new or contacted.",
        "phone" => "`phone` is a phone with its country code, such as +14155550123.",
        "email" => "`email` is an email address.",
        "external_id" => "`external_id` is a text without control characters.",
        "received_after" => {
            "`received_after` is a time such as 2026-11-21T00:00:00Z, a day, or how long ago, such as 2d."
        }
        "received_before" => {
            "`received_before` is a time such as 2026-11-21T00:00:00Z, a day, or how long ago, such as 2d."
        }
        "day" => "`day` is a date, such as 2026-11-21.",
        "timezone" => "`timezone` is an IANA time zone, such as America/New_York.",
        "state" => {
            "`state` is open, released, discarded or all in the quarantine, and pending, exhausted or withdrawn for \
             deliveries."
        }
        "format" => "`format` is csv or ndjson.",
        "bom" => "`bom` is true or false.",
        "endpoint" => "`endpoint` is the id of an endpoint.",
        "event" => "`event` is the id of an event.",
        "lead" => "`lead` is the id of a lead.",
        "result" => "`result` is the result of an attempt, such as delivered, server_error or timed_out.",
        _ => "The value cannot be read.",
    }
}

/// The refusal for a value that cannot be read.
pub(crate) fn invalid(name: &'static str) -> Refusal {
    Refusal::InvalidParameter { name, detail: expected(name).into() }
}

/// Reads the parameters of a request.
pub(crate) fn read<Q: DeserializeOwned>(request: &HttpRequest) -> Result<Q, Refusal> {
    let query = request.query_string();
    let known = names::<Q>();
    let mut read: Vec<&'static str> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(name) = known.iter().copied().find(|known| *known == name) else {
            return Err(Refusal::UnknownParameter { name: shown(&name), known });
        };
        if read.contains(&name) {
            return Err(Refusal::RepeatedParameter { name });
        }
        // The parser replaces bytes that are not UTF-8 by this character.
        if value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Refusal::InvalidParameter { name, detail: "The value is not UTF-8.".into() });
        }
        read.push(name);
    }
    let pairs = form_urlencoded::parse(query.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
        // For an invalid value the path contains the name, for a missing one the message.
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        let is_meant = |name: &&&str| **name == path || message.contains(&format!("`{name}`"));
        known.iter().find(is_meant).map_or(Refusal::Internal, |name| invalid(name))
    })
}

/// Refuses parameters that an intake path does not accept from a client of this dialect.
pub(crate) fn check_intake(
    request: &HttpRequest,
    parameters: IntakeParameters,
    dialect: Dialect,
) -> Result<(), Refusal> {
    match parameters {
        _ if protocol(dialect).reads_query => Ok(()),
        // The fields of a form may be in the query if there is no body.
        IntakeParameters::Tracking if body::is_empty(request.headers()) => Ok(()),
        IntakeParameters::Tracking => {
            let mut names = form_urlencoded::parse(request.query_string().as_bytes()).map(|(name, _)| name);
            match names.find(|name| !is_tracking_parameter(name)) {
                Some(name) => Err(Refusal::UnknownParameter { name: shown(&name), known: &[] }),
                None => Ok(()),
            }
        }
        IntakeParameters::None | IntakeParameters::Fields => read::<NoParameters>(request).map(|_| ()),
    }
}

/// Whether a query has tracking parameters only, such as `utm_source`.
pub(crate) fn is_tracking_only(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).all(|(name, _)| is_tracking_parameter(&name))
}

/// Deserializes a value with its `FromStr`.
pub(crate) fn parsed<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| de::Error::custom("unreadable"))
}

/// A name that a client sent, shortened for the response.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// The field names of a type, which are the parameters that its route accepts. A type with a flattened field
/// has none, so its route refuses every parameter.
pub(crate) fn names<Q: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // The deserialization always fails. It only reports the fields of the type.
    let _ = Q::deserialize(FieldNames(&mut names));
    names
}

struct FieldNames<'n>(&'n mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = NoStruct;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoStruct> {
        Err(de::Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoStruct> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct DayQuery {
        #[expect(dead_code, reason = "only read")]
        day: String,
    }

    #[test]
    fn a_missing_parameter_is_a_client_error() {
        assert_eq!(names::<DayQuery>(), ["day"]);
        let refusal = read::<DayQuery>(&TestRequest::default().to_http_request()).unwrap_err();
        assert!(matches!(refusal, Refusal::InvalidParameter { name: "day", .. }), "{refusal:?}");
    }
}

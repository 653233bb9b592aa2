//! Parameters of lists. What is not known is ignored; what is known has to make sense.

use std::ops::RangeInclusive;
use std::str::FromStr;

use url::form_urlencoded;

use crate::refusal::Refusal;

/// How many items a page has at most.
pub(crate) const LIMITS: RangeInclusive<u32> = 1..=100;

/// A number within bounds; `detail` says which they are.
pub(crate) fn number(
    name: &'static str,
    value: &str,
    bounds: RangeInclusive<u32>,
    detail: &'static str,
) -> Result<u32, Refusal> {
    let number = value.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or(Refusal::InvalidParameter { name, detail })
}

/// `limit`, a number from 1 to 100.
pub(crate) fn limit(value: &str) -> Result<u32, Refusal> {
    number("limit", value, LIMITS, "`limit` is a number from 1 to 100.")
}

/// `after`, where the next page begins.
pub(crate) fn after<T: FromStr>(value: &str) -> Result<Option<T>, Refusal> {
    let after = value.parse().ok();
    let detail = "`after` is the `next` of a page.";
    after.map(Some).ok_or(Refusal::InvalidParameter { name: "after", detail })
}

/// Which page of a list, where nothing else can be asked.
pub(crate) struct PageQuery<After> {
    pub(crate) limit: u32,
    pub(crate) after: Option<After>,
}

impl<After: FromStr> PageQuery<After> {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut paging = Self { limit: 50, after: None };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "limit" => paging.limit = limit(&value)?,
                "after" => paging.after = after(&value)?,
                _ => {}
            }
        }
        Ok(paging)
    }
}

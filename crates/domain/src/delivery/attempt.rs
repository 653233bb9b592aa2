//! Attempts of a delivery, and what their results mean.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AttemptId, EndpointId, EventId, OrganizationId, Timestamp};

/// The state of a delivery that is not done. A delivery that succeeded has no state: its attempts remain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum DeliveryState {
    /// It is attempted when it is due.
    Pending,
    /// All attempts of its schedule failed.
    Exhausted,
    /// It is not sent: the event says that a lead is eligible, and the lead is held or deleted by now.
    Withdrawn,
}

impl DeliveryState {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The number of deliveries of an endpoint in each state. Large numbers are not counted to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DeliveryCounts {
    pub pending: u64,
    pub exhausted: u64,
    pub withdrawn: u64,
}

/// The result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum AttemptResult {
    /// The status of the response was from 200 to 299, whatever follows it; or the response is what a template names as a
    /// success.
    Delivered,
    /// A rule of the template cannot be applied to the event. It says nothing about the endpoint.
    TemplateFailed,
    /// The request could not be made.
    NotSent,
    /// The host has no address.
    UnknownHost,
    /// The host has an address that this installation does not connect to.
    AddressRefused,
    /// No connection could be opened.
    ConnectFailed,
    /// The certificate is not valid, or TLS failed in another way.
    TlsFailed,
    /// There was no response in time.
    TimedOut,
    /// The connection was lost before the response.
    ConnectionLost,
    /// The response was a redirect, which is not followed.
    Redirect,
    /// The receiver does not want any further event (410).
    Gone,
    /// The receiver wants fewer events, or none at the moment (429, or 503 with `Retry-After`).
    Busy,
    /// The receiver refused the event: any other status from 400 to 499, or not the success that a template names.
    Refused,
    /// The receiver failed (any other status).
    ServerError,
}

impl AttemptResult {
    /// The result of a response with this status.
    pub fn of_status(status: u16, has_retry_after: bool) -> Self {
        match status {
            200..=299 => Self::Delivered,
            300..=399 => Self::Redirect,
            410 => Self::Gone,
            429 => Self::Busy,
            503 if has_retry_after => Self::Busy,
            400..=499 => Self::Refused,
            _ => Self::ServerError,
        }
    }

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub id: AttemptId,
    pub organization: OrganizationId,
    pub endpoint: EndpointId,
    pub event: EventId,
    /// The first attempt of a delivery has the number 1.
    pub number: u32,
    pub at: Timestamp,
    pub duration: Duration,
    pub result: AttemptResult,
    /// The HTTP status of the response, if there was one.
    pub status: Option<u16>,
    /// The beginning of the response body, at most 4 KiB, or the field for which a template failed. `None` if the event was
    /// delivered.
    pub response: Option<String>,
}

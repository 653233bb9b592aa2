//! What is wrong with a receiver.

use leadgate_testkit::receiver::Answer;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Healthy,
    /// Healthy; its secret is rotated.
    Rotated,
    /// 500, with one attempt for each delivery.
    Failing,
    /// 301 to a private address.
    Redirecting,
    /// It gets no answer, and recovers.
    Hanging,
    /// 200 and one byte of the body each second, and recovers.
    Dripping,
    /// 200 and ten million bytes.
    Large,
    /// It closes connections, and recovers.
    Closing,
    /// It resets connections, and recovers.
    Resetting,
    /// Its certificate is not trusted.
    Untrusted,
    /// 200 before it closes the connection.
    ClosingAfterStatus,
    /// 410, and recovers.
    Gone,
    /// 429 with `Retry-After`, and recovers.
    Busy,
    /// Healthy. It wants `lead.eligible`, and is disabled until some of the leads are suppressed.
    Eligible,
}

/// Those that are not healthy from the start.
pub(super) const FAULTY: [Role; 12] = [
    Role::Failing,
    Role::Redirecting,
    Role::Hanging,
    Role::Dripping,
    Role::Large,
    Role::Closing,
    Role::Resetting,
    Role::Untrusted,
    Role::ClosingAfterStatus,
    Role::Gone,
    Role::Busy,
    Role::Eligible,
];

impl Role {
    pub(super) fn is_healthy(self) -> bool {
        matches!(self, Self::Healthy | Self::Rotated)
    }

    /// Whether it answers with 204 after a while.
    pub(super) fn recovers(self) -> bool {
        use Role::{Busy, Closing, Dripping, Gone, Hanging, Resetting};
        matches!(self, Hanging | Dripping | Closing | Resetting | Gone | Busy)
    }

    /// Whether each event is delivered: no attempt fails, or a failure does not count.
    pub(super) fn receives_all(self) -> bool {
        use Role::{Busy, ClosingAfterStatus, Dripping, Large};
        self.is_healthy() || matches!(self, Dripping | Large | ClosingAfterStatus | Busy)
    }

    /// Whether no delivery remains pending at the end.
    pub(super) fn is_drained(self) -> bool {
        self.receives_all() || self.recovers() || self == Self::Eligible
    }

    /// `private` is a URL in a private network.
    pub(super) fn answer(self, private: &str) -> Answer {
        let with = |status, header, value: &str| {
            Answer::Response(status, vec![(header, value.to_owned())], String::new())
        };
        match self {
            Self::Healthy | Self::Rotated | Self::Eligible | Self::Untrusted => Answer::status(204),
            Self::Failing => Answer::status(500),
            Self::Redirecting => with(301, "Location", private),
            Self::Hanging => Answer::Hang,
            Self::Dripping => Answer::Drip,
            Self::Large => Answer::Large,
            Self::Closing => Answer::Close,
            Self::Resetting => Answer::Reset,
            Self::ClosingAfterStatus => Answer::CloseAfterStatus,
            Self::Gone => Answer::status(410),
            Self::Busy => with(429, "Retry-After", "1"),
        }
    }

    /// The result of an attempt, if it is not `delivered`. A receiver that hangs has none for a while.
    pub(super) fn failure(self) -> Option<&'static str> {
        match self {
            Self::Failing => Some("server_error"),
            Self::Redirecting => Some("redirect"),
            Self::Closing | Self::Resetting => Some("connection_lost"),
            Self::Untrusted => Some("tls_failed"),
            Self::Gone => Some("gone"),
            Self::Busy => Some("busy"),
            _ => None,
        }
    }

    pub(super) fn events(self) -> &'static str {
        if self == Self::Eligible { "lead.eligible" } else { "lead.created" }
    }

    pub(super) fn retry(self) -> &'static str {
        match self {
            Self::Failing => "0s",
            Self::Redirecting | Self::Untrusted => "0s,1s,1s",
            Self::Closing | Self::Resetting => "0s,1s,2s,5s",
            // The others lose no delivery, however often a busy machine lets an attempt fail.
            _ => "0s,1s,1s,1s,1s,1s,5s,5s,5s,5s,1m,1m,1m,1m,1m,1m",
        }
    }

    pub(super) fn concurrency(self) -> usize {
        if self == Self::Dripping { 50 } else { 10 }
    }
}

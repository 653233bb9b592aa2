//! Errors of publishing, opening and administering a queue.

use std::time::Duration;

/// Why a publish was refused. The submission may still be stored if only the confirm was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The queue cannot accept messages now.
    #[error("the queue is unavailable: {0}")]
    Unavailable(QueueFailure),
    /// Too many submissions wait in this process.
    #[error("too many submissions are waiting for the queue")]
    Busy,
    /// The queue did not confirm in time.
    #[error("the queue did not confirm in time")]
    TimedOut,
}

impl PublishError {
    /// Time until the caller may retry, for `Retry-After`.
    pub fn retry_after(&self) -> Duration {
        let seconds = match self {
            Self::Busy => 1,
            Self::TimedOut => 2,
            Self::Unavailable(QueueFailure::Disconnected | QueueFailure::Closed | QueueFailure::Locked) => 2,
            Self::Unavailable(QueueFailure::Alarm | QueueFailure::Full | QueueFailure::Storage) => 5,
            Self::Unavailable(QueueFailure::Topology | QueueFailure::Unroutable) => 10,
        };
        Duration::from_secs(seconds)
    }

    /// A stable name, for metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::TimedOut => "timed_out",
            Self::Unavailable(cause) => cause.code(),
        }
    }
}

/// Why a queue cannot accept messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueueFailure {
    #[error("not connected to the broker")]
    Disconnected,
    #[error("the broker is short of memory or disk space")]
    Alarm,
    #[error("queues or exchanges are missing or have the wrong arguments")]
    Topology,
    #[error("the queue is full")]
    Full,
    #[error("the message was not routed to a queue")]
    Unroutable,
    #[error("the queue file cannot be written")]
    Storage,
    #[error("another process has locked the queue file")]
    Locked,
    #[error("this process is shutting down")]
    Closed,
}

impl QueueFailure {
    /// A stable name, for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Alarm => "alarm",
            Self::Topology => "topology",
            Self::Full => "full",
            Self::Unroutable => "unroutable",
            Self::Storage => "storage",
            Self::Locked => "locked",
            Self::Closed => "closed",
        }
    }
}

/// Errors of opening, declaring and administering a queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The configured URL is not the URL of a queue.
    #[error("queue.url: {0}")]
    Url(&'static str),
    /// The file of the embedded queue cannot be used.
    #[error("the queue file {path}: {problem}")]
    File { path: String, problem: String },
    /// The broker does not answer, or not in time. The caller may retry.
    #[error("the broker is unreachable: {0}")]
    Unreachable(String),
    /// Queues or exchanges of the broker are missing or have other arguments.
    #[error("{0}")]
    Topology(String),
    /// A step was refused or timed out. The steps before it remain in effect. The caller may retry.
    #[error("{0}")]
    Interrupted(String),
    /// The queue was shut down.
    #[error("the queue is closed")]
    Closed,
}

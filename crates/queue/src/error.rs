//! How a publish is refused, and what else can go wrong.

use std::time::Duration;

/// Why a publish was not accepted. It may have been stored nevertheless, when only the confirm got lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The queue takes nothing at the moment.
    #[error("the queue is unavailable: {0}")]
    Unavailable(QueueFailure),
    /// Too much waits in this process already.
    #[error("too many leads wait for the queue")]
    Busy,
    /// The queue did not confirm in time.
    #[error("the queue did not confirm in time")]
    TimedOut,
}

impl PublishError {
    /// After how long the caller may try again, for `Retry-AfterId`.
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

/// What keeps a queue from accepting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueueFailure {
    #[error("not connected to the broker")]
    Disconnected,
    #[error("the broker is short of memory or disk space")]
    Alarm,
    #[error("queues or exchanges are missing or of the wrong kind")]
    Topology,
    #[error("the queue is full")]
    Full,
    #[error("no queue took the message")]
    Unroutable,
    #[error("the queue's file cannot be written")]
    Storage,
    #[error("another process holds the queue file's lock")]
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

/// What goes wrong in opening, declaring and administering a queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The configured URL names no queue.
    #[error("queue.url: {0}")]
    Url(&'static str),
    /// The embedded queue's file cannot be used.
    #[error("the queue's file {path}: {problem}")]
    File { path: String, problem: String },
    /// The broker does not answer, or not in time. Try again.
    #[error("the broker does not answer: {0}")]
    Unreachable(String),
    /// The broker's queues or exchanges are not what they should be.
    #[error("{0}")]
    Topology(String),
    /// A step was refused or did not end in time; what was done before it stays done. Try again.
    #[error("{0}")]
    Interrupted(String),
    /// The queue was shut down.
    #[error("the queue is closed")]
    Closed,
}

//! Errors of the store, classified by what the caller should do.

use std::fmt;
use std::time::Duration;

use crate::postgres::FailedStatement;

/// An error of the store. It contains codes, constraint names and positions, never a value of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Temporary: keep the batch, back off and retry, or answer 503. Whether anything was stored may be
    /// unknown, so retry with the same ids.
    #[error("the store is unavailable: {failure}{}", Detail(.detail))]
    Unavailable { failure: StoreFailure, detail: Option<String> },
    /// The database refused one row, and nothing of the batch was stored. Commit halves of the batch, down to
    /// the single row, and quarantine it.
    #[error("the database refused a row (code {code}{})", Constraint(.constraint))]
    RowRefused {
        /// SQLSTATE, or SQLite's name for the error.
        code: String,
        constraint: Option<String>,
    },
    /// An operator must run the migrations.
    #[error("the store has no schema that this build can use: run `leadgate migrate`")]
    NotMigrated,
    /// The configured secret does not decrypt the keys of the store.
    #[error(
        "the secret does not belong to the store {store}: give LEADGATE_SECRET (or LEADGATE_SECRET_FILE) the value that \
         the store was made with; after a rotation, give LEADGATE_SECRET_PREVIOUS the value before it"
    )]
    WrongSecret { store: String },
    /// The call panicked, most likely because of one submission. Nothing was stored.
    #[error("a panic ended the call; nothing of it was stored")]
    Panicked,
    /// The address cannot be used.
    #[error("the store's address is not usable: {0}")]
    Config(String),
    /// Nothing was stored: the organization has reached the limit.
    #[error("the limit of {most} {what} is reached; {remedy}")]
    TooMany {
        what: &'static str,
        most: u32,
        /// What the caller can do.
        remedy: &'static str,
    },
    /// Nothing was stored: the API key of the request was revoked meanwhile.
    #[error("the API key that made this request was revoked")]
    CreatorRevoked,
    /// Nothing was stored: the lead of the correction was deleted meanwhile.
    #[error("the lead was deleted meanwhile")]
    LeadGone,
    /// Nothing was stored: the source of the key was deleted meanwhile.
    #[error("the source of the key is deleted")]
    SourceDeleted,
    /// The database of this store does not support the call.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A defect of this build, or rows that another program wrote. A retry does not help.
    #[error("defect in the store: {0}")]
    Bug(String),
}

impl StoreError {
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// The kind of failure, if the store is unavailable.
    pub fn failure(&self) -> Option<StoreFailure> {
        match self {
            Self::Unavailable { failure, .. } => Some(*failure),
            _ => None,
        }
    }

    pub(crate) fn unavailable(failure: StoreFailure) -> Self {
        Self::Unavailable { failure, detail: None }
    }
}

/// Why a store is unavailable. The codes are values of metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum StoreFailure {
    /// A connection could not be opened or was lost. A commit whose reply was lost counts as not committed.
    Connection,
    /// All connections were in use during the acquire timeout.
    Busy,
    /// The database ended a statement that exceeded its timeout. The statement itself may be slow.
    Timeout,
    /// The database did not answer within the call timeout.
    NoAnswer,
    /// The transaction deadlocked or conflicted with others several times in a row.
    Conflict,
    /// Another transaction held a lock for too long.
    Locked,
    /// The database has no more disk space, memory or connections, or its disk failed.
    Resources,
    /// The database is read-only.
    ReadOnly,
    /// The database refuses the call independently of its rows: a missing grant, table or function, or a
    /// wrong password. An operator must correct it.
    Misconfigured,
    /// The database reported an internal error.
    Internal,
}

impl StoreFailure {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

struct Detail<'a>(&'a Option<String>);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |detail| write!(formatter, " ({detail})"))
    }
}

struct Constraint<'a>(&'a Option<String>);

impl fmt::Display for Constraint<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(formatter, ", constraint {name}"))
    }
}

/// An error on its way out of a transaction, before it is known what it means.
#[derive(Debug)]
pub(crate) enum TransactionError {
    /// `took`: how long the query ran.
    Database {
        error: diesel::result::Error,
        took: Duration,
    },
    /// A statement whose SQLSTATE can be found out.
    Statement {
        error: diesel::result::Error,
        failed: Box<FailedStatement>,
    },
    /// A COPY, which does not say which error a row causes.
    Copy {
        error: diesel::result::Error,
        took: Duration,
    },
    Store(StoreError),
}

impl TransactionError {
    /// Sets how long the query or the COPY ran.
    pub(crate) fn after(self, took: Duration) -> Self {
        match self {
            Self::Database { error, .. } => Self::Database { error, took },
            Self::Copy { error, .. } => Self::Copy { error, took },
            other => other,
        }
    }
}

impl From<diesel::result::Error> for TransactionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database { error, took: Duration::ZERO }
    }
}

impl From<StoreError> for TransactionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a database error asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// Run the whole transaction again.
    Retry,
    Final(StoreError),
}

//! What went wrong, told by what the caller should do about it.

use std::fmt;

/// No variant carries a value of a row: codes, names of constraints and positions only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Temporary: keep the batch, back off and retry; answer 503. Nothing was stored, or
    /// it cannot be known: retry with the same ids.
    #[error("the store is unavailable: {trouble}{}", Detail(.detail))]
    Unavailable { trouble: StoreFailure, detail: Option<String> },
    /// One row's fault: nothing of the batch was stored. Run its halves, down to the row, and quarantine that.
    #[error("the database refused a row (code {code}{})", Constraint(.constraint))]
    RowRefused {
        /// SQLSTATE, or SQLite's name for the error.
        code: String,
        constraint: Option<String>,
    },
    /// An operator's turn.
    #[error("the store has no schema that this build can use: run `leadgate migrate`")]
    NotMigrated,
    /// The secret that this program was given did not seal what the store keeps sealed.
    #[error(
        "the secret does not belong to the store {store}: give LEADGATE_SECRET (or LEADGATE_SECRET_FILE) the value that \
         the store was made with; after a rotation, give LEADGATE_SECRET_PREVIOUS the value before it"
    )]
    WrongSecret { store: String },
    /// Something panicked in the middle, most likely over one submission. Nothing was stored.
    #[error("a panic ended the call; nothing of it was stored")]
    Panicked,
    /// The address cannot be used.
    #[error("the store's address is not usable: {0}")]
    Config(String),
    /// Nothing was stored: an organization cannot have more of these.
    #[error("the limit of {most} {what} is reached; {remedy}")]
    TooMany {
        what: &'static str,
        most: u32,
        /// What the caller can do.
        remedy: &'static str,
    },
    /// Nothing was stored: the key that made the request was revoked meanwhile.
    #[error("the API key that made this request was revoked")]
    MakerRevoked,
    /// Nothing was stored: the lead that was to be corrected was deleted meanwhile.
    #[error("the lead was deleted meanwhile")]
    LeadGone,
    /// Nothing was stored: the source of the key was deleted meanwhile.
    #[error("the source of the key is deleted")]
    SourceDeleted,
    /// This store cannot do that.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A defect of this build, or a store that another program wrote to. A retry does not help.
    #[error("defect in the store: {0}")]
    Bug(String),
}

impl StoreError {
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// What the trouble is, if the store is unavailable.
    pub fn failure(&self) -> Option<StoreFailure> {
        match self {
            Self::Unavailable { trouble, .. } => Some(*trouble),
            _ => None,
        }
    }

    pub(crate) fn unavailable(trouble: StoreFailure) -> Self {
        Self::Unavailable { trouble, detail: None }
    }
}

/// Why a store is unavailable. The codes are labels of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum StoreFailure {
    /// No connection, or it broke. A commit whose reply was lost counts as not committed.
    Connection,
    /// Every connection was in use for as long as the caller was willing to wait.
    Busy,
    /// The database ended a statement that took longer than it may. The statement itself may be what takes so long.
    Timeout,
    /// The database did not answer for as long as the caller waits.
    NoAnswer,
    /// Deadlocked or conflicted with others several times in a row.
    Conflict,
    /// Another transaction held a lock for too long.
    Locked,
    /// Disk, memory or connections ran out, or the disk failed.
    Resources,
    /// It takes no writes at the moment.
    ReadOnly,
    /// It refuses what this program needs, whatever the rows: a missing grant, table or function, a password that is no
    /// longer right. An operator has to correct it.
    Refused,
    /// The database says that it is in trouble of its own.
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

/// An error on its way out of a session, before it is known what it means.
#[derive(Debug)]
pub(crate) enum TransactionError {
    Database(diesel::result::Error),
    Store(StoreError),
}

impl From<diesel::result::Error> for TransactionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
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

use leadgate_domain::AuditEntry;
use leadgate_store::{Store, StoreError};

/// Where the audit entry of a read goes. An operation that only reads takes the entry to it before it returns what was
/// read. Operations that change something need none: the store writes the entry with the change.
pub trait ReadLog {
    /// # Errors
    /// If the entry must be durable and is not: then nothing is shown.
    fn note_read(&self, entry: AuditEntry) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The entry is durable before the result is returned, as the command line promises.
impl ReadLog for Store {
    async fn note_read(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.record(vec![entry]).await
    }
}

use leadgate_domain::AuditEntry;
use leadgate_store::{Store, StoreError};

/// The destination of the audit entries of reads. An operation that only reads adds its entry before it
/// returns the result. Operations that change data do not need it: the store writes their entry together with
/// the change.
pub trait ReadLog {
    /// # Errors
    /// If the entry must be durable and cannot be written. Then the result must not be shown.
    fn note_read(&self, entry: AuditEntry) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The entry is durable before the result is returned, as the command line promises.
impl ReadLog for Store {
    async fn note_read(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.record(vec![entry]).await
    }
}

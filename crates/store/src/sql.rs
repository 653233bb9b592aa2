//! Every statement of an adapter, by job: what it takes and what it gives.
//!
//! Each takes at most one bind, `$1`, the JSON array of its rows, and each that gives rows gives one column of
//! JSON text. "In" and "out" below name those rows' types.

pub(crate) struct Sql {
    pub(crate) installation: Installation,
    pub(crate) organizations: Organizations,
    pub(crate) sources: Sources,
    pub(crate) mappings: Mappings,
    pub(crate) keys: Keys,
    pub(crate) tags: Tags,
    pub(crate) submissions: Submissions,
    pub(crate) claims: Claims,
    pub(crate) leads: Leads,
    pub(crate) quarantine: Quarantine,
    pub(crate) suppressions: Suppressions,
    pub(crate) attempts: Attempts,
    pub(crate) reports: Reports,
    pub(crate) audit: Audit,
}

pub(crate) struct Installation {
    /// Out: [`crate::installation::Row`].
    pub(crate) read: &'static str,
    /// In: `MatchKeyRow`. Keeps what is there.
    pub(crate) found: &'static str,
    /// Adds one to the generation and holds the row until the transaction ends. Out: the new generation.
    pub(crate) advance: &'static str,
    /// Out: the versions of all migrations that were run.
    pub(crate) migrations: &'static str,
}

pub(crate) struct Organizations {
    /// In: `Stamped<OrganizationRow>`. Keeps what is there.
    pub(crate) insert: &'static str,
    /// In: `Name`. Out: `OrganizationRow`.
    pub(crate) named: &'static str,
    /// In: `Since`. Out: `OrganizationRow`, by name.
    pub(crate) since: &'static str,
}

pub(crate) struct Sources {
    /// In: `Stamped<SourceRow>`.
    pub(crate) insert: &'static str,
    /// As `insert`, but keeps the default source that is there.
    pub(crate) insert_default: &'static str,
    /// In: `DefaultOf`. Out: `SourceRow`.
    pub(crate) default_of: &'static str,
    /// In: `Of`. Out: `SourceRow`, by id.
    pub(crate) of: &'static str,
    /// In: `Wanted<SourceId>`. Out: `SourceRow`.
    pub(crate) by_id: &'static str,
    /// In: `Wanted<&str>`. Out: `SourceRow`.
    pub(crate) campaign: &'static str,
    /// In: `Stamped<SourceRow>`. Changes one that is still at its revision, to the next. Out: `SourceRow`.
    pub(crate) update: &'static str,
    /// In: `Since`. Out: `SourceRow`.
    pub(crate) since: &'static str,
}

pub(crate) struct Mappings {
    /// In: `Added`. Out: the next version of a source that is there.
    pub(crate) add: &'static str,
    /// In: `Activated`. Puts a version that is there in force, or none; the source's next revision.
    pub(crate) activate: &'static str,
    /// In: `OfSource`. Out: `MappingRow`, by version.
    pub(crate) of: &'static str,
}

pub(crate) struct Keys {
    /// In: `Stamped<KeyRow>`.
    pub(crate) insert: &'static str,
    /// In: `Of`. Out: `KeyRow`, by id.
    pub(crate) of: &'static str,
    /// In: `Wanted<KeyId>`. Out: `KeyRow`.
    pub(crate) by_id: &'static str,
    /// In: `Revoked`. Keeps the time of the first revocation. Out: `KeyRow`.
    pub(crate) revoke: &'static str,
    /// In: `Retired`. Keeps an earlier end, and leaves one that is revoked alone. Out: `KeyRow`.
    pub(crate) retire: &'static str,
    /// In: `Since`. Out: `KeyRow`.
    pub(crate) since: &'static str,
}

pub(crate) struct Tags {
    /// In: `TagRow`. Gives it the organization's next number.
    pub(crate) insert: &'static str,
    /// In: `TagRow`. Out: [`crate::Tag`].
    pub(crate) named: &'static str,
    /// In: `One<i64>`. Out: [`crate::Tag`].
    pub(crate) by_id: &'static str,
    /// In: `Of`. Out: [`crate::Tag`], by number.
    pub(crate) of: &'static str,
}

pub(crate) struct Submissions {
    /// In: `SubmissionRow`, sorted. Out: `(OrganizationId, SubmissionId)` of those that were not there.
    pub(crate) insert: &'static str,
    /// In: `OutcomeRow`.
    pub(crate) decide: &'static str,
    /// As `decide`, with the next revision of each.
    pub(crate) decide_again: &'static str,
    /// In: `One`. Out: [`crate::submissions::Stored`].
    pub(crate) read: &'static str,
    /// In: `After`. Out: [`crate::SubmissionSummary`], by id.
    pub(crate) page: &'static str,
    /// In: `OfSource`. Out: [`crate::submissions::Stored`], newest first.
    pub(crate) recent: &'static str,
    /// In: `One`. Out: [`crate::Found`].
    pub(crate) find: &'static str,
}

pub(crate) struct Claims {
    /// In: `Claim`, sorted. Takes those that are free and locks those that are not.
    pub(crate) lock: &'static str,
    /// In: `ClaimKey`. Out: `Claim`.
    pub(crate) read: &'static str,
    /// In: `Claim`. Changes claims that are there.
    pub(crate) write: &'static str,
    /// In: `ClaimKey`.
    pub(crate) release: &'static str,
}

pub(crate) struct Leads {
    /// In: `Lock`, sorted. Shared, until the transaction ends. `None` where there is one writer at a time anyway.
    pub(crate) share: Option<&'static str>,
    /// As `share`, but nobody else's.
    pub(crate) exclude: Option<&'static str>,
    /// In: `One`, sorted. Out: `Lead`, locked in that order.
    pub(crate) lock: &'static str,
    /// In: `Listed`. Out: `Lead`, those that have the value, locked in the order of ids.
    pub(crate) lock_listed: &'static str,
    /// In: `LeadRow`.
    pub(crate) insert: &'static str,
    /// In: `LeadRow`.
    pub(crate) update: &'static str,
    /// In: `One`. Out: `Lead`.
    pub(crate) read: &'static str,
    /// In: `Before`. Out: `Lead`, newest first.
    pub(crate) page: &'static str,
    /// In: `At`. Out: `Lead`, newest first.
    pub(crate) page_at: &'static str,
    /// In: `Of`. Out: how many.
    pub(crate) count: &'static str,
}

pub(crate) struct Quarantine {
    /// In: `QuarantineRow`.
    pub(crate) insert: &'static str,
    /// As `insert`, for those whose id is stored with another body, and that are not there yet.
    pub(crate) insert_reused: &'static str,
    /// In: `ReleaseRow`, sorted. Locks and lets go those that are open and were not let go by this release or a
    /// later one before. Out: `(OrganizationId, SubmissionId, bool)`: whether the submission came under the id of
    /// another, so that only the entry holds it.
    pub(crate) release: &'static str,
    /// In: `QuarantineRow`. Opens entries that were let go.
    pub(crate) reopen: &'static str,
    /// In: `BeforeEntry`. Out: [`crate::entries::EntryRow`], newest first.
    pub(crate) page: &'static str,
    /// As `page`, in one state.
    pub(crate) page_in_state: &'static str,
    /// In: `One`. Out: [`crate::entries::Held`].
    pub(crate) entry: &'static str,
    /// In: `Discarded`. Changes an open one.
    pub(crate) discard: &'static str,
}

pub(crate) struct Suppressions {
    /// In: `SuppressionKey`. Out: `Suppressed`.
    pub(crate) among: &'static str,
    /// In: `Suppression`. Keeps what is there.
    pub(crate) insert: &'static str,
    /// In: `SuppressionKey`. Out: `Suppression`.
    pub(crate) remove: &'static str,
    /// In: `AfterKey`. Out: `Suppression`, by kind and key.
    pub(crate) page: &'static str,
}

pub(crate) struct Attempts {
    /// In: `AttemptRow`. Out: the attempts so far.
    pub(crate) begin: &'static str,
    /// In: `Wanted<SubmissionId>`.
    pub(crate) forget: &'static str,
    /// In: `Until`.
    pub(crate) purge: &'static str,
}

pub(crate) struct Reports {
    /// In: `Received`. Out: [`crate::reports::Counted`], how many there are of each kind.
    pub(crate) intake: &'static str,
    /// As `intake`, of one source.
    pub(crate) intake_of_source: &'static str,
}

pub(crate) struct Audit {
    /// In: `AuditEntry`. Keeps what is there.
    pub(crate) insert: &'static str,
    /// In: `Between`. Out: [`crate::AuditRecord`], newest first.
    pub(crate) page: &'static str,
    /// As `page`, of one actor, and of one action if it is named.
    pub(crate) page_of_actor: &'static str,
    /// As `page`, of one action.
    pub(crate) page_of_action: &'static str,
}

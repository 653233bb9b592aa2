//! The statements of an adapter, by subject, with their input and output.
//!
//! A statement has at most one bind, `$1`, which is the JSON array of its input rows. A statement that
//! returns rows returns one column of JSON text. "In" and "Out" below are the types of these rows.

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct Sql {
    pub(crate) installation: InstallationSql,
    pub(crate) organizations: OrganizationSql,
    pub(crate) sources: SourceSql,
    pub(crate) mappings: MappingSql,
    pub(crate) keys: KeySql,
    pub(crate) tags: TagSql,
    pub(crate) submissions: SubmissionSql,
    pub(crate) claims: ClaimSql,
    pub(crate) leads: LeadSql,
    pub(crate) quarantine: QuarantineSql,
    pub(crate) suppressions: SuppressionSql,
    pub(crate) crash_attempts: CrashAttemptSql,
    pub(crate) sweeps: SweepSql,
    pub(crate) consents: ConsentSql,
    pub(crate) erasure: ErasureSql,
    pub(crate) retention: RetentionSql,
    pub(crate) scorings: ScoringSql,
    pub(crate) reports: ReportSql,
    pub(crate) audit: AuditSql,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct InstallationSql {
    /// Out: [`crate::installation::InstallationRow`].
    pub(crate) read: &'static str,
    /// In: `NewInstallationRow`. Keeps what is there.
    pub(crate) found: &'static str,
    /// In: `MatchKeyRow`. Leaves a key alone that was sealed again meanwhile.
    pub(crate) reseal: &'static str,
    /// In: `EpochRow`.
    pub(crate) renew: &'static str,
    /// Adds one to the generation and holds the row until the transaction ends. Out: the new generation.
    pub(crate) advance: &'static str,
    /// In: `ShardsRow`. A number that is not larger changes nothing.
    pub(crate) raise_shards: &'static str,
    /// Out: the versions of all migrations that were run.
    pub(crate) migrations: &'static str,
    /// Out: the current time of the database's clock. `None` where that is this machine's clock.
    pub(crate) clock: Option<&'static str>,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct OrganizationSql {
    /// In: `WithGeneration<OrganizationRow>`. Keeps what is there.
    pub(crate) insert: &'static str,
    /// In: `OrganizationNameUpdate`. A name that another organization has changes nothing.
    pub(crate) rename: &'static str,
    /// In: `OrganizationDisabledUpdate`. An organization that is in this state already does not change.
    pub(crate) set_disabled: &'static str,
    /// In: `ByName`. Out: `OrganizationRow`.
    pub(crate) named: &'static str,
    /// In: `ChangedSince`. Out: `(i64, OrganizationId, OrganizationRow)`, by generation and id.
    pub(crate) since: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct SourceSql {
    /// In: `WithGeneration<SourceRow>`.
    pub(crate) insert: &'static str,
    /// As `insert`, but keeps the default source that is there.
    pub(crate) insert_default: &'static str,
    /// In: `ByDialect`. Out: `SourceRow`.
    pub(crate) default_of: &'static str,
    /// In: `AfterId`. Out: `SourceRow`, by id.
    pub(crate) by_organization: &'static str,
    /// In: `ById<SourceId>`. Out: `SourceRow`.
    pub(crate) by_id: &'static str,
    /// In: `InOrganization`. Out: their number.
    pub(crate) count: &'static str,
    /// In: `ById<&str>`. Out: `SourceRow`.
    pub(crate) campaign: &'static str,
    /// In: `WithGeneration<SourceRow>`. Changes one that is still at its revision, to the next. Out:
    /// `SourceRow`.
    pub(crate) update: &'static str,
    /// In: `ChangedSince`. Out: `(i64, SourceId, SourceRow)`, by generation and id.
    pub(crate) since: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct MappingSql {
    /// In: `NewMappingRow`. Out: the next version of a source that is there.
    pub(crate) add: &'static str,
    /// In: `MappingActivation`. Puts a version that is there in force, or none; the source's next revision.
    pub(crate) activate: &'static str,
    /// In: `InSource`. Out: `MappingRow`, by version.
    pub(crate) by_source: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct KeySql {
    /// In: `WithGeneration<KeyRow>`.
    pub(crate) insert: &'static str,
    /// In: `InOrganization`. Out: `KeyRow`, by id.
    pub(crate) by_organization: &'static str,
    /// In: `InOrganization`. Out: the number of those that are not revoked.
    pub(crate) count: &'static str,
    /// In: `ById<KeyId>`. Out: `KeyRow`.
    pub(crate) by_id: &'static str,
    /// In: `KeyRevocation`. Keeps the time of the first revocation. Out: `KeyRow`.
    pub(crate) revoke: &'static str,
    /// In: `KeyRevocation`. Those that the key asked for and that are not revoked. Out: `KeyRow`.
    pub(crate) revoke_created_by: &'static str,
    /// In: `SourceKeysRevocation`. Those of the source that are not revoked. Out: `KeyRow`.
    pub(crate) revoke_of_source: &'static str,
    /// In: `WithGeneration<KeyRow>`. Changes what can be configured of one that is not revoked.
    pub(crate) update: &'static str,
    /// In: `InAnySource`. Out: how many tokens of the source are not revoked.
    pub(crate) count_tokens: &'static str,
    /// In: `KeyExpiry`. Keeps an earlier end, and leaves one that is revoked alone. Out: `KeyRow`.
    pub(crate) retire: &'static str,
    /// In: `ChangedSince`. Out: `(i64, KeyId, KeyRow)`, by generation and id.
    pub(crate) since: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct TagSql {
    /// In: `TagRow`. Gives it the organization's next number.
    pub(crate) insert: &'static str,
    /// In: `TagRow`. Out: [`crate::Tag`].
    pub(crate) named: &'static str,
    /// In: `ScopedId<i64>`. Out: [`crate::Tag`].
    pub(crate) by_id: &'static str,
    /// In: `AfterId<i64>`. Out: [`crate::Tag`], by number.
    pub(crate) by_organization: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct SubmissionSql {
    /// In: `SubmissionRow`, sorted. Out: `(OrganizationId, SubmissionId)` of those that were not there.
    pub(crate) insert: &'static str,
    /// In: `OutcomeRow`.
    pub(crate) decide: &'static str,
    /// As `decide`, with the next revision of each.
    pub(crate) decide_again: &'static str,
    /// In: `ScopedId`. Out: [`crate::submissions::StoredSubmission`].
    pub(crate) read: &'static str,
    /// In: `AfterId`. Out: [`crate::SubmissionSummary`], by id.
    pub(crate) page: &'static str,
    /// In: `InSource`. Out: [`crate::submissions::StoredSubmission`], newest first.
    pub(crate) recent: &'static str,
    /// In: `ScopedId<LeadId>`. Out: [`crate::rebuild::Contributor`], those whose current outcome is that they
    /// made or changed the lead, without those that were erased on request.
    pub(crate) of_leads: &'static str,
    /// The same. Out: `(LeadId, SubmissionId)`.
    pub(crate) contributors: &'static str,
    /// In: `ScopedId`. Out: [`crate::SubmissionOrLead`].
    pub(crate) find: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct ClaimSql {
    /// In: `Claim`, sorted. Takes those that are free and locks those that are not.
    pub(crate) lock: &'static str,
    /// In: `ClaimKey`. Out: `Claim`.
    pub(crate) read: &'static str,
    /// In: `Claim`. Changes claims that are there.
    pub(crate) write: &'static str,
    /// In: `ClaimKey`.
    pub(crate) release: &'static str,
    /// In: `ScopedId<LeadId>`. Out: `ClaimKey`, the identity keys that only public submissions tied to these
    /// leads, locked in the order of keys. `None` where there is one writer at a time anyway.
    pub(crate) lock_public: Option<&'static str>,
    /// In: `ScopedId<LeadId>`. The same keys.
    pub(crate) release_public: &'static str,
    /// In: `IdempotencyPurge`. Deletes the oldest idempotency keys.
    pub(crate) purge: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct LeadSql {
    /// In: `AdvisoryLock`, sorted. Each shared or alone, until the transaction ends. `None` where there is one writer
    /// at a time anyway.
    pub(crate) hold: Option<&'static str>,
    /// In: `AdvisoryLock`. Out: names of the running transactions that hold one of the locks shared. `None` as for
    /// `hold`.
    pub(crate) sharing: Option<&'static str>,
    /// In: `ScopedId`, sorted. Out: `Lead`, locked in that order.
    pub(crate) lock: &'static str,
    /// In: `LeadsWithListedValue`. Out: `Lead`, those that have the value, locked in the order of ids.
    pub(crate) lock_listed: &'static str,
    /// As `lock_listed`, without the leads that another transaction has locked: it never waits.
    pub(crate) lock_listed_free: &'static str,
    /// In: `LeadsWithListedValue`. Out: `(SuppressionKind, String)`: those values that more than a hundred leads have.
    pub(crate) crowded: &'static str,
    /// In: `LeadsWithValue`. Out: `LeadId`, those with the phone or the email, in order.
    pub(crate) with_phone: &'static str,
    pub(crate) with_email: &'static str,
    /// In: `LeadsAtDomain`. Out: `(String, LeadId)`: the reversed email and the lead, in that order.
    pub(crate) at_domain: &'static str,
    /// In: `AfterId`. Out: `LeadContact`, by id.
    pub(crate) contacts: &'static str,
    /// In: `LeadRow`.
    pub(crate) insert: &'static str,
    /// In: `LeadRow`.
    pub(crate) update: &'static str,
    /// In: `ScopedId`. Out: `Lead`.
    pub(crate) read: &'static str,
    /// In: `PageBeforeLead`. Out: `Lead`, newest first.
    pub(crate) page: &'static str,
    pub(crate) page_of_source: &'static str,
    /// In: `PageAtOffset`. Out: `Lead`, newest first.
    pub(crate) page_at: &'static str,
    pub(crate) page_at_of_source: &'static str,
    /// In: `InAnySource`. Out: how many.
    pub(crate) count: &'static str,
    pub(crate) count_of_source: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct QuarantineSql {
    /// In: `QuarantineRow`.
    pub(crate) insert: &'static str,
    /// As `insert`, for those whose id is stored with another body, and that are not there yet. Where
    /// anything under the id was erased, its body is unknown: all are treated as redeliveries. Out: the ids
    /// of the entries.
    pub(crate) insert_reused: &'static str,
    /// In: `ReleaseRow`, sorted. Locks and releases those that are open and were not released before by this
    /// release or a later one. Out: `(OrganizationId, SubmissionId, bool)`: whether the submission came under
    /// the id of another, so that only the entry holds it.
    pub(crate) release: &'static str,
    /// In: `QuarantineRow`. Opens released entries again.
    pub(crate) reopen: &'static str,
    /// In: `BeforeQuarantineEntry`. Out: [`crate::quarantine_entries::QuarantineEntryRow`], newest first.
    pub(crate) page: &'static str,
    /// As `page`, in one state.
    pub(crate) page_in_state: &'static str,
    /// In: `ScopedId`. Out: [`crate::quarantine_entries::QuarantinedSubmission`].
    pub(crate) entry: &'static str,
    /// In: `DiscardUpdate`. Changes an open one.
    pub(crate) discard: &'static str,
    /// In: `RepairUpdate`. Changes an open one.
    pub(crate) repair: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct SuppressionSql {
    /// In: `SuppressionKey`. Out: `Suppression`, ended ones too.
    pub(crate) find: &'static str,
    /// In: `SuppressionKey`. Out: those of which stored leads have yet to learn.
    pub(crate) among_pending: &'static str,
    /// In: `QuarantineEntryRow`. In place of what is there.
    pub(crate) write: &'static str,
    /// In: `PageAfterSuppression`. Out: `Suppression`, those that hold, by kind, key and list.
    pub(crate) page: &'static str,
    /// As `page`, those of which stored leads have yet to learn. Out: `PendingEntryRow`.
    pub(crate) pending: &'static str,
    /// As `pending`, those that name one phone or one email.
    pub(crate) pending_contacts: &'static str,
    /// In: `SettledRow`. Marks entries as applied to stored leads, unless they were changed since. Only what
    /// had expired when it was marked is over: an entry that expired later may still have applied to a commit
    /// that is not visible yet.
    pub(crate) settle: &'static str,
    /// In: `ExpiredEntries`. Marks a number of expired entries of an organization as pending, so that their
    /// end is applied to stored leads.
    pub(crate) lapse: &'static str,
    /// In: `DatabaseTime`. Out: the organizations with entries to mark.
    pub(crate) lapsing: &'static str,
    /// In: `DatabaseTime`. Out: the organizations with entries that were pending then.
    pub(crate) overdue: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct SweepSql {
    /// In: `Lease`. Out: the name, if it was free.
    pub(crate) lease: &'static str,
    /// In: `Lease`. Only of one that was not taken by another since.
    pub(crate) end: &'static str,
    /// In: `ByLeaseName`. Out: `Uuid`.
    pub(crate) position: &'static str,
    /// In: `SweepPosition`. Of a sweep that was leased before.
    pub(crate) set_position: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct CrashAttemptSql {
    /// In: `CrashAttemptRow`. Out: the attempts so far.
    pub(crate) count: &'static str,
    /// In: `ById<SubmissionId>`.
    pub(crate) delete: &'static str,
    /// In: `CrashAttemptsUntil`.
    pub(crate) purge: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct ConsentSql {
    /// In: `ConsentEvidence`. Keeps what is there. Out: `(OrganizationId, SubmissionId)` of those that were
    /// not.
    pub(crate) insert: &'static str,
    /// In: `PersonRow`.
    pub(crate) insert_people: &'static str,
    /// In: `PageAfterConsent`. Out: `ConsentEvidence`, by time of receipt.
    pub(crate) page: &'static str,
    /// As `page`, of one lead.
    pub(crate) page_of_lead: &'static str,
    /// In: `PageAfterConsent`. Out: `ConsentEvidence`.
    pub(crate) of_submission: &'static str,
    /// In: `ScopedId<SubmissionId>`.
    pub(crate) forget_people: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct ErasureSql {
    /// In: `LeadsWithListedValue`. Out: `LeadContact`, the leads that have the value.
    pub(crate) contacts: &'static str,
    /// In: `ScopedId<LeadId>`. Out: the submissions that made or met them.
    pub(crate) submissions_of: &'static str,
    /// In: `UuidRangePage`. Out: `QuarantineContent`, by id: entries of the quarantine that are not erased. Of released ones
    /// only what no submission holds.
    pub(crate) entries: &'static str,
    /// In: `ScopedId<SubmissionId>`. Out: `StoredSubmission`, those that are not erased.
    pub(crate) contents: &'static str,
    /// In: `ScopedId<SubmissionId>`. Out: `RedactionTarget`, those that are not erased.
    pub(crate) targets: &'static str,
    /// In: `Redaction`. Leaves what is erased alone.
    pub(crate) empty: &'static str,
    /// In: `ScopedId<LeadId>`. Out: `TraceRedaction`, the traces of submissions that created or matched these
    /// leads.
    pub(crate) traces: &'static str,
    /// In: `TraceRedaction`.
    pub(crate) update_traces: &'static str,
    /// In: `Redaction`. Entries of the quarantine, by id; open ones are discarded.
    pub(crate) empty_entries: &'static str,
    /// In: `ErasureRequestRow`. Idempotency keys that these submissions used first.
    pub(crate) forget_requests: &'static str,
    /// In: `ScopedId<LeadId>`.
    pub(crate) forget_people_of: &'static str,
    /// In: `ReleasedClaims`. Claims that these submissions took for these leads.
    pub(crate) release_taken: &'static str,
    /// In: `ScopedId<LeadId>`.
    pub(crate) release_claims_of: &'static str,
    /// In: `ScopedId<LeadId>`.
    pub(crate) delete_leads: &'static str,
    /// In: `SuppressionKey`. Leaves nothing of entries but their keys, lists and times.
    pub(crate) blank: &'static str,
    /// In: `RebuildRow`. Keeps what is there.
    pub(crate) to_rebuild: &'static str,
    /// In: `InOrganization`. Out: `(LeadId, bool)`: whether it is made of anything else than what was erased on request.
    pub(crate) rebuilding: &'static str,
    /// In: `ScopedId<LeadId>`.
    pub(crate) rebuilt: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct RetentionSql {
    /// In: `RetentionRow`.
    pub(crate) set: &'static str,
    /// In: `InOrganization`. Out: `RetentionRow`.
    pub(crate) by_organization: &'static str,
    /// Out: `RetentionRow`.
    pub(crate) all: &'static str,
    /// In: `SweepProgress`.
    pub(crate) progress: &'static str,
    /// In: `LeadSweepProgress`.
    pub(crate) leads_progress: &'static str,
    /// In: `UuidRangePage`. Out: `(SubmissionId, bool)`: whether it is erased.
    pub(crate) submissions: &'static str,
    /// In: `UuidRangePage`. Out: `(LeadId, Timestamp)`: when it was updated.
    pub(crate) leads: &'static str,
    /// In: `ScopedId<LeadId>`. Out: some of the submissions that made or met these leads and are not erased,
    /// perhaps one twice; none once all are.
    pub(crate) submissions_of: &'static str,
    /// In: `UuidRangePage`. Out: `OldEntry`, not erased, and not released: those go with their submissions.
    pub(crate) entries: &'static str,
    /// In: `UuidRangePage`. Deletes entries of the audit log, the oldest first.
    pub(crate) audit: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct ScoringSql {
    /// In: `NewScoringRow`. Out: the next version of an organization that is there.
    pub(crate) add: &'static str,
    /// In: `ScoringActivation`. Puts a version that is there in force, or none.
    pub(crate) activate: &'static str,
    /// In: `OutdatedScorings`.
    pub(crate) delete: &'static str,
    /// In: `InOrganization`. Out: `ScoringRow`, by version.
    pub(crate) by_organization: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct ReportSql {
    /// In: `ReceivedRange`. Out: `IntakeCountRow`, how many there are of each kind.
    pub(crate) intake: &'static str,
    /// As `intake`, of one source.
    pub(crate) intake_of_source: &'static str,
    /// In: `InSource`. Out: [`crate::RecentLeads`].
    pub(crate) recent_leads: &'static str,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct AuditSql {
    /// In: `AuditEntry`. Keeps what is there.
    pub(crate) insert: &'static str,
    /// In: `AuditPage`. Out: [`crate::AuditRecord`], newest first.
    pub(crate) page: &'static str,
    /// As `page`, of one actor, and of one action if it is named.
    pub(crate) page_of_actor: &'static str,
    /// As `page`, of one action.
    pub(crate) page_of_action: &'static str,
}

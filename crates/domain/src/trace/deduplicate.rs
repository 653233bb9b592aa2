use serde::{Deserialize, Serialize};

use super::extensible::{Extensible, MaybeKnown, StageRecord, TraceItem, erased_items};
use super::sentences::{date, remark_suffix};
use crate::{ClaimKind, Correction, DuplicatePolicy, IdentityRule, LeadId, Timestamp};

/// Which lead a submission matched, and by which identity key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeduplicateTrace {
    /// The rule and the policy are `None` if an idempotency key decided.
    pub rule: Option<MaybeKnown<IdentityRule>>,
    pub policy: Option<MaybeKnown<DuplicatePolicy>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<TraceItem<KeyMatch>>,
    /// The submission has a secret credential and matched a lead that only public submissions created. It
    /// updates the lead under every policy.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub updates_public_lead: bool,
    /// The operator who corrects the lead, and the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<TraceItem<Correction>>,
    /// Keys that belong to other leads than the matched one.
    #[serde(rename = "identity_conflict", skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<TraceItem<KeyMatch>>,
    /// Keys whose claims have expired: they were last seen before their window.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<MaybeKnown<ClaimKind>>,
    /// Only the Gmail mailbox matched, so the submission does not change the phone, the email or the consent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub matched_by_mailbox_only: bool,
}

/// An identity key of the submission that belongs to a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMatch {
    pub by: ClaimKind,
    pub lead: LeadId,
    pub last_seen: Timestamp,
}

impl StageRecord for DeduplicateTrace {
    fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![self.match_sentence()];
        if self.updates_public_lead {
            sentences.push(
                "The lead was created by public submissions only, so this submission with a secret credential updated it."
                    .to_owned(),
            );
        }
        if self.matched_by_mailbox_only {
            sentences.push(
                "Only the Gmail mailbox matches, so the lead keeps its phone, email and consent.".to_owned(),
            );
        }
        sentences.extend(self.conflicts.iter().map(conflict_sentence));
        for kind in &self.expired {
            let by = kind.known().map_or_else(|| kind.words(), |kind| key_name(*kind).to_owned());
            sentences
                .push(format!("Its {by} was used before, but longer ago than the window of the source."));
        }
        sentences
    }

    fn erased(self) -> Option<Self> {
        Some(Self {
            rule: self.rule.and_then(MaybeKnown::erased),
            policy: self.policy.and_then(MaybeKnown::erased),
            matched: self.matched.and_then(TraceItem::erased_item),
            conflicts: erased_items(self.conflicts),
            expired: self.expired.into_iter().filter_map(MaybeKnown::erased).collect(),
            ..Self::default()
        })
    }
}

impl DeduplicateTrace {
    fn match_sentence(&self) -> String {
        match (&self.correction, &self.matched, &self.rule) {
            (Some(correction), _, _) => correction_sentence(correction),
            (None, Some(matched), _) => self.matched(matched),
            // Without rule and match, the idempotency key was used before with a different body.
            (None, None, None) => "Its idempotency key was used before with a different body.".to_owned(),
            (None, None, Some(rule)) => {
                let by = match rule {
                    MaybeKnown::Known(IdentityRule::AnyOf) => "any identity key of its source".to_owned(),
                    MaybeKnown::Known(IdentityRule::FirstOf) => {
                        "the first identity key of its source that was sent".to_owned()
                    }
                    unknown => unknown.words(),
                };
                format!("No lead matches by {by}.")
            }
        }
    }

    fn matched(&self, matched: &TraceItem<KeyMatch>) -> String {
        let MaybeKnown::Known(matched) = matched else {
            return format!("It matches a lead: {}.", matched.words());
        };
        let (lead, by, seen, remark) = (
            matched.known.lead,
            key_name(matched.known.by),
            last_seen_suffix(matched),
            remark_suffix(&matched.other),
        );
        // The policy does not apply to a lead that only public submissions created.
        let then = match self.policy.as_ref().filter(|_| !self.updates_public_lead) {
            None => String::new(),
            Some(MaybeKnown::Known(policy)) => format!(". Policy {policy}: {}", effect(*policy)),
            Some(unknown) => format!(". Policy {}", unknown.words()),
        };
        format!("It matches the lead {lead} by its {by}{seen}{then}{remark}.")
    }
}

fn effect(policy: DuplicatePolicy) -> &'static str {
    match policy {
        DuplicatePolicy::ReturnExisting => "the lead did not change",
        DuplicatePolicy::Update => "the lead was updated with the submitted values",
        DuplicatePolicy::Link => "it was linked to the lead, which did not change",
        DuplicatePolicy::Create => "it created a separate lead",
    }
}

fn correction_sentence(correction: &TraceItem<Correction>) -> String {
    match correction.record() {
        Some(Correction { lead, by, reason }) => {
            format!("It corrects the lead {lead}. Corrected by: {by}. Reason: {reason}.")
        }
        None => format!("It corrects a lead: {}.", correction.words()),
    }
}

fn conflict_sentence(other: &TraceItem<KeyMatch>) -> String {
    let MaybeKnown::Known(other) = other else { return other.words() };
    let (lead, by, seen, remark) =
        (other.known.lead, key_name(other.known.by), last_seen_suffix(other), remark_suffix(&other.other));
    format!(
        "Its {by} belongs to another lead, {lead}{seen}. The keys conflict, and the first matching key \
         decided{remark}."
    )
}

fn last_seen_suffix(matched: &Extensible<KeyMatch>) -> String {
    format!(" (last seen on {})", date(matched.known.last_seen))
}

/// The name of an identity key in a sentence.
fn key_name(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::ExternalId => "external id",
        ClaimKind::LineId => "line id",
        ClaimKind::Idempotency => "idempotency key",
        ClaimKind::GmailMailbox => "Gmail mailbox",
        ClaimKind::Phone | ClaimKind::Email => kind.as_str(),
    }
}

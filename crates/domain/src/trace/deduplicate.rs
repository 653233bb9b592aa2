use serde::{Deserialize, Serialize};

use super::extensible::{Extensible, MaybeKnown, StageRecord, TraceItem, erased_items};
use super::sentences::{date, remark_suffix};
use crate::{ClaimKind, Correction, DuplicatePolicy, IdentityRule, LeadId, Timestamp};

/// How a submission was recognized.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeduplicateTrace {
    /// Neither a rule nor a policy applied where an idempotency key decided.
    pub rule: Option<MaybeKnown<IdentityRule>>,
    pub policy: Option<MaybeKnown<DuplicatePolicy>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<TraceItem<KeyMatch>>,
    /// A secret submission met a lead that only public ones had made, and updates it, whatever the policy is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub over_public: bool,
    /// Who corrects the lead, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<TraceItem<Correction>>,
    /// Keys that point at other leads than the one that decided.
    #[serde(rename = "identity_conflict", skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<TraceItem<KeyMatch>>,
    /// Keys that were held once, but not seen within their window.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<MaybeKnown<ClaimKind>>,
    /// It was recognized by the mailbox of its address at Gmail alone, so that it changes neither phone, email nor consent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_mailbox_alone: bool,
}

/// A key of a submission that a lead holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMatch {
    pub by: ClaimKind,
    pub lead: LeadId,
    pub last_seen: Timestamp,
}

impl StageRecord for DeduplicateTrace {
    fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![self.recognized()];
        if self.over_public {
            sentences.push(
                "The lead was created by public submissions only, so this submission with a secret credential updated it."
                    .to_owned(),
            );
        }
        if self.by_mailbox_alone {
            sentences.push(
                "Only the mailbox at Gmail is the same, so the lead kept its phone, email and consent."
                    .to_owned(),
            );
        }
        sentences.extend(self.conflicts.iter().map(conflict));
        for kind in &self.expired {
            let by = kind.known().map_or_else(|| kind.words(), |kind| key(*kind).to_owned());
            sentences.push(format!("Its {by} was known, but not seen for longer than the source's window."));
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
    fn recognized(&self) -> String {
        match (&self.correction, &self.matched, &self.rule) {
            (Some(correction), _, _) => corrected(correction),
            (None, Some(matched), _) => self.matched(matched),
            // The part has neither rule nor match if the idempotency key was used with another body.
            (None, None, None) => "Its idempotency key was used before, with another body.".to_owned(),
            (None, None, Some(rule)) => {
                let by = match rule {
                    MaybeKnown::Known(IdentityRule::AnyOf) => "any key of its source".to_owned(),
                    MaybeKnown::Known(IdentityRule::FirstOf) => {
                        "the first key of its source that was sent".to_owned()
                    }
                    unknown => unknown.words(),
                };
                format!("It met no lead by {by}.")
            }
        }
    }

    fn matched(&self, matched: &TraceItem<KeyMatch>) -> String {
        let MaybeKnown::Known(matched) = matched else {
            return format!("It met a lead: {}.", matched.words());
        };
        let (lead, by, seen, remark) =
            (matched.known.lead, key(matched.known.by), seen(matched), remark_suffix(&matched.other));
        // The policy was not applied to a lead of public submissions.
        let then = match self.policy.as_ref().filter(|_| !self.over_public) {
            None => String::new(),
            Some(MaybeKnown::Known(policy)) => format!(". By the policy {policy} {}", effect(*policy)),
            Some(unknown) => format!("; policy {}", unknown.words()),
        };
        format!("It met the lead {lead} by its {by}{seen}{then}{remark}.")
    }
}

fn effect(policy: DuplicatePolicy) -> &'static str {
    match policy {
        DuplicatePolicy::ReturnExisting => "the lead stayed as it was",
        DuplicatePolicy::Update => "the lead took over what was said anew",
        DuplicatePolicy::Link => "it is listed under the lead, which stayed as it was",
        DuplicatePolicy::Create => "it made a lead of its own all the same",
    }
}

fn corrected(correction: &TraceItem<Correction>) -> String {
    match correction.record() {
        Some(Correction { lead, by, reason }) => {
            format!("It corrects the lead {lead}. Made by: {by}. Reason: {reason}.")
        }
        None => format!("It corrects a lead: {}.", correction.words()),
    }
}

fn conflict(other: &TraceItem<KeyMatch>) -> String {
    let MaybeKnown::Known(other) = other else { return other.words() };
    let (lead, by, seen, remark) =
        (other.known.lead, key(other.known.by), seen(other), remark_suffix(&other.other));
    format!(
        "Its {by} points at another lead, {lead}{seen}: the keys disagree, and the first of them decided{remark}."
    )
}

fn seen(matched: &Extensible<KeyMatch>) -> String {
    format!(" (last seen on {})", date(matched.known.last_seen))
}

/// The name of an identity key, for people.
fn key(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::ExternalId => "external id",
        ClaimKind::LineId => "line id",
        ClaimKind::Idempotency => "idempotency key",
        ClaimKind::GmailMailbox => "mailbox at Gmail",
        ClaimKind::Phone | ClaimKind::Email => kind.as_str(),
    }
}

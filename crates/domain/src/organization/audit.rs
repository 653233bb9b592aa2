//! The audit log: who read or changed what.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{KeyId, OrganizationId, Timestamp};

/// Who made an action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A client with an API key or a URL token.
    Key(KeyId),
    /// A user at the command line, with the user name of the operating system if it is known.
    CommandLine { user: Option<String> },
    /// The program itself, for example at the first start.
    Leadgate,
}

/// Maximum length of a user name in characters. Longer names are truncated.
const MAX_USER_LENGTH: usize = 64;

const COMMAND_LINE: &str = "command line";

impl Actor {
    pub fn at_command_line(user: Option<&str>) -> Self {
        let printable = |name: &str| name.chars().filter(|c| !c.is_control()).take(MAX_USER_LENGTH).collect();
        Self::CommandLine { user: user.map(printable).filter(|name: &String| !name.is_empty()) }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(formatter, "key {id}"),
            Self::CommandLine { user: Some(user) } => write!(formatter, "{COMMAND_LINE} ({user})"),
            Self::CommandLine { user: None } => formatter.write_str(COMMAND_LINE),
            Self::Leadgate => formatter.write_str("leadgate"),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An audited action. The codes are part of the API and the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray, strum::VariantNames)]
#[strum(parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum AuditAction {
    #[strum(serialize = "lead.read")]
    LeadRead,
    #[strum(serialize = "leads.listed")]
    LeadsListed,
    /// Written before the first lead leaves.
    #[strum(serialize = "leads.exported")]
    LeadsExported,
    #[strum(serialize = "lead.updated")]
    LeadUpdated,
    #[strum(serialize = "lead.deleted")]
    LeadDeleted,
    #[strum(serialize = "lead.status_set")]
    LeadStatusSet,
    #[strum(serialize = "contacts.listed")]
    ContactsListed,
    #[strum(serialize = "submission.read")]
    SubmissionRead,
    /// Leads were validated without being stored. The result discloses which persons are known.
    #[strum(serialize = "validate")]
    Validate,
    #[strum(serialize = "report.read")]
    ReportRead,
    #[strum(serialize = "consent.exported")]
    ConsentExported,
    #[strum(serialize = "audit.listed")]
    AuditListed,
    #[strum(serialize = "quarantine.listed")]
    QuarantineListed,
    #[strum(serialize = "quarantine.read")]
    QuarantineRead,
    /// A release was requested. The history of the submission contains its outcome.
    #[strum(serialize = "quarantine.released")]
    QuarantineReleased,
    #[strum(serialize = "quarantine.discarded")]
    QuarantineDiscarded,
    /// The body of a quarantined submission was replaced.
    #[strum(serialize = "quarantine.repaired")]
    QuarantineRepaired,
    /// Stored leads were rebuilt.
    #[strum(serialize = "leads.reprocessed")]
    LeadsReprocessed,
    #[strum(serialize = "scoring.set")]
    ScoringSet,
    #[strum(serialize = "retention.set")]
    RetentionSet,
    #[strum(serialize = "organization.read")]
    OrganizationRead,
    #[strum(serialize = "organization.created")]
    OrganizationCreated,
    #[strum(serialize = "organization.renamed")]
    OrganizationRenamed,
    #[strum(serialize = "organization.disabled")]
    OrganizationDisabled,
    #[strum(serialize = "organization.enabled")]
    OrganizationEnabled,
    #[strum(serialize = "sources.listed")]
    SourcesListed,
    #[strum(serialize = "source.read")]
    SourceRead,
    #[strum(serialize = "source.created")]
    SourceCreated,
    #[strum(serialize = "source.updated")]
    SourceUpdated,
    #[strum(serialize = "source.disabled")]
    SourceDisabled,
    #[strum(serialize = "source.enabled")]
    SourceEnabled,
    #[strum(serialize = "source.deleted")]
    SourceDeleted,
    /// The signing secret of the source was printed.
    #[strum(serialize = "source.secret_shown")]
    SourceSecretShown,
    #[strum(serialize = "endpoints.listed")]
    EndpointsListed,
    #[strum(serialize = "endpoint.read")]
    EndpointRead,
    #[strum(serialize = "endpoint.created")]
    EndpointCreated,
    #[strum(serialize = "endpoint.updated")]
    EndpointUpdated,
    #[strum(serialize = "endpoint.secret_rotated")]
    EndpointSecretRotated,
    #[strum(serialize = "endpoint.previewed")]
    EndpointPreviewed,
    /// A test event was sent.
    #[strum(serialize = "endpoint.tested")]
    EndpointTested,
    #[strum(serialize = "endpoint.enabled")]
    EndpointEnabled,
    #[strum(serialize = "endpoint.disabled")]
    EndpointDisabled,
    #[strum(serialize = "endpoint.deleted")]
    EndpointDeleted,
    #[strum(serialize = "deliveries.listed")]
    DeliveriesListed,
    #[strum(serialize = "deliveries.exported")]
    DeliveriesExported,
    #[strum(serialize = "events.exported")]
    EventsExported,
    #[strum(serialize = "deliveries.replayed")]
    DeliveriesReplayed,
    #[strum(serialize = "keys.listed")]
    KeysListed,
    #[strum(serialize = "key.created")]
    KeyCreated,
    #[strum(serialize = "key.updated")]
    KeyUpdated,
    #[strum(serialize = "key.rotated")]
    KeyRotated,
    #[strum(serialize = "key.revoked")]
    KeyRevoked,
    #[strum(serialize = "mappings.listed")]
    MappingsListed,
    /// The latest bodies of the source were shown.
    #[strum(serialize = "mapping.previewed")]
    MappingPreviewed,
    #[strum(serialize = "mapping.suggested")]
    MappingSuggested,
    #[strum(serialize = "mapping.set")]
    MappingSet,
    /// Another version became active, or the mapping was deactivated.
    #[strum(serialize = "mapping.activated")]
    MappingActivated,
    #[strum(serialize = "tags.listed")]
    TagsListed,
    #[strum(serialize = "tag.created")]
    TagCreated,
    #[strum(serialize = "suppression.listed")]
    SuppressionsListed,
    #[strum(serialize = "suppression.added")]
    SuppressionAdded,
    #[strum(serialize = "suppression.removed")]
    SuppressionRemoved,
    #[strum(serialize = "erase")]
    Erase,
}

impl AuditAction {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Serialize for AuditAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Additional information: counts, ids, names of settings. It must not contain values of leads or secrets.
pub type AuditDetail = Map<String, Value>;

/// One entry of the audit log. Entries are immutable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    pub organization: OrganizationId,
    /// The id, ordered by time. Writing an entry with the same id again changes nothing.
    pub id: Uuid,
    pub at: Timestamp,
    pub actor: Actor,
    pub action: AuditAction,
    /// The id of the record that was read or changed; `None` for lists and for the organization itself.
    pub target: Option<String>,
    pub detail: AuditDetail,
}

impl AuditEntry {
    /// An entry with the current time.
    pub fn now(organization: OrganizationId, actor: Actor, action: AuditAction) -> Self {
        // The id is created after `at`, so its time is not earlier: a query by time finds the entry by its
        // id.
        let at = Timestamp::now();
        let id = Uuid::now_v7();
        Self { organization, id, at, actor, action, target: None, detail: AuditDetail::new() }
    }

    pub fn with_target(self, target: impl fmt::Display) -> Self {
        Self { target: Some(target.to_string()), ..self }
    }

    /// Adds a detail.
    pub fn with_detail(mut self, name: &str, value: impl Serialize) -> Self {
        self.detail.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_exactly_the_known_actions() {
        let page = include_str!("../../../../docs/audit.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut listed: Vec<_> = rows.map(|(code, _)| code).collect();
        let mut known: Vec<_> = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
        assert!(
            known.iter().all(|code| code.parse::<AuditAction>().is_ok_and(|action| action.as_str() == *code))
        );
        assert!("lead.eaten".parse::<AuditAction>().is_err());
    }

    #[test]
    fn every_actor_has_a_distinct_text() {
        let key = Actor::Key(KeyId::parse("abcdefghij").unwrap());
        let actors = [
            (key, "key abcdefghij"),
            (Actor::at_command_line(Some("ann")), "command line (ann)"),
            (Actor::at_command_line(Some("\u{0}\n")), "command line"),
            (Actor::at_command_line(None), "command line"),
            (Actor::Leadgate, "leadgate"),
        ];
        for (actor, text) in actors {
            assert_eq!(actor.to_string(), text);
        }
        let long = Actor::at_command_line(Some(&"x".repeat(1_000)));
        assert_eq!(long.to_string().chars().count(), "command line ()".len() + MAX_USER_LENGTH);
    }
}

//! Endpoints: where an organization wants its events sent.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::health::EndpointHealth;
use crate::scoring::Condition;
use crate::{
    Eligibility, EndpointId, EventType, Lead, OrganizationId, Rate, RequestTemplate, RetrySchedule, SourceId,
    Temperature, Timestamp,
};

const MAX_NAME_LENGTH: usize = 255;
const MAX_NOTE_LENGTH: usize = 1_000;
const MAX_URL_LENGTH: usize = 2_000;
const MAX_CONCURRENCY: u16 = 100;

/// Where an organization wants events sent, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub organization: OrganizationId,
    /// Grows with each change of the settings or secrets.
    pub revision: i32,
    pub settings: EndpointSettings,
    pub health: EndpointHealth,
    pub created_at: Timestamp,
    /// From this time it gets nothing and is not listed.
    pub deleted_at: Option<Timestamp>,
}

impl Endpoint {
    /// A new endpoint of this organization.
    pub fn new(organization: OrganizationId, settings: EndpointSettings, now: Timestamp) -> Self {
        Self {
            id: EndpointId::generate(),
            organization,
            revision: 1,
            settings,
            health: EndpointHealth::new(now),
            created_at: now,
            deleted_at: None,
        }
    }
}

/// What operators set for an endpoint. As JSON; what is missing has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSettings {
    /// For people.
    #[serde(default)]
    pub name: String,
    pub url: WebUrl,
    /// The types of events that it gets.
    pub events: BTreeSet<EventType>,
    #[serde(default)]
    pub form: PayloadForm,
    #[serde(default)]
    pub filter: EndpointFilter,
    /// The maximum rate of attempts. `None`: no limit.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// The maximum number of concurrent attempts.
    #[serde(default = "default_concurrency")]
    pub concurrency: u16,
    #[serde(default)]
    pub retry: RetrySchedule,
    /// A comment for people.
    #[serde(default)]
    pub note: Option<String>,
}

fn default_concurrency() -> u16 {
    10
}

impl EndpointSettings {
    /// Whether the endpoint wants an event of this type. `source` is that of the lead or the submission.
    /// The filter for values of a lead applies only to events that contain the lead.
    pub fn wants(&self, kind: EventType, source: Option<SourceId>, lead: Option<&Lead>) -> bool {
        let Self { events, filter, .. } = self;
        events.contains(&kind)
            && (filter.sources.is_empty() || source.is_none_or(|source| filter.sources.contains(&source)))
            && lead.is_none_or(|lead| filter.selects(lead))
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// A sentence that names what was expected.
    pub fn check(&self) -> Result<(), String> {
        let is_long = |text: &str, most: usize| text.chars().count() > most || text.contains('\0');
        if is_long(&self.name, MAX_NAME_LENGTH) {
            return Err(format!("a name has at most {MAX_NAME_LENGTH} characters"));
        }
        if self.note.as_deref().is_some_and(|note| is_long(note, MAX_NOTE_LENGTH)) {
            return Err(format!("a note has at most {MAX_NOTE_LENGTH} characters"));
        }
        if self.events.is_empty() {
            return Err("expected at least one type of events, such as lead.created".to_owned());
        }
        if !(1..=MAX_CONCURRENCY).contains(&self.concurrency) {
            return Err(format!("a concurrency is from 1 to {MAX_CONCURRENCY}"));
        }
        let wants_only = |kind| self.events.len() == 1 && self.events.contains(&kind);
        if wants_only(EventType::LeadHeld) && self.filter.eligibility == Some(Eligibility::Eligible) {
            return Err(
                "an endpoint for lead.held gets nothing if its filter selects eligible leads".to_owned()
            );
        }
        if let PayloadForm::Template(template) = &self.form {
            template.check().map_err(|error| format!("`form`: {error}"))?;
        }
        if self.filter.min_score.is_some_and(|score| score > 100) {
            return Err("a score is from 0 to 100".to_owned());
        }
        Ok(())
    }
}

/// The form in which an endpoint gets its events.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[derive(strum::IntoStaticStr, strum::Display, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = crate::unknown_code::<Self>)]
pub enum PayloadForm {
    /// `type`, `timestamp` and `data`, signed (<https://www.standardwebhooks.com>).
    #[default]
    Standard,
    /// One flat object, for receivers such as Zapier. Signed like `standard`.
    Flat,
    /// As ABC Sales AI sends it.
    AbcSales,
    /// As KickoffLabs sends it. Signed like `standard`.
    #[strum(serialize = "kickofflabs")]
    #[serde(rename = "kickofflabs")]
    KickoffLabs,
    /// As an operator designed it. Signed like `standard`.
    Template(Box<RequestTemplate>),
}

impl PayloadForm {
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}

/// Which leads an endpoint wants. What is not set selects all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<Eligibility>,
    /// Leads of one of these sources.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub sources: BTreeSet<SourceId>,
    /// Leads with one of these tags.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<u8>,
    /// A condition in the language of scoring rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl EndpointFilter {
    fn selects(&self, lead: &Lead) -> bool {
        let has_tag = |tag: &String| lead.tags.contains(tag) || lead.derived_tags.contains(tag);
        self.eligibility.is_none_or(|eligibility| eligibility == lead.eligibility)
            && (self.tags.is_empty() || self.tags.iter().any(has_tag))
            && self.temperature.is_none_or(|temperature| temperature == lead.temperature)
            && self.min_score.is_none_or(|score| lead.score >= score)
            && self.when.as_ref().is_none_or(|condition| condition.is_met_by(lead))
    }
}

/// An absolute URL with the scheme `http` or `https`, a host, and neither user name nor password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebUrl(url::Url);

impl WebUrl {
    pub fn as_url(&self) -> &url::Url {
        &self.0
    }
}

impl FromStr for WebUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a URL such as https://crm.example/leads";
        if text.len() > MAX_URL_LENGTH {
            return Err(format!("a URL has at most {MAX_URL_LENGTH} bytes"));
        }
        let url = url::Url::parse(text.trim()).map_err(|error| format!("{error}; {expected}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme {} is not supported; {expected}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL contains no user name and no password; send them in a header".to_owned());
        }
        Ok(Self(url))
    }
}

impl TryFrom<String> for WebUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

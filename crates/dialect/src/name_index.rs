//! Maps member names to the slots of a lead. A dialect is mostly a table of such names.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use leadgate_domain::TextField;
use leadgate_domain::certificate::{JORNAYA, LEADID, TRUSTEDFORM, TRUSTEDFORM_PING, without_number_suffix};
pub(crate) use leadgate_domain::text::fold;

/// The lead field, or part of one, that a member name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    Phone,
    /// A region, such as `US`.
    PhoneCountry,
    /// A calling code, such as `+1`, or a region.
    CallingCode,
    Email,
    Text(TextField),
    Tags,
    Consent,
    ConsentPart(ConsentPart),
    /// The answer to a consent question. A "no" puts the lead on hold. A "yes" is not evidence of consent.
    ConsentAnswer,
    /// A certificate of consent. It is stored with the consent under its own name.
    Certificate,
    /// A possible certificate under an ambiguous name. It counts only if its value is valid.
    LikelyCertificate,
    Attribution,
    /// A part of the attribution. It is stored under the first of its names.
    AttributionPart,
    /// An object with campaign parameters (`utm_source` …). The prefix `utm_` may be missing.
    Campaign,
    CustomFields,
    Automations,
    UserAssignments,
    OptOut,
    IsTest,
    /// A flag: the lead must exist. It is updated, and none is created.
    MustExist,
    /// A credential, or an id that is also in the URL. It is not stored with the lead.
    Discarded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ConsentPart {
    Timestamp,
    TextVersion,
    SourceUrl,
}

/// Slots and their names. The first name is the preferred one.
pub(crate) type SlotNames = &'static [(Slot, &'static [&'static str])];

/// How a dialect reads names and values.
pub(crate) struct FieldRules {
    /// The names that the vendor documents. An invalid value under such a name is a fault.
    pub(crate) documented_names: SlotNames,
    /// Other accepted names. An invalid value under such a name is stored as a custom field.
    pub(crate) additional_names: &'static [SlotNames],
    /// Recognizes names that are not in a table.
    pub(crate) slot_by_pattern: fn(&str) -> Option<Slot>,
    /// Invalid values are never faults: every invalid value is stored as a custom field.
    pub(crate) stores_invalid_values: bool,
    /// In JSON, a flag must be a boolean and tags must be an array.
    pub(crate) requires_json_types: bool,
    /// Whether names of custom fields are converted to lower case.
    pub(crate) lowercases_custom_names: bool,
}

impl FieldRules {
    pub(crate) const fn new(documented_names: SlotNames, additional_names: &'static [SlotNames]) -> Self {
        Self {
            documented_names,
            additional_names,
            slot_by_pattern: |_| None,
            stores_invalid_values: false,
            requires_json_types: false,
            lowercases_custom_names: false,
        }
    }
}

/// The slot of a name, and how the name was recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotMatch {
    pub(crate) slot: Slot,
    /// The first name of the slot; `None` if a pattern matched.
    pub(crate) canonical: Option<&'static str>,
    /// Lower is better: exact names before similar ones, then the order of the table.
    pub(crate) rank: (bool, usize),
    /// Whether an invalid value is a fault.
    pub(crate) invalid_is_fault: bool,
}

/// The slots of a dialect, indexed by name. The maps have only the names of tables, so a fast hash is safe.
pub(crate) struct NameIndex {
    pub(crate) rules: FieldRules,
    exact: HashMap<&'static str, SlotMatch, RandomState>,
    similar: HashMap<String, SlotMatch, RandomState>,
}

impl NameIndex {
    pub(crate) fn new(rules: FieldRules) -> Self {
        let mut exact = HashMap::default();
        let mut similar = HashMap::default();
        let additional = rules.additional_names.iter().flat_map(|names| names.iter());
        let all = rules
            .documented_names
            .iter()
            .map(|entry| (true, entry))
            .chain(additional.map(|entry| (false, entry)));
        let names = all.flat_map(|(is_documented, (slot, names))| {
            names.iter().map(move |name| (is_documented, *slot, names, *name))
        });
        for (rank, (is_documented, slot, names, name)) in names.enumerate() {
            let canonical = names.first().copied();
            let invalid_is_fault = is_documented && !rules.stores_invalid_values;
            exact.entry(name).or_insert(SlotMatch { slot, canonical, rank: (false, rank), invalid_is_fault });
            let similar_match = SlotMatch { slot, canonical, rank: (true, rank), invalid_is_fault: false };
            if slot != Slot::LikelyCertificate {
                similar.entry(fold(name)).or_insert(similar_match);
            }
        }
        Self { rules, exact, similar }
    }

    /// Finds the slot of a name: by the exact name, by the dialect's pattern, or by the name without case,
    /// `_`, `-` and spaces, in this order.
    pub(crate) fn find(&self, name: &str) -> Option<SlotMatch> {
        if let Some(exact) = self.exact.get(name) {
            return Some(*exact);
        }
        // Labels of required fields: `Phone*`, `E-mail:`.
        let name = name.trim_end_matches(['*', ':', ' ']);
        let by_pattern =
            |slot| SlotMatch { slot, canonical: None, rank: (true, usize::MAX), invalid_is_fault: false };
        if let Some(slot) = (self.rules.slot_by_pattern)(name) {
            return Some(by_pattern(slot));
        }
        let has_utm_prefix = || name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("utm_"));
        // Pages with several forms number the hidden fields of the certificates.
        let numbered_certificate = || {
            self.similar
                .get(&fold(without_number_suffix(name)))
                .filter(|slot_match| slot_match.slot == Slot::Certificate)
        };
        let similar = self.similar.get(&fold(name)).or_else(numbered_certificate).copied();
        similar.or_else(|| has_utm_prefix().then(|| by_pattern(Slot::AttributionPart)))
    }
}

/// The names of the native dialect.
pub(crate) const NATIVE_NAMES: SlotNames = &[
    (Slot::Phone, &["phone"]),
    (Slot::PhoneCountry, &["phone_country"]),
    (Slot::Email, &["email"]),
    (Slot::Text(TextField::FullName), &["full_name"]),
    (Slot::Text(TextField::FirstName), &["first_name"]),
    (Slot::Text(TextField::LastName), &["last_name"]),
    (Slot::Text(TextField::Company), &["company"]),
    (Slot::Text(TextField::ExternalId), &["external_id"]),
    (Slot::Text(TextField::LineId), &["line_id"]),
    (Slot::Text(TextField::Source), &["source"]),
    (Slot::Text(TextField::State), &["state"]),
    (Slot::Text(TextField::Timezone), &["timezone"]),
    (Slot::Text(TextField::Locale), &["locale"]),
    (Slot::Text(TextField::Currency), &["currency"]),
    (Slot::Text(TextField::PageUrl), &["page_url"]),
    (Slot::Tags, &["tags"]),
    (Slot::Consent, &["consent"]),
    (Slot::Attribution, &["attribution"]),
    (Slot::CustomFields, &["custom_fields"]),
    (Slot::Automations, &["automations"]),
    (Slot::UserAssignments, &["user_assignments"]),
    (Slot::OptOut, &["opt_out"]),
    (Slot::IsTest, &["is_test"]),
];

pub(crate) static NATIVE_INDEX: LazyLock<NameIndex> = LazyLock::new(|| {
    NameIndex::new(FieldRules {
        requires_json_types: true,
        ..FieldRules::new(NATIVE_NAMES, &[CONTACT_SYNONYMS, COMMON_NAMES])
    })
});

/// Other names of contact fields that are common in web forms.
pub(crate) const CONTACT_SYNONYMS: SlotNames = &[
    (
        Slot::Phone,
        &[
            "phone_number",
            "telephone",
            "tel",
            "mobile",
            "mobile_phone",
            "cell",
            "cell_phone",
            "your_phone",
            "your_tel",
        ],
    ),
    (Slot::Email, &["email_address", "mail", "your_email"]),
    (Slot::Text(TextField::FullName), &["name", "contact_name", "your_name"]),
    (Slot::Text(TextField::FirstName), &["given_name", "fname", "forename"]),
    (Slot::Text(TextField::LastName), &["family_name", "surname", "lname"]),
    (Slot::Text(TextField::Company), &["company_name", "business_name", "your_company"]),
    (Slot::Text(TextField::State), &["state_code"]),
    (Slot::Text(TextField::Timezone), &["time_zone"]),
    (Slot::Text(TextField::PageUrl), &["page_uri"]),
];

/// Names that every dialect accepts: opt-outs, the calling code, answers to a consent question, parts of a
/// consent, certificates, and attribution.
pub(crate) const COMMON_NAMES: SlotNames = &[
    (Slot::OptOut, &["opted_out", "do_not_call", "do_not_contact", "unsubscribed"]),
    (Slot::CallingCode, &["country_code"]),
    (
        Slot::ConsentAnswer,
        &[
            "optin",
            "sms_optin",
            "call_optin",
            "phone_optin",
            "text_optin",
            "whatsapp_optin",
            "marketing_optin",
            "tcpa_optin",
            "consent_given",
            "marketing_consent",
            "sms_consent",
            "call_consent",
            "phone_consent",
            "contact_consent",
            "tcpa_consent",
            "consent_to_call",
            "consent_to_contact",
            "agree_to_contact",
            "permission_to_call",
            "may_contact",
            "i_agree",
            "agree",
            "tcpa",
        ],
    ),
    (Slot::ConsentPart(ConsentPart::Timestamp), &["consent_timestamp"]),
    (Slot::ConsentPart(ConsentPart::TextVersion), &["consent_text_version"]),
    (Slot::ConsentPart(ConsentPart::SourceUrl), &["source_url"]),
    (Slot::Certificate, TRUSTEDFORM),
    (Slot::Certificate, TRUSTEDFORM_PING),
    (Slot::Certificate, JORNAYA),
    (Slot::LikelyCertificate, LEADID),
    // The disclosure text that Jornaya sends with its token.
    (Slot::Certificate, &["leadid_tcpa_disclosure"]),
    (Slot::AttributionPart, &["utm_source"]),
    (Slot::AttributionPart, &["utm_medium"]),
    (Slot::AttributionPart, &["utm_campaign"]),
    (Slot::AttributionPart, &["utm_term"]),
    (Slot::AttributionPart, &["utm_content"]),
    (Slot::AttributionPart, &["utm_id"]),
    (Slot::Campaign, &["_utm", "utm"]),
    (Slot::AttributionPart, &["referrer", "_referrer", "referer", "referrer_url"]),
    (Slot::AttributionPart, &["gclid", "gcl_id"]),
    (Slot::AttributionPart, &["gbraid"]),
    (Slot::AttributionPart, &["wbraid"]),
    (Slot::AttributionPart, &["dclid"]),
    (Slot::AttributionPart, &["fbclid"]),
    (Slot::AttributionPart, &["fbc", "_fbc"]),
    (Slot::AttributionPart, &["fbp", "_fbp"]),
    (Slot::AttributionPart, &["msclkid"]),
    (Slot::AttributionPart, &["ttclid"]),
    (Slot::AttributionPart, &["twclid"]),
    (Slot::AttributionPart, &["li_fat_id"]),
];

//! Reads the members of a document into the fields of a lead, for all dialects.
//!
//! If several members match the same slot, one of them fills it. The others are stored as custom fields, and
//! so is every member with an unknown name. No submitted value is lost.

mod parts;
mod values;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use leadgate_domain::json::has_content;
use leadgate_domain::validate::{self, FieldFault};
use leadgate_domain::{Fields, Patch, TextField};
use serde_json::{Map, Value};

use crate::name_index::{ConsentPart, NATIVE_INDEX, NameIndex, Slot, SlotMatch};
use values::SlotResult;

/// The limit of faults in one response. A hostile body can have thousands.
pub(crate) const MAX_FAULTS: usize = 50;

/// The members of a document, and how to read them.
#[derive(Clone, Copy)]
pub(crate) struct ReaderInput<'d> {
    pub(crate) members: &'d Map<String, Value>,
    /// Fields filled by a mapping, under native names. They take precedence over `members`.
    pub(crate) mapped_fields: Option<&'d Map<String, Value>>,
    /// Whether values have JSON types.
    pub(crate) has_json_types: bool,
    pub(crate) plus_is_space: bool,
}

/// The fields and faults that were read so far.
pub(crate) struct FieldReader<'d> {
    index: &'static NameIndex,
    has_json_types: bool,
    plus_is_space: bool,
    pub(crate) fields: Fields,
    pub(crate) faults: Vec<FieldFault>,
    /// Members of a custom-field object. They keep their names if an unknown member has the same name.
    custom_fields_from_object: Map<String, Value>,
    /// Slots whose documented member has an invalid value.
    invalid_slots: Vec<Slot>,
    /// Fields that were sent under other names: the native name and the client's name.
    client_names: Vec<(&'static str, &'d str)>,
}

/// A member and the slot of its name.
struct InputMember<'d> {
    name: &'d str,
    value: &'d Value,
    slot_match: Option<SlotMatch>,
    is_mapped: bool,
}

/// Objects in which form builders send their fields.
const CONTAINERS: [&str; 4] = ["form_fields", "fields", "form_data", "formData"];

/// A field that only one member can fill.
type FieldKey = (Slot, &'static str);

/// Members by the field that they can fill. The keys are those of the dialect's table, so a fast hash is safe.
type Candidates<'m, 'd> = HashMap<FieldKey, Vec<&'m InputMember<'d>>, RandomState>;

impl InputMember<'_> {
    fn field_key(&self) -> Option<FieldKey> {
        let slot_match = self.slot_match?;
        match slot_match.slot {
            Slot::AttributionPart => slot_match.canonical.map(|name| (Slot::AttributionPart, name)),
            Slot::Tags
            | Slot::Consent
            | Slot::ConsentAnswer
            | Slot::Certificate
            | Slot::LikelyCertificate
            | Slot::Attribution
            | Slot::Campaign
            | Slot::CustomFields
            | Slot::OptOut
            | Slot::IsTest
            | Slot::MustExist
            | Slot::Discarded => None,
            slot => Some((slot, "")),
        }
    }

    /// Lower is better: mapped members first, then exact names, then members with a value, then the order of
    /// the table.
    fn priority(&self) -> (bool, bool, bool, usize) {
        let (is_similar, rank) = self.slot_match.map_or((true, usize::MAX), |slot_match| slot_match.rank);
        (!self.is_mapped, is_similar, !has_content(self.value), rank)
    }

    /// Whether this is a phone with words that forbid calls. They count even if the phone itself is not used.
    fn forbids_calls(&self) -> bool {
        self.slot_match.is_some_and(|slot_match| slot_match.slot == Slot::Phone)
            && values::forbids_calls(self.value)
    }

    /// The pass in which the member is read. Whole objects come before their parts. The page URL of a consent
    /// comes last, because a URL alone is not a consent.
    fn pass(&self) -> u8 {
        match self.slot_match.map(|slot_match| slot_match.slot) {
            Some(Slot::ConsentPart(ConsentPart::SourceUrl)) => 2,
            Some(
                Slot::ConsentPart(_)
                | Slot::Certificate
                | Slot::LikelyCertificate
                | Slot::AttributionPart
                | Slot::Campaign
                | Slot::CallingCode,
            ) => 1,
            _ => 0,
        }
    }
}

impl<'d> FieldReader<'d> {
    /// Reads all members. The dialect checks required fields afterwards.
    pub(crate) fn read(index: &'static NameIndex, input: ReaderInput<'d>) -> Self {
        let mut reader = Self {
            index,
            has_json_types: input.has_json_types,
            plus_is_space: input.plus_is_space,
            fields: Fields::default(),
            faults: Vec::new(),
            custom_fields_from_object: Map::new(),
            invalid_slots: Vec::new(),
            client_names: Vec::new(),
        };
        let members = input_members(index, input);
        reader.fields.opt_out = members.iter().any(InputMember::forbids_calls);
        let mut candidates = group_by_field(&members);
        for pass in 0..=2 {
            for member in members.iter().filter(|member| member.pass() == pass) {
                match (member.field_key(), member.slot_match) {
                    (Some(key), _) => {
                        reader.fill_from_candidates(candidates.remove(&key).unwrap_or_default())
                    }
                    (None, Some(slot_match)) => {
                        reader.try_candidate(slot_match, member);
                    }
                    (None, None) => reader.add_custom_field(member.name, member.value),
                }
            }
        }
        reader.merge_custom_fields();
        reader
    }

    /// Adds a fault that only this dialect has.
    pub(crate) fn add_fault(&mut self, pointer: &str, code: &'static str, detail: &str) {
        self.faults.push(FieldFault::new(pointer, code, detail));
    }

    /// Whether a slot has a value, or a fault was already added for it.
    pub(crate) fn was_attempted(&self, slot: Slot) -> bool {
        let has_text = |patch: &Patch<String>| patch.value().is_some_and(|text| !text.trim().is_empty());
        let has_value = match slot {
            Slot::Phone => has_text(&self.fields.phone),
            Slot::Email => has_text(&self.fields.email),
            Slot::Text(field) => self.fields.text(field).is_some(),
            _ => false,
        };
        has_value || self.invalid_slots.contains(&slot)
    }

    /// Returns the fields, or the faults of the reader and of the shared validator.
    pub(crate) fn finish(self) -> Result<Fields, Vec<FieldFault>> {
        let Self { fields, mut faults, client_names, .. } = self;
        for fault in validate::fields(&fields).err().unwrap_or_default() {
            let fault = FieldFault { pointer: with_client_names(fault.pointer, &client_names), ..fault };
            if !faults.iter().any(|known| (&known.pointer, known.code) == (&fault.pointer, fault.code)) {
                faults.push(fault);
            }
        }
        faults.truncate(MAX_FAULTS);
        if faults.is_empty() { Ok(fields) } else { Err(faults) }
    }

    /// Stores a member as a custom field. In a form, an empty text counts as absent.
    fn add_custom_field(&mut self, name: &str, value: &Value) {
        if self.has_json_types || has_content(value) {
            insert_numbered(&mut self.fields.custom_fields, name, value);
        }
    }

    /// Fills a slot from the first valid candidate. The other candidates become custom fields.
    fn fill_from_candidates(&mut self, candidates: Vec<&InputMember<'d>>) {
        let mut is_decided = false;
        for member in candidates {
            match member.slot_match {
                Some(slot_match) if !is_decided => is_decided = self.try_candidate(slot_match, member),
                _ if has_content(member.value) => self.add_custom_field(member.name, member.value),
                _ => {}
            }
        }
    }

    /// Fills a slot from a member. Returns whether the slot is decided. An invalid value is a fault under a
    /// documented name, and a custom field under other names.
    fn try_candidate(&mut self, slot_match: SlotMatch, member: &InputMember<'d>) -> bool {
        if !self.has_json_types && !has_content(member.value) {
            return false;
        }
        // Forms have no faults: the person who submits a form cannot correct its fields.
        let slot_match =
            SlotMatch { invalid_is_fault: slot_match.invalid_is_fault && self.has_json_types, ..slot_match };
        let Err(faults) = self.fill_slot(slot_match, member) else { return true };
        if slot_match.invalid_is_fault {
            self.invalid_slots.push(slot_match.slot);
            self.faults.extend(faults);
        } else {
            self.add_custom_field(member.name, member.value);
        }
        slot_match.invalid_is_fault
    }

    fn fill_slot(&mut self, slot_match: SlotMatch, member: &InputMember<'d>) -> SlotResult {
        let invalid_is_fault = slot_match.invalid_is_fault;
        match slot_match.slot {
            Slot::Phone => {
                let phone = self.read_text_patch(
                    member,
                    invalid_is_fault,
                    validate::MAX_PHONE_LENGTH,
                    values::read_phone,
                )?;
                self.record_client_name("phone", member);
                self.fields.phone = self.restore_plus(phone);
            }
            Slot::Email => {
                let email = self.read_text_patch(
                    member,
                    invalid_is_fault,
                    validate::MAX_EMAIL_LENGTH,
                    values::read_text,
                )?;
                self.record_client_name("email", member);
                self.fields.email = email;
            }
            Slot::Text(field) => self.read_text(field, member, invalid_is_fault)?,
            Slot::PhoneCountry => self.read_phone_country(member)?,
            Slot::CallingCode => self.read_calling_code(member)?,
            Slot::Tags => self.read_tags(member, invalid_is_fault)?,
            Slot::Consent => self.read_consent(member, invalid_is_fault)?,
            Slot::ConsentPart(part) => self.read_consent_part(part, member)?,
            Slot::ConsentAnswer => self.read_consent_answer(member)?,
            Slot::Certificate => self.read_certificate(member),
            Slot::LikelyCertificate => self.read_likely_certificate(member)?,
            Slot::Attribution => self.read_attribution(member)?,
            Slot::AttributionPart => {
                self.read_attribution_part(slot_match.canonical.unwrap_or(member.name), member)
            }
            Slot::Campaign => self.read_campaign(member),
            Slot::CustomFields => self.read_custom_fields(member)?,
            Slot::Automations => self.fields.automations = values::to_patch(member.value),
            Slot::UserAssignments => self.fields.user_assignments = values::to_patch(member.value),
            Slot::OptOut => self.read_opt_out(member, invalid_is_fault)?,
            Slot::IsTest => self.fields.is_test |= self.read_flag(member)?,
            Slot::MustExist => self.fields.must_exist |= self.read_flag(member)?,
            Slot::Discarded => {}
        }
        Ok(())
    }

    fn read_text(
        &mut self,
        field: TextField,
        member: &InputMember<'d>,
        invalid_is_fault: bool,
    ) -> SlotResult {
        let read = match field {
            TextField::ExternalId | TextField::LineId => values::read_text_or_integer,
            _ => values::read_text,
        };
        let text = self.read_text_patch(member, invalid_is_fault, field.max_length(), read)?;
        self.record_client_name(field.as_str(), member);
        self.fields.texts.insert(field, text.into_value());
        Ok(())
    }

    fn record_client_name(&mut self, native: &'static str, member: &InputMember<'d>) {
        if member.name != native && !member.is_mapped {
            self.client_names.push((native, member.name));
        }
    }
}

/// Translates a pointer of the validator, which has a native name, to the name that the client sent.
fn with_client_names(pointer: String, client_names: &[(&str, &str)]) -> String {
    let field = pointer.trim_start_matches('/');
    let client = client_names.iter().find(|(native, _)| *native == field);
    client.map_or(pointer.clone(), |(_, client)| validate::pointer(client))
}

/// Inserts a member. If the name is in use with another value, the new member is named `name (2)`.
fn insert_numbered(members: &mut Map<String, Value>, name: &str, value: &Value) {
    let names = (2..).map(|count| format!("{name} ({count})"));
    for name in std::iter::once(name.to_owned()).chain(names) {
        match members.get(&name) {
            Some(existing) if existing != value => {}
            Some(_) => return,
            None => {
                members.insert(name, value.clone());
                return;
            }
        }
    }
}

fn input_members<'d>(index: &'static NameIndex, input: ReaderInput<'d>) -> Vec<InputMember<'d>> {
    let mapped = input.mapped_fields.into_iter().flatten().map(|(name, value)| InputMember {
        name,
        value,
        slot_match: NATIVE_INDEX.find(name).map(|slot_match| SlotMatch {
            invalid_is_fault: !index.rules.stores_invalid_values,
            ..slot_match
        }),
        is_mapped: true,
    });
    let sent = input.members.iter().map(|(name, value)| InputMember {
        name,
        value,
        slot_match: index.find(name),
        is_mapped: false,
    });
    mapped.chain(sent).chain(container_members(index, input.members)).collect()
}

/// The contact fields in the objects of form builders (`form_fields[email]`), read as top-level members. The
/// object itself is stored unchanged.
fn container_members<'d>(
    index: &'static NameIndex,
    members: &'d Map<String, Value>,
) -> impl Iterator<Item = InputMember<'d>> {
    let inner = CONTAINERS.iter().filter_map(|name| members.get(*name)?.as_object()).flatten();
    inner.filter_map(|(name, value)| {
        let is_read = |slot| {
            matches!(slot, Slot::Phone | Slot::Email | Slot::Text(_) | Slot::ConsentAnswer | Slot::OptOut)
        };
        let slot_match = index.find(name).filter(|slot_match| is_read(slot_match.slot))?;
        let slot_match = SlotMatch { invalid_is_fault: false, rank: (true, usize::MAX), ..slot_match };
        Some(InputMember { name, value, slot_match: Some(slot_match), is_mapped: false })
    })
}

/// The candidates for each field, the best first.
fn group_by_field<'m, 'd>(members: &'m [InputMember<'d>]) -> Candidates<'m, 'd> {
    let mut candidates = Candidates::default();
    for member in members {
        if let Some(key) = member.field_key() {
            candidates.entry(key).or_default().push(member);
        }
    }
    candidates.values_mut().for_each(|group| group.sort_by_key(|member| member.priority()));
    candidates
}

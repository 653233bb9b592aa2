//! Leads.

use std::borrow::Cow;
use std::collections::BTreeSet;

use diesel::prelude::*;
use leadgate_domain::{Email, Lead, LeadId, OrganizationId, SourceId, TextField, canonical_e164};
use serde::Serialize;

use super::Connection;
use super::schema::leads;
use crate::error::StoreError;
use crate::rows::SerializedLead;
use crate::values::{Id, Json, Time, document, reversed};

/// A lead with what queries filter by. Only [`LeadRow::new`] makes one: columns and document agree.
#[derive(Insertable, AsChangeset, Identifiable, Serialize)]
#[diesel(table_name = leads, primary_key(organization, id), treat_none_as_default_value = false)]
#[diesel(treat_none_as_null = true)]
pub(crate) struct LeadRow<'a> {
    pub(crate) organization: Id,
    pub(crate) id: Id,
    pub(crate) source: Id,
    pub(crate) external_id: Option<&'a str>,
    /// In the one spelling of its subscriber.
    pub(crate) phone: Option<Cow<'a, str>>,
    pub(crate) email_reversed: Option<String>,
    pub(crate) status: &'a str,
    pub(crate) eligibility: &'static str,
    pub(crate) temperature: &'static str,
    pub(crate) reasons: String,
    pub(crate) tags: String,
    pub(crate) updated_at: Time,
    pub(crate) document: &'a str,
}

impl<'a> LeadRow<'a> {
    pub(crate) fn new(serialized: &'a SerializedLead<'_>) -> Result<Self, StoreError> {
        let lead = serialized.lead;
        let email = lead.email_address().and_then(Email::from_stored).map(|email| email.comparison_form());
        let reasons: Vec<&str> = lead.reasons.iter().map(|reason| reason.as_str()).collect();
        let tags: BTreeSet<&str> = lead.all_tags();
        Ok(Self {
            organization: lead.organization.into(),
            id: lead.id.into(),
            source: lead.source.into(),
            external_id: lead.text(TextField::ExternalId),
            phone: lead.e164().map(canonical_e164),
            email_reversed: email.as_deref().map(reversed),
            status: lead.status.as_str(),
            eligibility: lead.eligibility.as_str(),
            temperature: lead.temperature.as_str(),
            reasons: document(&reasons)?,
            tags: document(&tags)?,
            updated_at: lead.updated_at.into(),
            document: &serialized.document,
        })
    }
}

pub(crate) fn find_lead(
    connection: &mut Connection,
    organization: OrganizationId,
    id: LeadId,
) -> QueryResult<Option<Lead>> {
    let document: Option<Json<Lead>> = leads::table
        .find((Id::from(organization), Id::from(id)))
        .select(leads::document)
        .first(connection)
        .optional()?;
    Ok(document.map(|document| document.0))
}

/// The newest first.
pub(crate) fn read_leads_by_id(
    connection: &mut Connection,
    organization: OrganizationId,
    ids: &[LeadId],
) -> QueryResult<Vec<Lead>> {
    let documents: Vec<Json<Lead>> = leads::table
        .filter(among!(leads::id, organization, ids.iter().copied().map(Id::from)))
        .order(leads::id.desc())
        .select(leads::document)
        .load(connection)?;
    Ok(documents.into_iter().map(|document| document.0).collect())
}

/// The leads after the first `offset`, the newest first.
pub(crate) fn leads_at_offset(
    connection: &mut Connection,
    organization: OrganizationId,
    source: Option<SourceId>,
    offset: i64,
    most: u32,
) -> QueryResult<Vec<Lead>> {
    let page = leads::table
        .filter(leads::organization.eq(Id::from(organization)))
        .limit(most.into())
        .offset(offset)
        .select(leads::document);
    let documents: Vec<Json<Lead>> = match source.map(Id::from) {
        None => page.order(leads::id.desc()).load(connection)?,
        Some(source) => page
            .filter(exactly!(leads::source, source))
            .order((leads::source.desc(), leads::id.desc()))
            .load(connection)?,
    };
    Ok(documents.into_iter().map(|document| document.0).collect())
}

pub(crate) fn count_leads(
    connection: &mut Connection,
    organization: OrganizationId,
    source: Option<SourceId>,
) -> QueryResult<i64> {
    let all = leads::table.filter(leads::organization.eq(Id::from(organization))).count();
    match source {
        None => all.get_result(connection),
        Some(source) => all.filter(leads::source.eq(Id::from(source))).get_result(connection),
    }
}

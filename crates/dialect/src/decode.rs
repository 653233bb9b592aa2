//! From a document to what it says about a person.

use leadgate_domain::mapping::{Mapping, MappingFault};
use leadgate_domain::validate::FieldFault;
use leadgate_domain::{Dialect, Fields};

use crate::document::Document;
use crate::reading::{Reading, Text};
use crate::{abc_sales, askad, five_hundred_leads, kickofflabs, lead2inbound, native};

/// Why a document is no lead. Names fields, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecodable {
    /// Nothing was said at all, and the dialect asks for nothing more than something.
    Empty,
    Faulty(Vec<FieldFault>),
    Mapping(MappingFault),
}

/// Reads what a document says about a person, or everything that is wrong with it.
///
/// What the source's mapping fills goes before what its dialect finds in the rest.
pub fn decode(
    dialect: Dialect,
    document: &Document,
    mapping: Option<&Mapping>,
) -> Result<Fields, Undecodable> {
    let any = matches!(dialect, Dialect::FiveHundredLeads | Dialect::AskAd);
    if any && !document.says_something() {
        return Err(Undecodable::Empty);
    }
    let mapped = mapping.map(|mapping| mapping.apply(&document.members)).transpose();
    let mapped = mapped.map_err(Undecodable::Mapping)?;
    let text = match &mapped {
        Some(mapped) => Text { members: &mapped.rest, mapped: Some(&mapped.native), typed: document.typed },
        None => Text { members: &document.members, mapped: None, typed: document.typed },
    };
    read(dialect, text).map_err(Undecodable::Faulty)
}

pub(crate) fn read(dialect: Dialect, text: Text<'_>) -> Result<Fields, Vec<FieldFault>> {
    let (index, require): (_, fn(&mut Reading<'_>)) = match dialect {
        Dialect::Native => (&native::INDEX, native::require),
        Dialect::AbcSales => (&abc_sales::INDEX, abc_sales::require),
        Dialect::Lead2inbound => (&lead2inbound::INDEX, lead2inbound::require),
        Dialect::FiveHundredLeads => (&five_hundred_leads::INDEX, |_| {}),
        Dialect::KickoffLabs => (&kickofflabs::INDEX, kickofflabs::require),
        Dialect::AskAd => (&askad::INDEX, |_| {}),
    };
    let mut reading = Reading::of(index, text);
    require(&mut reading);
    reading.finish()
}

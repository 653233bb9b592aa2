//! The table of all dialects. A new dialect needs a file and a row here, and a name in [`Dialect`].

pub mod abc_sales;
pub mod askad;
mod five_hundred_leads;
pub mod kickofflabs;
mod lead2inbound;
pub mod native;

use leadgate_domain::Dialect;

use crate::protocol::Protocol;

/// The protocol of a dialect.
pub fn protocol(dialect: Dialect) -> &'static Protocol {
    match dialect {
        Dialect::Native => &native::PROTOCOL,
        Dialect::AbcSales => &abc_sales::PROTOCOL,
        Dialect::Lead2inbound => &lead2inbound::PROTOCOL,
        Dialect::FiveHundredLeads => &five_hundred_leads::PROTOCOL,
        Dialect::KickoffLabs => &kickofflabs::PROTOCOL,
        Dialect::AskAd => &askad::PROTOCOL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_its_own_protocol_and_a_valid_region() {
        for dialect in Dialect::ALL.iter().copied() {
            assert_eq!(protocol(dialect).dialect(), dialect);
            let region = protocol(dialect).source_defaults.region;
            assert!(
                region.is_none_or(|region| region.parse::<leadgate_domain::Region>().is_ok()),
                "{dialect}"
            );
        }
    }
}

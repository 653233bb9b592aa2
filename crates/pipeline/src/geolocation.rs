//! Where an address is, by a file in MaxMind's format.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{PathElement, Reader};
use serde::Serialize;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the file of places cannot be used (a City database in MaxMind's format is expected): {0}")]
pub struct GeoDatabaseError(#[from] maxminddb::MaxMindDbError);

/// A database of cities, held in memory.
pub struct GeoDatabase(Reader<Vec<u8>>);

/// What is known about where an address is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct GeoLocation {
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// ISO 3166-2 without its country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

impl GeoDatabase {
    /// Reads the whole file.
    ///
    /// # Errors
    /// Where there is no such file, or it is of another kind.
    pub fn open(path: &Path) -> Result<Self, GeoDatabaseError> {
        Ok(Self(Reader::open_readfile(path)?))
    }

    /// The same of bytes that were read already.
    ///
    /// # Errors
    /// Where they are of another kind.
    pub fn of(bytes: Vec<u8>) -> Result<Self, GeoDatabaseError> {
        Ok(Self(Reader::from_source(bytes)?))
    }

    /// `None` for what the file does not know.
    pub fn find(&self, address: IpAddr) -> Option<GeoLocation> {
        let found = self.0.lookup(address.to_canonical()).ok().filter(|found| found.has_data())?;
        let text = |path: &[PathElement<'_>]| found.decode_path::<String>(path).ok().flatten();
        use PathElement::{Index, Key};
        let place = GeoLocation {
            country: text(&[Key("country"), Key("iso_code")]),
            state: text(&[Key("subdivisions"), Index(0), Key("iso_code")]),
            city: text(&[Key("city"), Key("names"), Key("en")]),
            timezone: text(&[Key("location"), Key("time_zone")]),
        };
        (place != GeoLocation::default()).then_some(place)
    }
}

#[cfg(test)]
mod tests;

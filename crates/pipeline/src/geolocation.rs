//! Finds the location of an IP address in a database in MaxMind format.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{PathElement, Reader};
use serde::Serialize;

/// The database file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the geolocation database (expected a City database in MaxMind format): {0}")]
pub struct GeoDatabaseError(#[from] maxminddb::MaxMindDbError);

/// A City database, in memory.
pub struct GeoDatabase(Reader<Vec<u8>>);

/// The location of an IP address, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct GeoLocation {
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// ISO 3166-2, without the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

impl GeoDatabase {
    /// Reads a database file into memory.
    ///
    /// # Errors
    /// When the file does not exist or has another format.
    pub fn open(path: &Path) -> Result<Self, GeoDatabaseError> {
        Ok(Self(Reader::open_readfile(path)?))
    }

    /// Uses the bytes of a database file.
    ///
    /// # Errors
    /// When the bytes have another format.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, GeoDatabaseError> {
        Ok(Self(Reader::from_source(bytes)?))
    }

    /// The location of an address; `None` if the database has none.
    pub fn find(&self, address: IpAddr) -> Option<GeoLocation> {
        let record = self.0.lookup(address.to_canonical()).ok().filter(|record| record.has_data())?;
        let text = |path: &[PathElement<'_>]| record.decode_path::<String>(path).ok().flatten();
        use PathElement::{Index, Key};
        let location = GeoLocation {
            country: text(&[Key("country"), Key("iso_code")]),
            state: text(&[Key("subdivisions"), Index(0), Key("iso_code")]),
            city: text(&[Key("city"), Key("names"), Key("en")]),
            timezone: text(&[Key("location"), Key("time_zone")]),
        };
        (location != GeoLocation::default()).then_some(location)
    }
}

#[cfg(test)]
mod tests;

//! What the connection tells about a person who posted with a browser of their own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use leadgate_domain::{ClientInfo, InferenceBasis, InferredValue, Patch};

use crate::device;
use crate::geolocation::GeoDatabase;

/// The device and the place of whoever posted. A program that posts for others has no browser, and tells nothing
/// about them.
pub(crate) fn client(
    client: &ClientInfo,
    places: Option<&GeoDatabase>,
) -> Patch<BTreeMap<String, InferredValue>> {
    let Some(device) = client.user_agent.as_deref().and_then(device::read) else { return Patch::Absent };
    let device = serde_json::to_value(device).unwrap_or_default();
    let mut observed =
        BTreeMap::from([("device".to_owned(), InferredValue::new(device, InferenceBasis::UserAgent))]);
    let address = client.address.as_deref().and_then(|address| address.parse::<IpAddr>().ok());
    if let Some(place) = places.zip(address).and_then(|(places, address)| places.find(address)) {
        let place = serde_json::to_value(place).unwrap_or_default();
        observed.insert("place".to_owned(), InferredValue::new(place, InferenceBasis::ClientAddress));
    }
    Patch::Value(observed)
}

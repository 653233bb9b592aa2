#![doc = include_str!("../README.md")]

mod contact;
mod decide;
mod deduplicate;
mod device;
mod enrich;
mod geolocation;
mod judge;
mod merge;
mod normalize;
mod observe;
mod rebuild;
mod score;
mod screen;

pub use enrich::is_tracking_parameter;
pub use geolocation::{GeoDatabase, GeoDatabaseError, GeoLocation};
pub use judge::Pipeline;

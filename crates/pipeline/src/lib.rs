#![doc = include_str!("../README.md")]

mod contact;
mod decide;
mod deduplicate;
mod device;
mod enrich;
mod judge;
mod merge;
mod normalize;
mod observe;
mod places;
mod rebuild;
mod score;
mod screen;

pub use enrich::is_tracking_parameter;
pub use judge::Pipeline;
pub use places::{GeoDatabase, GeoDatabaseError, GeoLocation};

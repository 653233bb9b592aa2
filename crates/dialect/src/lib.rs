#![doc = include_str!("../README.md")]

mod abc_sales;
mod answer;
pub mod askad;
mod decode;
mod document;
mod five_hundred_leads;
pub mod kickofflabs;
mod lead2inbound;
mod mend;
mod names;
pub mod native;
mod reading;
mod refusal;
mod suggest;

pub use answer::{
    Answer, Disclosure, PostedLead, Settlement, accepted, accepted_from_public, leads_page, settled, waits,
};
pub use decode::{Undecodable, decode};
pub use document::{Document, FormFault, Unreadable};
pub use mend::{Unmendable, mend, reread};
pub use refusal::{Problem, ProblemItem, refused};
pub use suggest::Suggestion;

//! Leads as the world sends them: varied, partly wrong, and the same for the same seed.

mod body;
mod people;
mod personal;
mod phones;
mod seeded_random;

use serde_json::Value;

use people::SamplePerson;
pub use personal::personal_data_of;
pub use phones::SamplePhone;
use seeded_random::SeededRandom;

/// One lead in the native dialect, which a gateway accepts.
#[derive(Clone, Debug)]
pub struct SampleLead {
    /// The body to post.
    pub body: Value,
    /// Whom it is about: the same number for each lead of one person.
    pub person: usize,
    /// What is known about the body's `phone`.
    pub phone: SamplePhone,
}

impl SampleLead {
    /// The bytes to post.
    pub fn bytes(&self) -> Vec<u8> {
        self.body.to_string().into_bytes()
    }
}

/// An endless supply of leads.
#[derive(Debug)]
pub struct LeadGenerator {
    dice: SeededRandom,
    seed: u64,
    repeats: u32,
    people: Vec<SamplePerson>,
}

impl LeadGenerator {
    /// The same seed gives the same leads; every tenth is about somebody who was there before.
    pub fn new(seed: u64) -> Self {
        Self { dice: SeededRandom::new(seed), seed, repeats: 10, people: Vec::new() }
    }

    /// Has `percent` of the leads be about somebody who was there before.
    #[must_use]
    pub fn repeats(self, percent: u32) -> Self {
        Self { repeats: percent.min(100), ..self }
    }

    /// The next lead.
    pub fn lead(&mut self) -> SampleLead {
        let person = if self.people.is_empty() || !self.dice.chance(self.repeats) {
            self.people.push(SamplePerson::new(&mut self.dice, self.seed, self.people.len()));
            self.people.len() - 1
        } else {
            self.dice.random_below(self.people.len())
        };
        let (body, phone) = match self.people.get(person) {
            Some(known) => body::write(&mut self.dice, known),
            None => (Value::Null, SamplePhone::Absent),
        };
        SampleLead { body, person, phone }
    }
}

impl Iterator for LeadGenerator {
    type Item = SampleLead;

    fn next(&mut self) -> Option<SampleLead> {
        Some(self.lead())
    }
}

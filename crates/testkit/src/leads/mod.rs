//! Generates realistic leads: varied, partly invalid, and the same for the same seed.

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

/// One valid lead in the native dialect.
#[derive(Clone, Debug)]
pub struct SampleLead {
    /// The body to post.
    pub body: Value,
    /// The number of the person: the same for each lead of one person.
    pub person: usize,
    /// The kind of the body's `phone`.
    pub phone: SamplePhone,
}

impl SampleLead {
    /// The bytes to post.
    pub fn bytes(&self) -> Vec<u8> {
        self.body.to_string().into_bytes()
    }
}

/// Generates any number of leads.
#[derive(Debug)]
pub struct LeadGenerator {
    random: SeededRandom,
    seed: u64,
    repeats: u32,
    people: Vec<SamplePerson>,
}

impl LeadGenerator {
    /// The same seed gives the same leads. 10 % of the leads are about a person of an earlier lead.
    pub fn new(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed), seed, repeats: 10, people: Vec::new() }
    }

    /// Sets the percentage of leads that are about a person of an earlier lead.
    #[must_use]
    pub fn repeats(self, percent: u32) -> Self {
        Self { repeats: percent.min(100), ..self }
    }

    /// The next lead.
    pub fn lead(&mut self) -> SampleLead {
        let person = if self.people.is_empty() || !self.random.chance(self.repeats) {
            self.people.push(SamplePerson::new(&mut self.random, self.seed, self.people.len()));
            self.people.len() - 1
        } else {
            self.random.random_below(self.people.len())
        };
        let (body, phone) = match self.people.get(person) {
            Some(known) => body::write(&mut self.random, known),
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

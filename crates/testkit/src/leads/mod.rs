//! Leads as the world sends them: varied, partly wrong, and the same for the same seed.

mod body;
mod dice;
mod people;
mod personal;
mod phones;

use serde_json::Value;

use dice::Dice;
use people::Person;
pub use personal::personal_data_of;
pub use phones::Phone;

/// One lead in the native dialect, which a gateway accepts.
#[derive(Clone, Debug)]
pub struct Lead {
    /// The body to post.
    pub body: Value,
    /// Whom it is about: the same number for each lead of one person.
    pub person: usize,
    /// What is known about the body's `phone`.
    pub phone: Phone,
}

impl Lead {
    /// The bytes to post.
    pub fn bytes(&self) -> Vec<u8> {
        self.body.to_string().into_bytes()
    }
}

/// An endless supply of leads.
#[derive(Debug)]
pub struct Generator {
    dice: Dice,
    seed: u64,
    repeats: u32,
    people: Vec<Person>,
}

impl Generator {
    /// The same seed gives the same leads; every tenth is about somebody who was there before.
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), seed, repeats: 10, people: Vec::new() }
    }

    /// Has `percent` of the leads be about somebody who was there before.
    #[must_use]
    pub fn repeats(self, percent: u32) -> Self {
        Self { repeats: percent.min(100), ..self }
    }

    /// The next lead.
    pub fn lead(&mut self) -> Lead {
        let person = if self.people.is_empty() || !self.dice.chance(self.repeats) {
            self.people.push(Person::new(&mut self.dice, self.seed, self.people.len()));
            self.people.len() - 1
        } else {
            self.dice.below(self.people.len())
        };
        let (body, phone) = match self.people.get(person) {
            Some(known) => body::write(&mut self.dice, known),
            None => (Value::Null, Phone::Absent),
        };
        Lead { body, person, phone }
    }
}

impl Iterator for Generator {
    type Item = Lead;

    fn next(&mut self) -> Option<Lead> {
        Some(self.lead())
    }
}

use std::str::FromStr;

use serde::Deserialize;

/// The number of items of a page, or of the newest submissions or leads that a preview reads: 1 to 100, 50 by
/// default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct PageLimit(u32);

impl PageLimit {
    pub const MAX: Self = Self(100);
    /// Enough to see whether a mapping fits.
    pub const FEW: Self = Self(10);

    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u32> for PageLimit {
    type Error = String;

    fn try_from(limit: u32) -> Result<Self, String> {
        if (1..=Self::MAX.0).contains(&limit) { Ok(Self(limit)) } else { Err(expected()) }
    }
}

impl FromStr for PageLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse::<u32>().map_err(|_| expected())?.try_into()
    }
}

fn expected() -> String {
    format!("expected a number from 1 to {}", PageLimit::MAX.0)
}

//! (stub)
use crate::money::NanoDollars;
use crate::usage::Usage;
/// stub
pub struct PriceTable {}
/// What a request cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// amount
    pub amount: NanoDollars,
    /// how sure
    pub basis: Basis,
}
/// How sure a cost is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// every part at its model's own price
    Known,
    /// some model is not in the table: the dearest price of each class
    AtMost,
}
/// stub
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct BadTable;
impl PriceTable {
    /// shipped with this build
    pub fn embedded() -> Self { todo!() }
    /// from a file
    pub fn parse(_json: &str) -> Result<Self, BadTable> { todo!() }
    /// date of prices
    pub fn as_of(&self) -> &str { todo!() }
    /// models listed: (id, display name)
    pub fn models(&self) -> impl Iterator<Item = (&str, &str)> { std::iter::empty() }
    /// cost of one answer; `model` is that of the answer
    pub fn cost(&self, _model: Option<&str>, _usage: &Usage) -> Cost { todo!() }
    /// The most a request can cost before it was sent.
    pub fn worst_case(&self, _model: &str, _body_bytes: usize, _max_tokens: Option<u64>) -> Cost { todo!() }
}

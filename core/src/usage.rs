//! (stub)
/// Tokens of one answer by class.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tokens {
    /// uncached input
    pub input: u64,
    /// output, thinking included
    pub output: u64,
    /// cache reads
    pub cache_read: u64,
    /// 5-minute cache writes
    pub write_5m: u64,
    /// 1-hour cache writes
    pub write_1h: u64,
}
/// What an answer reported.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The parts that are priced apart: one for the top-level counters, one for each iteration that stands outside them.
    pub parts: Vec<Part>,
    /// web searches
    pub web_searches: u64,
}
/// stub
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part { /** model */ pub model: Option<String>, /** tokens */ pub tokens: Tokens }
/// What metering an answer gave.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Metered {
    /// The model that answered.
    pub model: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// Whether the answer came to its end.
    pub complete: bool,
    /// The `error.type` the answer carried.
    pub error: Option<String>,
}
impl Usage {
    /// all parts summed
    pub fn totals(&self) -> Tokens { todo!() }
}
/// Meters a stream while it passes.
#[derive(Default)]
pub struct Meter {}
impl Meter {
    /// new
    pub fn new() -> Self { Self::default() }
    /// Takes the next bytes, split anywhere.
    pub fn feed(&mut self, _bytes: &[u8]) { todo!() }
    /// so far
    pub fn finish(self) -> Metered { todo!() }
}
/// Meters a whole JSON body.
pub fn of_body(_body: &[u8]) -> Metered { todo!() }

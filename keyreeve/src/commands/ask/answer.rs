//! The answer as it comes: shown while it streams, kept for a program, and whatever was wrong with it.

use keyreeve_core::inert::inert_line;
use keyreeve_core::said::{Reader, of_error, of_message};
use keyreeve_core::verdict::Verdict;
use keyreeve_gateway::Begun;
use keyreeve_store::AttemptId;

use super::LONGEST_SAID;
use crate::error::CommandError;
use crate::output::Format;
use crate::wiring::World;

/// A whole answer is read up to this length: several times the longest output there is.
const LONGEST_WHOLE: usize = 16 * 1024 * 1024;

/// An answer that has ended.
pub(super) struct Answer {
    /// Its row of the ledger.
    pub(super) attempt: AttemptId,
    /// Its text; none of it is inert yet.
    pub(super) text: String,
    /// The organization that answered.
    pub(super) organization: Option<String>,
    /// What was wrong with it, and what the upstream said about that.
    pub(super) failed: Option<(Verdict, Option<String>)>,
}

impl Answer {
    /// Reads an answer to its end, and shows people what comes.
    ///
    /// # Errors
    /// Where it cannot be shown.
    pub(super) async fn read(begun: Begun, world: &World) -> Result<Self, CommandError> {
        let organization = begun
            .header("anthropic-organization-id")
            .map(|id| inert_line(id, LONGEST_SAID).into_owned());
        let answer = Self {
            attempt: begun.attempt,
            text: String::new(),
            organization,
            failed: None,
        };
        if begun.is_success() && begun.is_stream() {
            answer.stream(begun, world).await
        } else {
            answer.whole(begun, world).await
        }
    }

    async fn stream(mut self, mut begun: Begun, world: &World) -> Result<Self, CommandError> {
        let mut reader = Reader::default();
        let is_cut = loop {
            match begun.piece().await {
                Ok(Some(piece)) => self.say(&reader.feed(&piece), world)?,
                Ok(None) => break !reader.is_complete(),
                Err(_) => break true,
            }
        };
        self.end_line(world)?;
        let error = reader.error();
        if is_cut || error.is_some() {
            let (kind, said) = error
                .map(|error| (error.kind.as_str(), error.message.as_str()))
                .unzip();
            let verdict = Verdict::of_stream_end(false, kind, said);
            self.failed = Some((verdict, said.map(ToOwned::to_owned)));
        }
        Ok(self)
    }

    async fn whole(mut self, mut begun: Begun, world: &World) -> Result<Self, CommandError> {
        let mut body = Vec::new();
        while let Ok(Some(piece)) = begun.piece().await {
            if body.len() + piece.len() > LONGEST_WHOLE {
                break;
            }
            body.extend_from_slice(&piece);
        }
        if begun.is_success() {
            self.say(&of_message(&body), world)?;
            self.end_line(world)?;
        } else {
            self.failed = Some((begun.verdict, of_error(&body)));
        }
        Ok(self)
    }

    fn say(&mut self, text: &str, world: &World) -> Result<(), CommandError> {
        if !text.is_empty() && world.output.format() == Format::Human {
            world.output.piece(text)?;
        }
        self.text.push_str(text);
        Ok(())
    }

    /// What follows begins on a line of its own.
    fn end_line(&self, world: &World) -> Result<(), CommandError> {
        if world.output.format() == Format::Human
            && !self.text.is_empty()
            && !self.text.ends_with('\n')
        {
            world.output.piece("\n")?;
        }
        Ok(())
    }
}

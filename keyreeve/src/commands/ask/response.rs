//! The response to `ask`: prints its text as it streams, and collects the text and any error.

use keyreeve_core::response_text::{TextExtractor, error_message, message_text};
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::verdict::Verdict;
use keyreeve_gateway::OwnerResponse;
use keyreeve_store::AttemptId;

use super::MAX_ERROR_TEXT;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Format;

/// Maximum body of a response that is not a stream, in bytes: several times the longest possible output.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// A response read to its end.
pub(super) struct StreamedResponse {
    /// Its ledger entry.
    pub(super) attempt_id: AttemptId,
    /// Its text, not sanitized yet.
    pub(super) text: String,
    /// The organization named in the response headers.
    pub(super) organization: Option<String>,
    /// The verdict on a failed response, and the upstream's error message.
    pub(super) failure: Option<(Verdict, Option<String>)>,
}

impl StreamedResponse {
    /// Reads a response to its end, printing its text as it arrives unless JSON is requested.
    ///
    /// # Errors
    /// If the text cannot be written.
    pub(super) async fn read(
        response: OwnerResponse,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let organization = response
            .header("anthropic-organization-id")
            .map(|id| sanitize_line(id, MAX_ERROR_TEXT).into_owned());
        let result = Self {
            attempt_id: response.attempt,
            text: String::new(),
            organization,
            failure: None,
        };
        if response.is_success() && response.is_stream() {
            result.read_stream(response, context).await
        } else {
            result.read_body(response, context).await
        }
    }

    async fn read_stream(
        mut self,
        mut response: OwnerResponse,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let mut extractor = TextExtractor::default();
        let is_truncated = loop {
            match response.next_chunk().await {
                Ok(Some(chunk)) => self.write_text(&extractor.feed(&chunk), context)?,
                Ok(None) => break !extractor.is_complete(),
                Err(_) => break true,
            }
        };
        self.finish_line(context)?;
        let error = extractor.error();
        if is_truncated || error.is_some() {
            let (kind, message) = error
                .map(|error| (error.kind.as_str(), error.message.as_str()))
                .unzip();
            let verdict = Verdict::from_stream_end(false, kind, message);
            self.failure = Some((verdict, message.map(ToOwned::to_owned)));
        }
        Ok(self)
    }

    async fn read_body(
        mut self,
        mut response: OwnerResponse,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.next_chunk().await {
            if body.len() + chunk.len() > MAX_BODY {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        if response.is_success() {
            self.write_text(&message_text(&body), context)?;
            self.finish_line(context)?;
        } else {
            self.failure = Some((response.verdict, error_message(&body)));
        }
        Ok(self)
    }

    fn write_text(&mut self, text: &str, context: &Context) -> Result<(), CommandError> {
        if !text.is_empty() && context.output.format() == Format::Human {
            context.output.chunk(text)?;
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Ends the text's last line if it has no newline.
    fn finish_line(&self, context: &Context) -> Result<(), CommandError> {
        if context.output.format() == Format::Human
            && !self.text.is_empty()
            && !self.text.ends_with('\n')
        {
            context.output.chunk("\n")?;
        }
        Ok(())
    }
}

//! The settings themselves, one template a client (docs/facts.md#clients).

use keyreeve_core::price::PriceTable;
use keyreeve_core::virtual_key::VirtualKey;

use crate::output::KEY_MARK;
use crate::settings::Connectable;
use crate::variables;

/// A model that every key without a list of its own may ask for, and cheap.
const MODEL: &str = "claude-haiku-5-5";

/// The model that settings name.
#[derive(Clone, Copy)]
pub(in crate::commands) enum Model<'a> {
    /// The one that is configured: every client that can be told is told.
    Configured(&'a str),
    /// Any, for a request that must name one.
    Example(&'a str),
}

impl Model<'static> {
    /// Where nothing else is known.
    pub(in crate::commands) const USUAL: Self = Self::Example(MODEL);
}

impl<'a> Model<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Configured(name) | Self::Example(name) => name,
        }
    }
}

/// Finds a model that a key may ask for: the configured one, else the usual one, else the first one priced, else the first one it names whole.
pub(super) fn model_for<'a>(
    key: &'a VirtualKey,
    configured: Option<&'a str>,
    prices: &'a PriceTable,
) -> Model<'a> {
    if let Some(model) = configured.filter(|model| key.may_ask(model)) {
        return Model::Configured(model);
    }
    let named = key.models.iter().map(String::as_str);
    [MODEL]
        .into_iter()
        .chain(prices.models().map(|(id, _)| id))
        .chain(named.filter(|model| !model.contains(['*', '?'])))
        .find(|model| key.may_ask(model))
        .map_or(Model::USUAL, Model::Example)
}

/// Settings for a client.
pub(in crate::commands) struct Snippet {
    /// The client, as `connect` calls it.
    pub(in crate::commands) client: &'static str,
    /// The settings, with [`KEY_MARK`] where the key belongs.
    pub(in crate::commands) template: String,
    /// How a variable is named where the key belongs.
    variable: String,
    /// What stands before the settings where a variable holds the key.
    before_variable: &'static str,
}

impl Snippet {
    /// The settings with a variable in the key's place.
    pub(in crate::commands) fn with_variable(&self) -> String {
        // Quotes around a key become part of the expression that reads the variable.
        let settings = self
            .template
            .replace(&format!("\"{KEY_MARK}\""), &self.variable)
            .replace(KEY_MARK, &self.variable);
        format!("{}{settings}", self.before_variable)
    }
}

/// Writes the settings for a client: one line each, ready to paste.
pub(in crate::commands) fn of(client: Connectable, base_url: &str, model: Model<'_>) -> Snippet {
    let name = variables::KEY;
    match client {
        Connectable::Curl => Snippet {
            client: "curl",
            template: format!(
                "curl -N {base_url}/v1/messages -H \"x-api-key: {KEY_MARK}\" -H 'anthropic-version: 2023-06-01' \
                 -H 'content-type: application/json' -d '{{\"model\":\"{}\",\"max_tokens\":256,\"stream\":true,\
                 \"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'",
                model.name()
            ),
            variable: format!("${name}"),
            before_variable: "",
        },
        Connectable::Python => Snippet {
            client: "python",
            template: format!(
                "import anthropic; client = anthropic.Anthropic(base_url=\"{base_url}\", api_key=\"{KEY_MARK}\")"
            ),
            variable: format!("os.environ[\"{name}\"]"),
            before_variable: "import os; ",
        },
        Connectable::Typescript => Snippet {
            client: "typescript",
            template: format!(
                "import Anthropic from \"@anthropic-ai/sdk\"; const client = new Anthropic({{ baseURL: \"{base_url}\", apiKey: \"{KEY_MARK}\" }});"
            ),
            variable: format!("process.env.{name}"),
            before_variable: "",
        },
        Connectable::ClaudeCode => Snippet {
            client: "claude-code",
            // As ANTHROPIC_API_KEY the key would also be sent to the vendor, on calls that ignore the base URL.
            template: format!(
                "env -u ANTHROPIC_API_KEY CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST=1 \
                 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 {}ANTHROPIC_BASE_URL={base_url} \
                 ANTHROPIC_AUTH_TOKEN=\"{KEY_MARK}\" claude",
                match model {
                    Model::Configured(name) => format!("ANTHROPIC_MODEL=\"{name}\" "),
                    Model::Example(_) => String::new(),
                }
            ),
            variable: format!("\"${name}\""),
            before_variable: "",
        },
        Connectable::PassThrough => Snippet {
            client: "pass-through",
            // A key or token in a variable would be carried in place of the login.
            template: format!(
                "env -u ANTHROPIC_API_KEY -u ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL={base_url}/passthrough \
                 ANTHROPIC_CUSTOM_HEADERS=\"x-keyreeve-key: {KEY_MARK}\" claude"
            ),
            variable: format!("${name}"),
            before_variable: "",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_stands_where_the_key_belongs() {
        for (client, expected) in [
            (Connectable::Curl, "-H \"x-api-key: $KEYREEVE_KEY\""),
            (Connectable::Python, "api_key=os.environ[\"KEYREEVE_KEY\"])"),
            (
                Connectable::Typescript,
                "apiKey: process.env.KEYREEVE_KEY }",
            ),
            (
                Connectable::ClaudeCode,
                "ANTHROPIC_AUTH_TOKEN=\"$KEYREEVE_KEY\" claude",
            ),
            (
                Connectable::PassThrough,
                "8484/passthrough ANTHROPIC_CUSTOM_HEADERS=\"x-keyreeve-key: $KEYREEVE_KEY\" claude",
            ),
        ] {
            let snippet = of(client, "http://127.0.0.1:8484", Model::USUAL);
            let text = snippet.with_variable();
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains(KEY_MARK), "{text}");
            assert_eq!(snippet.template.lines().count(), 1, "{}", snippet.template);
        }
    }
}

//! Settings templates, one for each client (docs/facts.md#clients).

use keyreeve_broker::admin::models::ClientModel;

use crate::args::ConnectClient;
use crate::output::KEY_PLACEHOLDER;
use crate::variables;

/// Settings for a client.
pub(crate) struct Snippet {
    /// The client's name in `connect`.
    pub(crate) client: &'static str,
    /// The settings, with [`KEY_PLACEHOLDER`] for the key.
    pub(crate) template: String,
    /// Expression that reads the key from a variable.
    variable: String,
    /// Prefix of the settings if they read a variable.
    variable_prefix: &'static str,
}

impl Snippet {
    /// Returns the settings with a variable for the key.
    pub(crate) fn with_variable(&self) -> String {
        // Quotes around the key are part of the expression that reads the variable.
        let settings = self
            .template
            .replace(&format!("\"{KEY_PLACEHOLDER}\""), &self.variable)
            .replace(KEY_PLACEHOLDER, &self.variable);
        format!("{}{settings}", self.variable_prefix)
    }
}

/// Returns the settings for a client: one line, ready to paste.
pub(crate) fn render(client: ConnectClient, base_url: &str, model: ClientModel<'_>) -> Snippet {
    let name = variables::KEY;
    match client {
        ConnectClient::Curl => Snippet {
            client: "curl",
            template: format!(
                "curl -N {base_url}/v1/messages -H \"x-api-key: {KEY_PLACEHOLDER}\" -H 'anthropic-version: 2023-06-01' \
                 -H 'content-type: application/json' -d '{{\"model\":\"{}\",\"max_tokens\":256,\"stream\":true,\
                 \"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'",
                model.name()
            ),
            variable: format!("${name}"),
            variable_prefix: "",
        },
        ConnectClient::Python => Snippet {
            client: "python",
            template: format!(
                "import anthropic; client = anthropic.Anthropic(base_url=\"{base_url}\", api_key=\"{KEY_PLACEHOLDER}\")"
            ),
            variable: format!("os.environ[\"{name}\"]"),
            variable_prefix: "import os; ",
        },
        ConnectClient::Typescript => Snippet {
            client: "typescript",
            template: format!(
                "import Anthropic from \"@anthropic-ai/sdk\"; const client = new Anthropic({{ baseURL: \"{base_url}\", apiKey: \"{KEY_PLACEHOLDER}\" }});"
            ),
            variable: format!("process.env.{name}"),
            variable_prefix: "",
        },
        ConnectClient::ClaudeCode => Snippet {
            client: "claude-code",
            // As ANTHROPIC_API_KEY the key would also go to Anthropic, in calls that ignore the base URL.
            template: format!(
                "env -u ANTHROPIC_API_KEY CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST=1 \
                 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 {}ANTHROPIC_BASE_URL={base_url} \
                 ANTHROPIC_AUTH_TOKEN=\"{KEY_PLACEHOLDER}\" claude",
                assignment(model)
            ),
            variable: format!("\"${name}\""),
            variable_prefix: "",
        },
        ConnectClient::PassThrough => Snippet {
            client: "pass-through",
            // A key or token in a variable would replace the login.
            template: format!(
                "env -u ANTHROPIC_API_KEY -u ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL={base_url}/passthrough \
                 ANTHROPIC_CUSTOM_HEADERS=\"x-keyreeve-key: {KEY_PLACEHOLDER}\" claude"
            ),
            variable: format!("${name}"),
            variable_prefix: "",
        },
    }
}

/// Returns the assignment of a configured model to Claude Code's variable, with a trailing space.
fn assignment(model: ClientModel<'_>) -> String {
    match model {
        ClientModel::Configured(name) => format!("ANTHROPIC_MODEL=\"{name}\" "),
        ClientModel::Example(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_replaces_the_key() {
        for (client, expected) in [
            (ConnectClient::Curl, "-H \"x-api-key: $KEYREEVE_KEY\""),
            (
                ConnectClient::Python,
                "api_key=os.environ[\"KEYREEVE_KEY\"])",
            ),
            (
                ConnectClient::Typescript,
                "apiKey: process.env.KEYREEVE_KEY }",
            ),
            (
                ConnectClient::ClaudeCode,
                "ANTHROPIC_AUTH_TOKEN=\"$KEYREEVE_KEY\" claude",
            ),
            (
                ConnectClient::PassThrough,
                "8484/passthrough ANTHROPIC_CUSTOM_HEADERS=\"x-keyreeve-key: $KEYREEVE_KEY\" claude",
            ),
        ] {
            let snippet = render(client, "http://127.0.0.1:8484", ClientModel::DEFAULT);
            let text = snippet.with_variable();
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains(KEY_PLACEHOLDER), "{text}");
            assert_eq!(snippet.template.lines().count(), 1, "{}", snippet.template);
        }
    }
}

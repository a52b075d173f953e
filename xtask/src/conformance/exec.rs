//! Runs one case of `keyreeve exec`: adds the intended credential, starts the client through keyreeve, and compares the
//! received requests with the expected one.

use std::path::Path;

use anyhow::Result;

use super::case_setup::{CaseSetup, PlantedCredential};
use super::exec_case::{ExecCase, Expected, PayerKind};
use super::observe::{self, ClientRun, SentRequest, label};
use crate::programs::{client, ensure_success, keyreeve, run_with_input};

/// Exit code of keyreeve for a refusal by policy.
const POLICY_EXIT_CODE: i32 = 8;

/// Adds the credential and starts the client through keyreeve.
pub(super) fn run(root: &Path, case: &ExecCase, setup: &CaseSetup) -> Result<ClientRun> {
    add_profile(root, case.payer, setup, &setup.listeners.upstream.url())?;
    let program = client::program_path(root, case.program).map_err(anyhow::Error::msg)?;
    let mut command = setup.command(&keyreeve(root));
    command
        .args(case.arguments())
        .arg(program)
        .args(observe::arguments(root, case.program, setup));
    Ok(observe::run(command, setup))
}

fn add_profile(root: &Path, payer: PayerKind, setup: &CaseSetup, upstream: &str) -> Result<()> {
    let mut command = setup.command(&keyreeve(root));
    command.args(payer.add_arguments(upstream));
    let input = if payer.reads_stdin() {
        payer.token()
    } else {
        String::new()
    };
    let output = run_with_input(&mut command, input.as_bytes())?;
    ensure_success("keyreeve profile add", &output)
}

/// Returns all differences between the expected and the received requests.
pub(super) fn differences(
    expected: &Expected,
    observed: &ClientRun,
    planted: &[PlantedCredential],
) -> Vec<String> {
    let mut found = Vec::new();
    let describe = |sent: &SentRequest| describe(sent, planted);
    match expected {
        Expected::Refused => {
            if observed.exit != Some(POLICY_EXIT_CODE) {
                found.push(format!(
                    "exit code {:?}, expected {POLICY_EXIT_CODE}",
                    observed.exit
                ));
            }
            let all = observed
                .paid_requests
                .iter()
                .chain(&observed.other_requests);
            found.extend(
                all.map(|sent| format!("should be refused, but received {}", describe(sent))),
            );
        }
        Expected::Sends(expected) => {
            if observed.paid_requests.is_empty() {
                let last_line = observed.output.lines().last().unwrap_or_default();
                found.push(format!("no request received: {last_line}"));
            }
            for sent in &observed.paid_requests {
                if !is_expected(sent, expected) {
                    found.push(format!(
                        "expected {}, received {}",
                        describe(expected),
                        describe(sent)
                    ));
                }
            }
            let leaking = observed
                .other_requests
                .iter()
                .filter(|request| leaks(request, expected));
            found
                .extend(leaking.map(|request| {
                    format!("{} was sent with {}", request.path, describe(request))
                }));
        }
    }
    found
}

fn is_expected(sent: &SentRequest, expected: &SentRequest) -> bool {
    (
        &sent.to,
        &sent.x_api_key,
        &sent.authorization,
        sent.oauth_beta,
    ) == (
        &expected.to,
        &expected.x_api_key,
        &expected.authorization,
        expected.oauth_beta,
    )
}

/// Returns `true` if another request contains another credential, or sends the intended one to another origin.
fn leaks(request: &SentRequest, expected: &SentRequest) -> bool {
    let has_none = request.x_api_key.is_none() && request.authorization.is_empty();
    let same = (&request.to, &request.x_api_key, &request.authorization)
        == (&expected.to, &expected.x_api_key, &expected.authorization);
    !has_none && !same
}

fn describe(sent: &SentRequest, planted: &[PlantedCredential]) -> String {
    let label = |value: &String| label(planted, value);
    format!(
        "x-api-key {:?}, authorization {:?}, oauth beta {} at {}",
        sent.x_api_key.as_ref().map(label),
        sent.authorization.iter().map(label).collect::<Vec<_>>(),
        sent.oauth_beta,
        sent.to
    )
}

#[cfg(test)]
mod tests {
    use super::super::observe::{ClientRun, SentRequest};
    use super::{Expected, differences};

    fn sent(to: &str, key: Option<&str>) -> SentRequest {
        SentRequest {
            to: to.to_owned(),
            path: "/v1/messages".to_owned(),
            x_api_key: key.map(str::to_owned),
            authorization: Vec::new(),
            oauth_beta: false,
        }
    }

    fn observed(exit: i32, paid: &[SentRequest], others: &[SentRequest]) -> ClientRun {
        ClientRun {
            paid_requests: paid.to_vec(),
            other_requests: others.to_vec(),
            exit: Some(exit),
            ..ClientRun::default()
        }
    }

    #[test]
    fn only_the_intended_credential_may_be_sent() {
        let expected_request = || sent("a", Some("key"));
        let expected = Expected::Sends(expected_request());
        let count = |observed: &ClientRun| differences(&expected, observed, &[]).len();
        assert_eq!(
            count(&observed(0, &[expected_request()], &[sent("b", None)])),
            0
        );
        assert_eq!(count(&observed(0, &[sent("b", Some("key"))], &[])), 1);
        assert_eq!(count(&observed(0, &[sent("a", Some("other"))], &[])), 1);
        assert_eq!(
            count(&observed(
                0,
                &[expected_request()],
                &[sent("b", Some("key"))]
            )),
            1
        );
        assert_eq!(count(&observed(0, &[], &[])), 1);
    }

    #[test]
    fn refusal_must_not_start_the_client() {
        let count = |observed: &ClientRun| differences(&Expected::Refused, observed, &[]).len();
        assert_eq!(count(&observed(8, &[], &[])), 0);
        assert_eq!(count(&observed(0, &[], &[])), 1);
        assert_eq!(count(&observed(8, &[], &[sent("a", None)])), 1);
    }
}

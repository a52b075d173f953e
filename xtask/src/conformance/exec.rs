//! Plays a line of the table of `keyreeve exec`: keeps the intended credential, starts the client through keyreeve, and
//! compares what arrived with what was meant.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::exec_case::{ExecCase, Expected, Kind};
use super::observe::{self, Observed, Sent, label};
use super::scene::{Planted, Scene};
use crate::clients::{install, keyreeve};

/// What keyreeve ends with when it refuses by policy.
const REFUSED: i32 = 8;

/// Keeps the credential and starts the client through keyreeve.
pub(super) fn play(root: &Path, line: &ExecCase, scene: &Scene) -> Result<Observed> {
    keep(root, line.kind, scene, &scene.listeners.upstream.url())?;
    let program = install::program_path(root, line.program).map_err(anyhow::Error::msg)?;
    let mut command = scene.command(&keyreeve(root));
    command
        .args(line.arguments())
        .arg(program)
        .args(observe::arguments(root, line.program, scene));
    Ok(observe::run(command, scene))
}

fn keep(root: &Path, kind: Kind, scene: &Scene, upstream: &str) -> Result<()> {
    let mut command = scene.command(&keyreeve(root));
    command.args(kind.added_by(upstream));
    if kind.is_typed() {
        command.stdin(Stdio::piped());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("start keyreeve profile add")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(kind.token().as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "keyreeve profile add failed: {}",
        said.trim()
    );
    Ok(())
}

/// Everything in which what was meant and what arrived differ.
pub(super) fn differences(
    expected: &Expected,
    observed: &Observed,
    planted: &[Planted],
) -> Vec<String> {
    let mut found = Vec::new();
    let tell = |sent: &Sent| told(sent, planted);
    match expected {
        Expected::Refused => {
            if observed.exit != Some(REFUSED) {
                found.push(format!("exit {:?}, not {REFUSED}", observed.exit));
            }
            let all = observed.sent.iter().chain(&observed.asked);
            found.extend(all.map(|sent| format!("refused, and yet arrived {}", tell(sent))));
        }
        Expected::Sends(meant) => {
            if observed.sent.is_empty() {
                let said = observed.said.lines().last().unwrap_or_default();
                found.push(format!("nothing arrived: {said}"));
            }
            for sent in &observed.sent {
                if !is_as_meant(sent, meant) {
                    found.push(format!("meant {}, arrived {}", tell(meant), tell(sent)));
                }
            }
            let strays = observed.asked.iter().filter(|asked| strays(asked, meant));
            found.extend(strays.map(|asked| format!("{} carried {}", asked.path, tell(asked))));
        }
    }
    found
}

fn is_as_meant(sent: &Sent, meant: &Sent) -> bool {
    (
        &sent.to,
        &sent.x_api_key,
        &sent.authorization,
        sent.oauth_beta,
    ) == (
        &meant.to,
        &meant.x_api_key,
        &meant.authorization,
        meant.oauth_beta,
    )
}

/// Whether a request by the way carried another credential, or the right one to another origin.
fn strays(asked: &Sent, meant: &Sent) -> bool {
    let nothing = asked.x_api_key.is_none() && asked.authorization.is_empty();
    let same = (&asked.to, &asked.x_api_key, &asked.authorization)
        == (&meant.to, &meant.x_api_key, &meant.authorization);
    !nothing && !same
}

fn told(sent: &Sent, planted: &[Planted]) -> String {
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
    use super::super::observe::{Observed, Sent};
    use super::{Expected, differences};

    fn sent(to: &str, key: Option<&str>) -> Sent {
        Sent {
            to: to.to_owned(),
            path: "/v1/messages".to_owned(),
            x_api_key: key.map(str::to_owned),
            authorization: Vec::new(),
            oauth_beta: false,
        }
    }

    fn observed(exit: i32, sent: &[Sent], asked: &[Sent]) -> Observed {
        Observed {
            sent: sent.to_vec(),
            asked: asked.to_vec(),
            exit: Some(exit),
            ..Observed::default()
        }
    }

    #[test]
    fn only_what_was_meant_may_arrive() {
        let meant = || sent("a", Some("key"));
        let expected = Expected::Sends(meant());
        let count = |observed: &Observed| differences(&expected, observed, &[]).len();
        assert_eq!(count(&observed(0, &[meant()], &[sent("b", None)])), 0);
        assert_eq!(count(&observed(0, &[sent("b", Some("key"))], &[])), 1);
        assert_eq!(count(&observed(0, &[sent("a", Some("other"))], &[])), 1);
        assert_eq!(
            count(&observed(0, &[meant()], &[sent("b", Some("key"))])),
            1
        );
        assert_eq!(count(&observed(0, &[], &[])), 1);
    }

    #[test]
    fn a_refusal_starts_nothing() {
        let count = |observed: &Observed| differences(&Expected::Refused, observed, &[]).len();
        assert_eq!(count(&observed(8, &[], &[])), 0);
        assert_eq!(count(&observed(0, &[], &[])), 1);
        assert_eq!(count(&observed(8, &[], &[sent("a", None)])), 1);
    }
}

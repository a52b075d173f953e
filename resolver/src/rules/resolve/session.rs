//! The precedence of logins in a session of Claude Code, and its OAuth token (docs/facts.md#claude-code).

use super::chain::{Candidate, ChainWalk, Provides};
use super::claude_code::ClaudeCodeChain;
use super::entry_point::SessionKind;
use super::location::Location;
use super::parsed_value::Flaw;
use super::releases::ProjectToken;
use super::step::{Method, SkipReason};
use crate::rules::claude_code::{INFERENCE, LoginState};
use crate::rules::variables::{OAUTH_SCOPES, OAUTH_TOKEN};

impl<'a> ClaudeCodeChain<'a> {
    /// Returns the locations of the OAuth token.
    pub(super) fn oauth_tokens(&self) -> Vec<Candidate<'a>> {
        let bare = self.is_bare.then_some(SkipReason::Bare);
        let tokens = self.in_variable(OAUTH_TOKEN, Method::OauthToken);
        let is_elsewhere = tokens.iter().any(|candidate| {
            !is_in_project(&candidate.location)
                && candidate.skip_reason.is_none()
                && matches!(candidate.provides, Provides::Known(_))
        });
        let of_project = self.project_token_skip_reason(is_elsewhere);
        let no_inference = self
            .lacks_inference()
            .then_some(SkipReason::Unusable(Flaw::NoInference));
        let tokens = tokens.into_iter().map(|candidate| {
            let project = of_project.filter(|_| is_in_project(&candidate.location));
            candidate.skipped(bare.or(project).or(no_inference))
        });
        tokens.collect()
    }

    /// Returns the reason to skip an OAuth token in project settings.
    fn project_token_skip_reason(&self, is_elsewhere: bool) -> Option<SkipReason> {
        let is_read = match self.rules.project_token {
            ProjectToken::Ignored => false,
            ProjectToken::WithoutLogin => !self.has_login_file(),
            ProjectToken::UnlessReplaced => {
                let is_replaced = is_elsewhere || self.asks_with_stored_key();
                !(is_replaced && self.snapshot.has_login())
            }
        };
        (!is_read).then_some(SkipReason::ProjectLogin)
    }

    /// Returns `true` if 2.1.197 asks the vendor for settings with a stored key, before it reads a project's token.
    fn asks_with_stored_key(&self) -> bool {
        self.snapshot.stored_key.is_some() && self.destination().gateway().is_none()
    }

    /// Returns `true` if the login file has a login, usable or not.
    fn has_login_file(&self) -> bool {
        self.snapshot
            .login
            .as_ref()
            .is_some_and(|login| match login.state {
                LoginState::Present { .. } | LoginState::Damaged(_) | LoginState::Unreadable => {
                    true
                }
                LoginState::SignedOut => false,
            })
    }

    /// Returns the location of a project's OAuth token that is not used because of a login file, and overrides the
    /// profiles if that login cannot be used either.
    pub(super) fn blocking_project_token(&self, tokens: &[Candidate<'a>]) -> Option<Location> {
        let blocks = self.rules.project_token == ProjectToken::WithoutLogin
            && self.has_login_file()
            && !self.snapshot.has_login();
        let is_set = |candidate: &&Candidate<'_>| {
            is_in_project(&candidate.location) && matches!(candidate.provides, Provides::Known(_))
        };
        let is_usable = |candidate: &Candidate<'_>| {
            candidate.skip_reason.is_none() && matches!(candidate.provides, Provides::Known(_))
        };
        let blocks = blocks && !tokens.iter().any(is_usable);
        let token = tokens.iter().find(is_set).filter(|_| blocks)?;
        Some(token.location.clone())
    }

    /// Takes the OAuth beta from a request with a project's token, in releases that send it so.
    pub(super) fn mark_project_token(&self, walk: &mut ChainWalk<'_>) {
        let is_of_project = walk.authorization.as_ref().is_some_and(|filled| {
            filled.slot.method == Method::OauthToken && is_in_project(&filled.slot.location)
        });
        if is_of_project && self.rules.project_token == ProjectToken::WithoutLogin {
            walk.is_oauth = false;
        }
    }

    /// Returns `true` if a variable takes the permission to call models from the OAuth token.
    fn lacks_inference(&self) -> bool {
        let scopes = self.variables.non_empty(OAUTH_SCOPES);
        scopes.is_some_and(|scopes| scopes.split_whitespace().all(|scope| scope != INFERENCE))
    }

    /// Returns the reason to skip keys in a hosted session that has a login or an OAuth token.
    pub(super) fn preferred_login(&self) -> Option<SkipReason> {
        match self.session {
            SessionKind::Hosted if !self.is_bare => {}
            SessionKind::Hosted | SessionKind::Usual | SessionKind::VsCode => return None,
        }
        let is_usable = |candidate: &Candidate<'_>| {
            candidate.skip_reason.is_none()
                && match candidate.provides {
                    // One that cannot be sent takes precedence, too, and the request fails.
                    Provides::Known(_) | Provides::Fetched | Provides::Broken(_) => true,
                    Provides::Nothing | Provides::Empty => false,
                }
        };
        let by_host = self.disabled_by_host(Method::Login);
        let tokens = self.oauth_tokens();
        let has_login = tokens.iter().any(is_usable) || is_usable(&self.login().skipped(by_host));
        has_login.then_some(SkipReason::LoginPreferred)
    }

    /// Returns the reason to skip profiles and federations in a hosted session.
    pub(super) fn hosted(&self, method: Method) -> Option<SkipReason> {
        let is_profile = matches!(method, Method::SdkProfile | Method::Federation);
        match self.session {
            SessionKind::Hosted if is_profile => Some(SkipReason::Hosted),
            SessionKind::Hosted | SessionKind::Usual | SessionKind::VsCode => None,
        }
    }
}

fn is_in_project(location: &Location) -> bool {
    matches!(location, Location::Setting { scope, .. } if scope.is_project())
}

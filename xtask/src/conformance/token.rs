//! Fake tokens that contain the place where they are planted, so that a received token identifies its origin.

use serde_json::json;

/// Length of the part after a family's prefix.
const BODY_LENGTH: usize = 95;

/// Family of a fake token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    ApiKey,
    Oauth,
    Refresh,
    /// A gateway's token, in its own format.
    Opaque,
}

/// Returns the token of a family for a place.
pub(super) fn fake_token(family: Family, place: &str) -> String {
    let prefix = match family {
        Family::ApiKey => "sk-ant-api03-",
        Family::Oauth => "sk-ant-oat01-",
        Family::Refresh => "sk-ant-ort01-",
        Family::Opaque => "gw-",
    };
    let sanitize = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let place: String = place.chars().map(sanitize).collect();
    format!(
        "{prefix}{place}{}",
        "A".repeat(BODY_LENGTH.saturating_sub(place.len()))
    )
}

/// Returns the identity token that is exchanged for the access token of a place.
pub(super) fn identity_token(place: &str) -> String {
    format!("eyJhbGciOiJub25lIn0.{place}.c2lnbmF0dXJl")
}

/// Returns the access token that the token endpoint issues for a place.
pub(super) fn access_token(place: &str) -> String {
    fake_token(Family::Oauth, &format!("minted-{place}"))
}

/// The places whose tokens are exchanged at the token endpoint.
const EXCHANGED: [&str; 3] = ["federation", "profile", "login"];

/// Returns the token endpoint's response to a body that contains an identity token or a refresh token.
pub(super) fn token_response(body: &str) -> String {
    let place = EXCHANGED.into_iter().find(|place| {
        body.contains(&identity_token(place)) || body.contains(&refresh_token(place))
    });
    json!({
        "access_token": access_token(place.unwrap_or("nothing")),
        "refresh_token": refresh_token("again"),
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "user:inference user:profile",
    })
    .to_string()
}

/// Returns the refresh token of a place.
pub(super) fn refresh_token(place: &str) -> String {
    fake_token(Family::Refresh, place)
}

#[cfg(test)]
mod tests {
    use super::{Family, access_token, fake_token, identity_token, refresh_token, token_response};

    #[test]
    fn tokens_differ_by_place_and_have_real_length() {
        let user = fake_token(Family::ApiKey, "api_key@user");
        assert_eq!(user.len(), "sk-ant-api03-".len() + 95);
        assert_ne!(user, fake_token(Family::ApiKey, "api_key@project"));
    }

    #[test]
    fn endpoint_issues_tokens_for_the_requested_place() {
        assert!(token_response(&identity_token("profile")).contains(&access_token("profile")));
        assert!(token_response(&refresh_token("federation")).contains(&access_token("federation")));
        assert!(token_response("{}").contains(&access_token("nothing")));
    }
}

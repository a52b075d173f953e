//! The made-up tokens: each says in itself where it was planted, so that what arrives tells where it came from.

use serde_json::json;

/// How long the part behind a family's prefix is.
const BODY: usize = 95;

/// The family a token looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    ApiKey,
    Oauth,
    Refresh,
    /// A gateway's own kind.
    Opaque,
}

/// The token of a family that was planted at a place.
pub(super) fn made_up(family: Family, place: &str) -> String {
    let prefix = match family {
        Family::ApiKey => "sk-ant-api03-",
        Family::Oauth => "sk-ant-oat01-",
        Family::Refresh => "sk-ant-ort01-",
        Family::Opaque => "gw-",
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let place: String = place.chars().map(plain).collect();
    format!(
        "{prefix}{place}{}",
        "A".repeat(BODY.saturating_sub(place.len()))
    )
}

/// The identity token that is exchanged for what is planted at a place.
pub(super) fn identity(place: &str) -> String {
    format!("eyJhbGciOiJub25lIn0.{place}.c2lnbmF0dXJl")
}

/// The access token minted for a place.
pub(super) fn minted_for(place: &str) -> String {
    made_up(Family::Oauth, &format!("minted-{place}"))
}

/// The places for which the token endpoint is asked.
pub(super) const EXCHANGED: [&str; 3] = ["federation", "profile", "login"];

/// What the token endpoint answers to a body that holds an identity or a refresh token of ours.
pub(super) fn minted(body: &str) -> String {
    let place = EXCHANGED
        .into_iter()
        .find(|place| body.contains(&identity(place)) || body.contains(&refresh(place)));
    json!({
        "access_token": minted_for(place.unwrap_or("nothing")),
        "refresh_token": refresh("again"),
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "user:inference user:profile",
    })
    .to_string()
}

/// The refresh token planted at a place.
pub(super) fn refresh(place: &str) -> String {
    made_up(Family::Refresh, place)
}

#[cfg(test)]
mod tests {
    use super::{Family, identity, made_up, minted, minted_for, refresh};

    #[test]
    fn tokens_of_different_places_differ_and_have_the_length_of_real_ones() {
        let one = made_up(Family::ApiKey, "api_key@user");
        assert_eq!(one.len(), "sk-ant-api03-".len() + 95);
        assert_ne!(one, made_up(Family::ApiKey, "api_key@project"));
    }

    #[test]
    fn the_endpoint_mints_for_the_place_it_is_asked_for() {
        assert!(minted(&identity("profile")).contains(&minted_for("profile")));
        assert!(minted(&refresh("federation")).contains(&minted_for("federation")));
        assert!(minted("{}").contains(&minted_for("nothing")));
    }
}

//! A conversation keeps its profile for as long as that serves it, and another key's conversation is another one.

use std::time::Duration;

use keyreeve_core::standing::{Act, Scope, act};
use keyreeve_core::virtual_key::{Strategy, VirtualKey};
use keyreeve_os::world;

use crate::house::{HERE, House, THERE, answer, from, patient};
use crate::stage::{ASK, Setup};

fn spread(key: &mut VirtualKey) {
    key.strategy = Strategy::Spread;
}

/// A prompt that is long enough to be cached.
fn long() -> Vec<u8> {
    let content = "x".repeat(20_000);
    serde_json::json!({"model": "claude-haiku-5-5", "max_tokens": 16,
        "messages": [{"role": "user", "content": content}]})
    .to_string()
    .into_bytes()
}

fn of_user(user: &str) -> Vec<u8> {
    serde_json::json!({"model": "claude-haiku-5-5", "max_tokens": 16, "metadata": {"user_id": user},
        "messages": [{"role": "user", "content": "hi"}]})
    .to_string()
    .into_bytes()
}

fn well(setup: Setup) -> House {
    House::with(setup, &[HERE, HERE, HERE], spread, |who, _| {
        answer("ok", who)
    })
}

#[test]
fn a_spread_key_uses_its_profiles_in_turn_and_a_conversation_stays() {
    let house = well(Setup::default());
    let alone: Vec<u64> = (0..6).map(|_| from(&house.post())).collect();
    assert_eq!(alone, [0, 1, 2, 0, 1, 2]);
    let held: Vec<u64> = ["one", "two", "one", "one", "two"]
        .map(|session| from(&house.say(session, ASK)))
        .to_vec();
    assert_eq!(held, [0, 1, 0, 0, 1]);
    let (_, _, why, _) = house.told().pop().unwrap();
    assert_eq!(why, "held");
}

#[test]
fn without_a_session_the_user_tells_conversations_apart() {
    let house = well(Setup::default());
    let who = |user| from(&house.post_with(&[], &of_user(user)));
    assert_eq!([who("a"), who("b"), who("a"), who("b")], [0, 1, 0, 1]);
    // Nothing of it is kept as it was written.
    let personal = "a-name-of-somebody-that-is-personal";
    who(personal);
    assert!(
        house
            .stage
            .rows()
            .iter()
            .all(|row| row.intent.session.is_none())
    );
}

#[test]
fn what_is_no_message_follows_its_conversation_and_moves_it_nowhere() {
    let house = well(Setup::default());
    let headers = [
        ("x-claude-code-session-id", "one"),
        ("x-api-key", house.key.as_str()),
        crate::stage::JSON,
    ];
    let count = || {
        from(
            &house
                .stage
                .ask("POST /v1/messages/count_tokens", &headers, ASK),
        )
    };
    assert_eq!([count(), count()], [0, 1], "not held yet");
    assert_eq!(from(&house.say("one", ASK)), 2);
    assert_eq!([count(), count()], [2, 2]);
}

#[test]
fn a_conversation_moves_when_its_profile_rests_and_stays_where_it_went() {
    let house = House::start(&[HERE, HERE], |who, before| match (who, before) {
        (0, 1) => answer("credit", 0),
        _ => answer("ok", who),
    });
    assert_eq!(from(&house.say("one", ASK)), 0);
    assert_eq!(from(&house.say("one", ASK)), 1, "a small one moves at once");
    let drain = |what| {
        let scope = Scope::Credential(house.profiles[0].id);
        let change = move |standing| act(standing, what, world::now());
        house.stage.store.update_standing(&scope, change).unwrap();
    };
    drain(Act::Wake);
    assert_eq!(from(&house.say("one", ASK)), 1, "it is held there now");
    assert_eq!(from(&house.say("other", ASK)), 0);
    drain(Act::Drain);
    assert_eq!(from(&house.say("other", ASK)), 1);
    let (_, number, why, _) = house.told().pop().unwrap();
    assert_eq!((number, why), (1, "moved"));
}

#[test]
fn a_long_conversation_waits_for_its_profile_where_that_is_short() {
    let house = House::start(&[HERE, HERE], |who, before| match (who, before) {
        (0, 1) => answer("limit 1", 0),
        (0, 3) => answer("limit 40", 0),
        _ => answer("ok", who),
    });
    let long = long();
    assert_eq!(from(&house.say("one", &long)), 0);
    assert_eq!(from(&house.say("one", &long)), 0, "waited out");
    assert_eq!(
        from(&house.say("one", &long)),
        1,
        "too long to be waited for"
    );
    let reasons: Vec<_> = house.told().iter().map(|row| row.2).collect();
    assert_eq!(
        reasons,
        ["first", "held", "waited", "held", "after-refusal"]
    );
}

#[test]
fn a_failing_upstream_borrows_a_conversation_and_gives_it_back() {
    let house = House::start(&[HERE, THERE], |who, before| match (who, before) {
        (0, 1) => answer("busy", 0),
        _ => answer("ok", who),
    });
    let who: Vec<u64> = (0..3).map(|_| from(&house.say("one", ASK))).collect();
    assert_eq!(who, [0, 1, 0]);
}

#[test]
fn a_switch_is_one_event_with_names_alone() {
    let house = House::with(
        patient(Duration::ZERO),
        &[HERE, THERE],
        |_| {},
        |who, _| {
            if who == 0 {
                answer("credit", 0)
            } else {
                answer("ok", who)
            }
        },
    );
    assert_eq!(from(&house.post()), 1);
    let log = house.stage.logged();
    let switches: Vec<&str> = log.lines().filter(|line| line.contains("switch")).collect();
    assert_eq!(switches.len(), 1, "{switches:?}");
    for field in [
        "from=work",
        "to=further-1",
        "verdict=\"out_of_credit\"",
        "reason=\"after-refusal\"",
        "request=req_kr_",
    ] {
        assert!(switches[0].contains(field), "{field}: {}", switches[0]);
    }
}

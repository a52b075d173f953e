//! Operations on profiles: what a new or replaced secret must be.

use keyreeve_broker::admin::profiles::{self, AddedProfile, ProfileSettings};
use keyreeve_broker::admin::{AdminError, NewSecret};
use keyreeve_core::api::Api;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::{Auth, BillingClass, Name, Provenance};
use keyreeve_core::token::{self, read_setup_token};
use keyreeve_os::environment::Environment;
use keyreeve_store::Store;
use keyreeve_testkit::canary::Canary;

use crate::harness::Harness;

fn setup_token(label: &str) -> NewSecret {
    NewSecret::SetupToken {
        token: read_setup_token(Canary::oauth(label).value()).unwrap(),
        made_at: None,
    }
}

fn pasted(text: &str) -> NewSecret {
    NewSecret::Pasted(token::read(text, Api::Anthropic.grammar()))
}

fn add(store: &Store, name: &str, secret: NewSecret) -> Result<AddedProfile, AdminError> {
    let name: Name = name.parse().unwrap();
    let settings = ProfileSettings::with_defaults(name, BaseUrl::anthropic(), Api::Anthropic);
    profiles::add(store, settings, secret, &Environment::default())
}

#[test]
fn secret_is_replaced_by_one_of_its_kind_only() {
    let harness = Harness::sealed();
    let store = harness.broker.store();
    let api_key = || pasted(Canary::api_key("key").value());
    let console = add(store, "console", api_key()).unwrap().profile;
    let plan = add(store, "plan", setup_token("first")).unwrap().profile;
    assert_eq!(
        (console.billing, console.auth),
        (BillingClass::Metered, Auth::ApiKey)
    );
    assert_eq!(
        (plan.billing, plan.auth),
        (BillingClass::Plan, Auth::Bearer)
    );
    assert_eq!(plan.provenance, Provenance::SetupToken);
    for (name, secret) in [
        (&console.name, setup_token("other")),
        (&plan.name, api_key()),
    ] {
        let refused = profiles::rotate(store, name, secret);
        assert!(matches!(refused, Err(AdminError::OtherKindOfSecret(found)) if found == *name));
    }
    assert!(profiles::rotate(store, &console.name, api_key()).is_ok());
    let rotated = profiles::rotate(store, &plan.name, setup_token("second")).unwrap();
    assert!(rotated.rotated_at.is_some());
}

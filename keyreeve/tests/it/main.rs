//! Tests of whole commands, each in a temporary home, with all output captured.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a failed setup is a failed test, and tests write files as a user would"
)]

mod ask;
mod cache_ttl;
mod case;
mod check;
mod client_keys;
mod crashes;
mod doctor;
mod errors;
mod exec;
mod exec_gateway;
mod expected_payer;
mod figures;
mod first_request;
mod full_disk;
mod full_session;
mod help;
mod hostile_names;
mod import;
mod inspect;
mod key_redaction;
mod keys;
mod kills;
mod leak_scan;
mod limits;
mod link;
mod onboard;
mod outside;
mod pass_through;
mod pasted_keys;
mod plan_logins;
mod planted_secrets;
mod profile_health;
mod profiles;
mod protect;
mod redirecting_project;
mod replaced_store;
mod reports;
mod schema;
mod sdk_profiles;
mod secret_arguments;
mod serve;
mod serve_log;
mod serve_signals;
mod serving;
mod setup_token;
mod statusline;
mod store;
mod store_claim;
mod storm;
mod strace;
mod systemd_unit;
mod umask;
mod unresponsive_dns;
mod unsafe_files;
mod unusable_values;
mod unverified_rows;
mod who_pays;
mod working_directory;
mod wrong_clock;

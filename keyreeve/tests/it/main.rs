//! The command line from outside: whole commands in a home of their own, with all they say written down.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a set-up that fails is a failed test, and tests write files as a person would"
)]

mod ask;
mod bi_01;
mod bi_02;
mod cache_ttl;
mod case;
mod check;
mod co_01;
mod day;
mod doctor;
mod errors;
mod exec;
mod figures;
mod handed;
mod help;
mod import;
mod inspect;
mod keys;
mod la_01;
mod la_03;
mod la_05;
mod la_06;
mod la_09;
mod la_10;
mod limits;
mod link;
mod logins;
mod lying;
mod main_job;
mod onboard;
mod outside;
mod pass_through;
mod pr_01;
mod pr_06;
mod profiles;
mod reports;
mod schema;
mod serve;
mod serving;
mod setup_token;
mod silent_resolver;
mod st_01;
mod st_10;
mod standings;
mod statusline;
mod store;
mod storm;
mod strace;
mod su_01;
mod supervised;
mod unit;
mod who;

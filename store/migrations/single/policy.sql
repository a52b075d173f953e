-- Copies the policy of a single database of schema 9, attached as `old`, into an empty policy.db.

INSERT INTO profiles (id, name, source, detail, base_url, auth, provenance, billing, family, hint, secret_exposure,
                      simulated, expires_at, created_at, rotated_at, removed)
SELECT id, name, source, detail, base_url, auth, provenance, billing, family, hint,
       CASE handing WHEN 'direct' THEN 'programs' ELSE 'requests-only' END,
       simulated, expires_at, created_at, rotated_at, removed FROM old.profiles;

INSERT INTO sealed (profile, generation, sealed) SELECT profile, generation, sealed FROM old.sealed;

INSERT INTO keys (id, name, billing, strategy, allow_billing, models, cache_ttl, expires_at, revoked_at, created_at,
                  simulated)
SELECT id, name, billing, strategy, may_spend, models, cache_ttl, expires_at, revoked_at, created_at, simulated
FROM old.keys;

INSERT INTO key_profiles (key, position, profile) SELECT key, place, profile FROM old.key_profiles;

INSERT INTO key_secrets (public_id, key, hash, valid_until)
SELECT public_id, key, hash, valid_until FROM old.key_secrets;

INSERT INTO bindings (directory, profile, expect, expect_profile)
SELECT directory, profile, expect, expect_profile FROM old.bindings;

INSERT INTO health (kind, subject, class, state, since, code, decided_by, schedule, until, time_source, failures,
                    probed_at)
SELECT kind, subject, class, CASE state WHEN 'resting' THEN 'cooldown' ELSE state END, since, code,
       CASE evidence WHEN 'silence' THEN 'no-response' ELSE evidence END,
       CASE schedule WHEN 'person' THEN 'manual' ELSE schedule END, until,
       CASE time WHEN 'person' THEN 'user' ELSE time END, failures, probed FROM old.standings;

INSERT INTO organizations (profile, organization) SELECT profile, organization FROM old.organizations;

INSERT INTO meta (one, master_key_home, master_key_check, generation, health_generation, default_profile)
SELECT one, master_key_home, master_key_check, generation, standings_generation, default_profile FROM old.meta;

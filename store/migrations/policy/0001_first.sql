-- policy.db: what is trusted, and what is usable. Times are microseconds since 1970-01-01 UTC; ids are the 16 bytes of a
-- UUID.

CREATE TABLE meta (
    one               INTEGER PRIMARY KEY CHECK (one = 1),
    master_key_home   TEXT    NOT NULL,
    master_key_check  BLOB    NOT NULL,
    -- Counts changes of policy: a cache with another number is stale.
    generation        INTEGER NOT NULL,
    -- Counts changes of health, separately from policy.
    health_generation INTEGER NOT NULL DEFAULT 0,
    default_profile   BLOB    REFERENCES profiles (id)
) STRICT;

-- A removed profile keeps its row, so that the ledger keeps its name. Its secret is deleted.
CREATE TABLE profiles (
    id              BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name            TEXT    NOT NULL,
    source          TEXT    NOT NULL CHECK (source IN
                        ('sealed', 'environment', 'file', 'command', 'sdk-profile', 'ant', 'claude-login')),
    -- The variable's name; the file's path; the program and its arguments as a JSON array; the SDK profile's name and
    -- its directory or null as a JSON array; the name of ant's profile or null; Claude Code's directory or null.
    detail          TEXT,
    base_url        TEXT    NOT NULL,
    auth            TEXT    NOT NULL,
    provenance      TEXT    NOT NULL,
    billing         TEXT    NOT NULL,
    family          TEXT,
    hint            TEXT,
    -- Whether the raw secret may be given to programs.
    secret_exposure TEXT    NOT NULL CHECK (secret_exposure IN ('requests-only', 'programs')),
    simulated       INTEGER NOT NULL,
    -- Expiry of the secret, if known.
    expires_at      INTEGER,
    created_at      INTEGER NOT NULL,
    rotated_at      INTEGER,
    removed         INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX profile_names ON profiles (name) WHERE removed = 0;

-- Secrets encrypted at rest ("sealed").
CREATE TABLE sealed (
    profile     BLOB    PRIMARY KEY REFERENCES profiles (id),
    generation  INTEGER NOT NULL,
    sealed      BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- A revoked key keeps its row, and its name is free again.
CREATE TABLE keys (
    id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name          TEXT    NOT NULL,
    -- Billing class of the key: that of its first profile when the key was created, even if that profile is removed.
    billing       TEXT,
    -- The strategy by which a key selects among its ready profiles.
    strategy      TEXT    NOT NULL CHECK (strategy IN ('ordered', 'spread')),
    -- The billing classes allowed in addition, as a JSON array.
    allow_billing TEXT    NOT NULL,
    -- Globs, as a JSON array.
    models        TEXT    NOT NULL,
    -- The TTL set on cache markers in requests of this key; null: as configured.
    cache_ttl     TEXT    CHECK (cache_ttl IN ('5m', '1h')),
    expires_at    INTEGER,
    revoked_at    INTEGER,
    created_at    INTEGER NOT NULL,
    simulated     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX key_names ON keys (name) WHERE revoked_at IS NULL;

CREATE TABLE key_profiles (
    key         BLOB    NOT NULL REFERENCES keys (id),
    position    INTEGER NOT NULL,
    profile     BLOB    NOT NULL REFERENCES profiles (id),
    PRIMARY KEY (key, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_secrets (
    public_id   BLOB    PRIMARY KEY CHECK (length(public_id) = 8),
    key         BLOB    NOT NULL REFERENCES keys (id),
    hash        BLOB    NOT NULL CHECK (length(hash) = 32),
    valid_until INTEGER
) STRICT, WITHOUT ROWID;

-- The profile and the expected payer of a directory's programs. A removed profile stays bound, so that no other account
-- pays in its place.
CREATE TABLE bindings (
    -- Absolute, with all symbolic links resolved.
    directory      TEXT NOT NULL PRIMARY KEY,
    profile        BLOB REFERENCES profiles (id),
    -- A class of payer, or `profile` with the profile in `expect_profile`.
    expect         TEXT CHECK (expect IN ('plan', 'metered', 'cloud', 'gateway', 'profile')),
    expect_profile BLOB REFERENCES profiles (id),
    CHECK (profile IS NOT NULL OR expect IS NOT NULL),
    CHECK ((expect_profile IS NOT NULL) = (expect IS 'profile'))
) STRICT, WITHOUT ROWID;

-- Health of each scope. A scope without a row is ready.
CREATE TABLE health (
    kind        TEXT    NOT NULL CHECK (kind IN ('credential', 'organization')),
    -- The profile's id in 32 hexadecimal digits; or the origin, a space, the organization's id.
    subject     TEXT    NOT NULL,
    -- The request class; empty: all.
    class       TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('cooldown', 'blocked', 'dead', 'drained')),
    since       INTEGER NOT NULL,
    -- The verdict's code and what decided it; null for a manual change.
    code        TEXT,
    decided_by  TEXT,
    -- Of a cooldown.
    schedule    TEXT,
    until       INTEGER,
    time_source TEXT,
    failures    INTEGER NOT NULL DEFAULT 0,
    probed_at   INTEGER,
    PRIMARY KEY (kind, subject, class)
) STRICT, WITHOUT ROWID;

-- The organization named by the last response for a profile, in the format of `health.subject`.
CREATE TABLE organizations (
    profile      BLOB PRIMARY KEY CHECK (length(profile) = 16),
    organization TEXT NOT NULL
) STRICT, WITHOUT ROWID;

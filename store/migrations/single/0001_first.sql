-- Times are microseconds since 1970-01-01 UTC; ids are the 16 bytes of a UUID; money is in nano-dollars.

CREATE TABLE meta (
    one               INTEGER PRIMARY KEY CHECK (one = 1),
    master_key_home   TEXT    NOT NULL,
    master_key_check  BLOB    NOT NULL,
    -- Counts policy writes: a cache with another number is stale.
    generation        INTEGER NOT NULL,
    default_profile   BLOB    REFERENCES profiles (id)
) STRICT;

-- A removed profile keeps its row, so that the ledger keeps its name. Its secret is deleted.
CREATE TABLE profiles (
    id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name        TEXT    NOT NULL,
    source      TEXT    NOT NULL CHECK (source IN ('sealed', 'environment', 'command')),
    -- The variable's name, or the program and its arguments as a JSON array.
    detail      TEXT,
    base_url    TEXT    NOT NULL,
    auth        TEXT    NOT NULL,
    provenance  TEXT    NOT NULL,
    billing     TEXT    NOT NULL,
    family      TEXT,
    hint        TEXT,
    simulated   INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    rotated_at  INTEGER,
    removed     INTEGER NOT NULL DEFAULT 0
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
    id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name        TEXT    NOT NULL,
    -- Globs, as a JSON array.
    models      TEXT    NOT NULL,
    expires_at  INTEGER,
    revoked_at  INTEGER,
    created_at  INTEGER NOT NULL,
    simulated   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX key_names ON keys (name) WHERE revoked_at IS NULL;

CREATE TABLE key_profiles (
    key         BLOB    NOT NULL REFERENCES keys (id),
    place       INTEGER NOT NULL,
    profile     BLOB    NOT NULL REFERENCES profiles (id),
    PRIMARY KEY (key, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_secrets (
    public_id   BLOB    PRIMARY KEY CHECK (length(public_id) = 8),
    key         BLOB    NOT NULL REFERENCES keys (id),
    hash        BLOB    NOT NULL CHECK (length(hash) = 32),
    valid_until INTEGER
) STRICT, WITHOUT ROWID;

-- One row per attempt: open while `ending` is null, then closed once. It refers to keys and profiles without foreign
-- keys: an attempt must be recorded, whatever else is wrong.
CREATE TABLE ledger (
    attempt             BLOB    PRIMARY KEY CHECK (length(attempt) = 16),
    request             BLOB    NOT NULL,
    started_at          INTEGER NOT NULL,
    operation           TEXT    NOT NULL,
    key                 BLOB    NOT NULL,
    profile             BLOB    NOT NULL,
    session             TEXT,
    model_asked         TEXT,
    stream              INTEGER NOT NULL,
    request_hash        BLOB    NOT NULL,
    request_bytes       INTEGER NOT NULL,
    reserved            INTEGER NOT NULL,
    simulated           INTEGER NOT NULL,
    ending              TEXT,
    ended_at            INTEGER,
    status              INTEGER,
    verdict             TEXT,
    upstream_request_id TEXT,
    model_served        TEXT,
    input               INTEGER NOT NULL DEFAULT 0,
    output              INTEGER NOT NULL DEFAULT 0,
    cache_read          INTEGER NOT NULL DEFAULT 0,
    write_5m            INTEGER NOT NULL DEFAULT 0,
    write_1h            INTEGER NOT NULL DEFAULT 0,
    web_searches        INTEGER NOT NULL DEFAULT 0,
    cost                INTEGER,
    basis               TEXT,
    prices_as_of        TEXT,
    first_byte_micros   INTEGER,
    duration_micros     INTEGER,
    answer_hash         BLOB,
    answer_bytes        INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX ledger_by_time ON ledger (started_at);
CREATE INDEX ledger_open ON ledger (attempt) WHERE ending IS NULL;

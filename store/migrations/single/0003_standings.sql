-- Counts changes of health, separately from policy: a cache with another number is stale.
ALTER TABLE meta ADD COLUMN standings_generation INTEGER NOT NULL DEFAULT 0;

-- Health of each scope. A scope without a row is ready.
CREATE TABLE standings (
    kind     TEXT    NOT NULL CHECK (kind IN ('credential', 'organization')),
    -- The profile's id in 32 hexadecimal digits; or the origin, a space, the organization's id.
    subject  TEXT    NOT NULL,
    -- The request class; empty: all.
    class    TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('resting', 'blocked', 'dead', 'drained')),
    since    INTEGER NOT NULL,
    -- The verdict's code and what decided it; null for a manual change.
    code     TEXT,
    evidence TEXT,
    -- Of a cooldown (`resting`).
    schedule TEXT,
    until    INTEGER,
    time     TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    probed   INTEGER,
    PRIMARY KEY (kind, subject, class)
) STRICT, WITHOUT ROWID;

-- The organization named by the last response for a profile, in the format of `standings.subject`.
CREATE TABLE organizations (
    profile      BLOB PRIMARY KEY CHECK (length(profile) = 16),
    organization TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts changes of standings, apart from policy: what was read under another number is stale.
ALTER TABLE meta ADD COLUMN standings_generation INTEGER NOT NULL DEFAULT 0;

-- A scope without a row is ready.
CREATE TABLE standings (
    kind     TEXT    NOT NULL CHECK (kind IN ('credential', 'organization')),
    -- The profile's id in 32 hexadecimal digits; or the origin, a space, the organization's id.
    subject  TEXT    NOT NULL,
    -- The class of requests; empty: all.
    class    TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('resting', 'blocked', 'dead', 'drained')),
    since    INTEGER NOT NULL,
    -- The verdict's code and what decided it; null where a person did.
    code     TEXT,
    evidence TEXT,
    -- Of what rests.
    schedule TEXT,
    until    INTEGER,
    time     TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    probed   INTEGER,
    PRIMARY KEY (kind, subject, class)
) STRICT, WITHOUT ROWID;

-- The organization that a profile's answers named last, as `standings.subject` has it.
CREATE TABLE organizations (
    profile      BLOB PRIMARY KEY CHECK (length(profile) = 16),
    organization TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The limits that answers and status lines told last, one row each. What was never told has no row.
CREATE TABLE limits (
    kind      TEXT    NOT NULL CHECK (kind IN ('profile', 'claude-code', 'pass-through')),
    -- The id of the profile or the key in 32 hexadecimal digits; or the configuration directory, empty: the usual one.
    subject   TEXT    NOT NULL,
    -- The class of requests that have it in common; empty: all.
    class     TEXT    NOT NULL,
    -- Its name; after `plan ` where it is a plan's window.
    which     TEXT    NOT NULL,
    -- A count of what is left, and of how many; or what is used, in millionths.
    remaining INTEGER,
    total     INTEGER,
    used      INTEGER,
    state     TEXT,
    resets_at INTEGER,
    seen_at   INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, class, which),
    CHECK (remaining IS NULL OR used IS NULL),
    CHECK (total IS NULL OR remaining IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- The last limits observed in responses and status lines, one row each. A limit never observed has no row.
CREATE TABLE limits (
    kind      TEXT    NOT NULL CHECK (kind IN ('profile', 'claude-code', 'pass-through')),
    -- The id of the profile or the key in 32 hexadecimal digits; or the configuration directory, empty: the default
    -- one.
    subject   TEXT    NOT NULL,
    -- The request class that shares the limit; empty: all.
    class     TEXT    NOT NULL,
    -- The name of the limit; a window of a plan starts with `plan `.
    which     TEXT    NOT NULL,
    -- The remaining count and the total; or the used fraction, in millionths.
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

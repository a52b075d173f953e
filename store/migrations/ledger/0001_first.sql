-- ledger.db: what happened. Times are microseconds since 1970-01-01 UTC; ids are the 16 bytes of a UUID; money is in
-- nano-dollars.

-- One row per attempt. Plain columns: measured, packing them would save 1.5 us of 3.3 us a row, and cost everybody who
-- reads the table with sqlite3. It refers to keys and profiles of policy.db.
CREATE TABLE attempts (
    -- The start in microseconds times 64, plus a number that makes it unique: rows are appended, and need no index.
    id                  INTEGER PRIMARY KEY,
    attempt             BLOB    NOT NULL,
    request             BLOB    NOT NULL,
    operation           TEXT    NOT NULL,
    key                 BLOB    NOT NULL,
    profile             BLOB    NOT NULL,
    -- Number of the attempt within its request, from 1.
    number              INTEGER NOT NULL,
    reason              TEXT    NOT NULL,
    session             TEXT,
    model_requested     TEXT,
    stream              INTEGER NOT NULL,
    request_hash        BLOB    NOT NULL,
    request_bytes       INTEGER NOT NULL,
    reserved            INTEGER NOT NULL,
    simulated           INTEGER NOT NULL,
    -- Null while the entry is open.
    ending              TEXT,
    ended_at            INTEGER,
    status              INTEGER,
    verdict             TEXT,
    upstream_request_id TEXT,
    model_served        TEXT,
    input               INTEGER NOT NULL,
    output              INTEGER NOT NULL,
    cache_read          INTEGER NOT NULL,
    write_5m            INTEGER NOT NULL,
    write_1h            INTEGER NOT NULL,
    web_searches        INTEGER NOT NULL,
    cost                INTEGER,
    basis               TEXT,
    prices_as_of        TEXT,
    first_byte_micros   INTEGER,
    duration_micros     INTEGER,
    response_hash       BLOB,
    response_bytes      INTEGER NOT NULL,
    cache_edit          TEXT
) STRICT;

-- Entries written by commands without a journal, while they are open.
CREATE INDEX attempts_open ON attempts (id) WHERE ending IS NULL;

-- Sums of closed attempts by quarter of an hour, which days of every time zone consist of. They outlive the attempts.
CREATE TABLE rollups (
    -- Number of the quarter since 1970-01-01 UTC.
    quarter         INTEGER NOT NULL,
    key             BLOB    NOT NULL,
    profile         BLOB    NOT NULL,
    -- The model that served, or the requested one if unknown; empty: none.
    model           TEXT    NOT NULL,
    -- First attempts, which is the number of requests.
    requests        INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    simulated       INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    -- Attempts whose cost is an upper bound.
    at_most         INTEGER NOT NULL,
    input           INTEGER NOT NULL,
    output          INTEGER NOT NULL,
    cache_read      INTEGER NOT NULL,
    write_5m        INTEGER NOT NULL,
    write_1h        INTEGER NOT NULL,
    web_searches    INTEGER NOT NULL,
    cost            INTEGER NOT NULL,
    -- The price of attempts paid by a plan: an estimate, not money spent.
    equivalent      INTEGER NOT NULL,
    PRIMARY KEY (quarter, key, profile, model)
) STRICT, WITHOUT ROWID;

-- The start of the last attempt of each key and profile.
CREATE TABLE last_use (
    kind    TEXT    NOT NULL CHECK (kind IN ('key', 'profile')),
    id      BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- The last limits observed in responses and status lines, one row each. A limit never observed has no row.
CREATE TABLE limits (
    kind        TEXT    NOT NULL CHECK (kind IN ('profile', 'claude-code', 'pass-through')),
    -- The id of the profile or the key in 32 hexadecimal digits; or the configuration directory, empty: the default
    -- one.
    subject     TEXT    NOT NULL,
    -- The request class that shares the limit; empty: all.
    class       TEXT    NOT NULL,
    -- The name of the limit; a window of a plan starts with `plan `.
    name        TEXT    NOT NULL,
    -- The remaining count and the total; or the used fraction, in millionths.
    remaining   INTEGER,
    total       INTEGER,
    used        INTEGER,
    state       TEXT,
    resets_at   INTEGER,
    observed_at INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, class, name),
    CHECK (remaining IS NULL OR used IS NULL),
    CHECK (total IS NULL OR remaining IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- Each journal's progress: entries closed up to this number are in `attempts`.
CREATE TABLE journals (
    id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
    folded      INTEGER NOT NULL,
    -- Set when everything of a dead process's journal is in `attempts`: its file can be deleted.
    replayed    INTEGER NOT NULL DEFAULT 0,
    -- Slots that were damaged when it was replayed.
    damaged     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    -- Start of the details: older attempts were deleted, and only their rollups are left.
    details_from INTEGER NOT NULL DEFAULT 0,
    -- When retention deletes for the first time; null until it was announced.
    retention_from INTEGER
) STRICT;
INSERT INTO meta (one) VALUES (1);

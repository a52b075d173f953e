-- Message authentication codes of the rows that name who is trusted, under a key derived from the master key. A row
-- without a valid one is refused. Taking a row's authority away deletes its code.
--
-- "IF NOT EXISTS": a database whose version was reset is opened like any other, and its rows are refused by name.

CREATE TABLE IF NOT EXISTS row_macs (
    kind    TEXT    NOT NULL CHECK (kind IN ('profile', 'key', 'secret')),
    -- The profile's or key's id, or the secret's public id.
    id      BLOB    NOT NULL,
    -- Counts the signed writes of the row.
    version INTEGER NOT NULL,
    mac     BLOB    NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

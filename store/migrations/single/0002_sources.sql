-- More sources of a secret. SQLite cannot change a check, and the table cannot be recreated while others refer to it:
-- the column is recreated. `detail` is the variable's name; the file's path; the program and its arguments as a JSON
-- array; the SDK profile's name and its directory or null as a JSON array; the name of ant's profile or null; Claude
-- Code's directory or null.
ALTER TABLE profiles ADD COLUMN source_of_2 TEXT NOT NULL DEFAULT 'sealed'
    CHECK (source_of_2 IN ('sealed', 'environment', 'file', 'command', 'sdk-profile', 'ant', 'claude-login'));
UPDATE profiles SET source_of_2 = source;
ALTER TABLE profiles DROP COLUMN source;
ALTER TABLE profiles RENAME COLUMN source_of_2 TO source;

-- Whether the raw secret may be given to programs.
ALTER TABLE profiles ADD COLUMN handing TEXT NOT NULL DEFAULT 'leased' CHECK (handing IN ('leased', 'direct'));

-- Expiry of the secret, if known.
ALTER TABLE profiles ADD COLUMN expires_at INTEGER;

-- Whom a key pays: the class of its first profile when it was made, whatever becomes of that profile. Null: it has none.
ALTER TABLE keys ADD COLUMN billing TEXT;
UPDATE keys SET billing = (
    SELECT billing FROM key_profiles JOIN profiles ON profiles.id = profile
    WHERE key = keys.id AND billing <> 'plan' ORDER BY place LIMIT 1
);

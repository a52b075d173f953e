-- Billing class of a key: that of its first profile when the key was created, even if that profile is removed. Null:
-- none.
ALTER TABLE keys ADD COLUMN billing TEXT;
UPDATE keys SET billing = (
    SELECT billing FROM key_profiles JOIN profiles ON profiles.id = profile
    WHERE key = keys.id AND billing <> 'plan' ORDER BY place LIMIT 1
);

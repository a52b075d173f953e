-- The strategy by which a key selects among its ready profiles.
ALTER TABLE keys ADD COLUMN strategy TEXT NOT NULL DEFAULT 'ordered' CHECK (strategy IN ('ordered', 'spread'));

-- The billing classes allowed in addition to that of its first profile, as a JSON array.
ALTER TABLE keys ADD COLUMN may_spend TEXT NOT NULL DEFAULT '[]';

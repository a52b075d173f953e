-- How a key chooses among its profiles that are ready.
ALTER TABLE keys ADD COLUMN strategy TEXT NOT NULL DEFAULT 'ordered' CHECK (strategy IN ('ordered', 'spread'));

-- The classes it may be billed to beside that of its first profile, as a JSON array.
ALTER TABLE keys ADD COLUMN may_spend TEXT NOT NULL DEFAULT '[]';

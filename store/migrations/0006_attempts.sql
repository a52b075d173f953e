-- Which attempt of its request it is, from 1, and why it was this profile's. Before there were further attempts each was
-- the first, by the order of its key.
ALTER TABLE ledger ADD COLUMN number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE ledger ADD COLUMN reason TEXT NOT NULL DEFAULT 'first';

-- The number of the attempt within its request, from 1, and the reason for selecting its profile. Before there were
-- retries each attempt was the first, by the order of its key.
ALTER TABLE ledger ADD COLUMN number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE ledger ADD COLUMN reason TEXT NOT NULL DEFAULT 'first';

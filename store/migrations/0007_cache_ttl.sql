-- The lifetime that the markers of prompt caches get in requests of this key; null: what the configuration says.
ALTER TABLE keys ADD COLUMN cache_ttl TEXT CHECK (cache_ttl IN ('5m', '1h'));

-- What was done to the markers, such as `1h:3` or `left: order`; null where nothing was asked for.
ALTER TABLE ledger ADD COLUMN cache_edit TEXT;

-- The TTL set on cache markers in requests of this key; null: as configured.
ALTER TABLE keys ADD COLUMN cache_ttl TEXT CHECK (cache_ttl IN ('5m', '1h'));

-- The edit of the cache markers, such as `1h:3` or `left: order`; null if none was requested.
ALTER TABLE ledger ADD COLUMN cache_edit TEXT;

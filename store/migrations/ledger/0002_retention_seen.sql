-- When retention last ran, by the machine's clock: a clock that jumps deletes nothing at once.

ALTER TABLE meta ADD COLUMN retention_seen INTEGER;

-- Copies the ledger of a single database of schema 9, attached as `old`, into an empty ledger.db.

-- In the order of their start; those of one microsecond are numbered, and a 65th counts on into the next one. A start
-- after the year 6500, from a wrong clock, would not fit into the id.
INSERT INTO attempts
SELECT max(start * 64 - place) OVER (ORDER BY place ROWS UNBOUNDED PRECEDING) + place,
       attempt, request, operation, key, profile, number, CASE reason WHEN 'held' THEN 'sticky' ELSE reason END,
       session, model_asked, stream, request_hash, request_bytes, reserved, simulated, ending, ended_at, status, verdict,
       upstream_request_id, model_served, input, output, cache_read, write_5m, write_1h, web_searches, cost, basis,
       prices_as_of, first_byte_micros, duration_micros, answer_hash, answer_bytes,
       CASE WHEN cache_edit LIKE 'left: %' THEN 'skipped: ' || substr(cache_edit, 7) ELSE cache_edit END
FROM (
    SELECT *, min(started_at, 144115188075855871) AS start,
           row_number() OVER (ORDER BY started_at, number, attempt) AS place
    FROM old.ledger
)
ORDER BY place;

INSERT INTO limits (kind, subject, class, name, remaining, total, used, state, resets_at, observed_at)
SELECT kind, subject, class, which, remaining, total, used, state, resets_at, seen_at FROM old.limits;

-- Bindings: the profile and the expected payer of a directory's programs. A removed profile stays bound, so that no
-- other account pays in its place.
CREATE TABLE bindings (
    -- Absolute, with all symbolic links resolved.
    directory      TEXT NOT NULL PRIMARY KEY,
    profile        BLOB REFERENCES profiles (id),
    -- A class of payer, or `profile` with the profile in `expect_profile`.
    expect         TEXT CHECK (expect IN ('plan', 'metered', 'cloud', 'gateway', 'profile')),
    expect_profile BLOB REFERENCES profiles (id),
    CHECK (profile IS NOT NULL OR expect IS NOT NULL),
    CHECK ((expect_profile IS NOT NULL) = (expect IS 'profile'))
) STRICT, WITHOUT ROWID;

-- What a directory is bound to: the profile its programs are meant to use, and who is meant to pay there. A profile that
-- is removed stays bound, so that nobody else pays in its place.
CREATE TABLE bindings (
    -- Absolute, every symbolic link followed.
    directory      TEXT NOT NULL PRIMARY KEY,
    profile        BLOB REFERENCES profiles (id),
    -- A class of payer, or `profile` with the one meant beside it.
    expect         TEXT CHECK (expect IN ('plan', 'metered', 'cloud', 'gateway', 'profile')),
    expect_profile BLOB REFERENCES profiles (id),
    CHECK (profile IS NOT NULL OR expect IS NOT NULL),
    CHECK ((expect_profile IS NOT NULL) = (expect IS 'profile'))
) STRICT, WITHOUT ROWID;

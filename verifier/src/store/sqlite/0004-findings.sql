-- Findings of fraud, what people decided about them, and which claims' money they hold. They are
-- written by the one write path, in the transaction of the entries that move the money.

-- Free credit: spent first, credited to nobody (docs/decisions/0014-free-credit.md). Of a claim's entry
-- how much of it was free, of a welcome's how much can only be spent; null, so nothing, in older ones.
ALTER TABLE entries ADD COLUMN free INTEGER;
ALTER TABLE wallets ADD COLUMN free INTEGER NOT NULL DEFAULT 0 CHECK (free >= 0 AND free <= balance);
ALTER TABLE creators ADD COLUMN free INTEGER NOT NULL DEFAULT 0 CHECK (free >= 0);

ALTER TABLE tallies ADD COLUMN free INTEGER NOT NULL DEFAULT 0;

ALTER TABLE wallets ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE creators ADD COLUMN review INTEGER NOT NULL DEFAULT 0 CHECK (review >= 0);
ALTER TABLE counters ADD COLUMN finding INTEGER NOT NULL DEFAULT 1;
ALTER TABLE counters ADD COLUMN observation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE counters ADD COLUMN decision INTEGER NOT NULL DEFAULT 1;

-- What was seen and leaves no entry, in commit order. `origin` is set to null after some weeks.
CREATE TABLE observations (
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, after INTEGER NOT NULL, seen INTEGER NOT NULL,
  wallet INTEGER NOT NULL, creator INTEGER NOT NULL, origin INTEGER,
  amount INTEGER NOT NULL, count INTEGER NOT NULL
) STRICT;

CREATE TABLE findings (
  finding INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,
  subject_kind INTEGER NOT NULL, subject INTEGER NOT NULL, role INTEGER NOT NULL,
  kind TEXT NOT NULL, rule TEXT NOT NULL, score_ppm INTEGER NOT NULL, error_ppm INTEGER NOT NULL,
  accuse INTEGER NOT NULL, creator INTEGER NOT NULL, at INTEGER NOT NULL, horizon INTEGER NOT NULL,
  entries BLOB NOT NULL, observations BLOB NOT NULL,   -- numbers of eight bytes, ascending
  explanation TEXT NOT NULL,
  recorded_at INTEGER NOT NULL, state INTEGER NOT NULL,
  held INTEGER NOT NULL CHECK (held >= 0), held_claims INTEGER NOT NULL, ever_held INTEGER NOT NULL
) STRICT;
CREATE INDEX findings_of_creator ON findings (creator, finding);
CREATE INDEX findings_of_subject ON findings (subject_kind, subject);
CREATE INDEX findings_undecided ON findings (finding) WHERE state <= 2 AND accuse = 1;
CREATE INDEX findings_holding ON findings (finding) WHERE held_claims > 0;

-- The trail: appended to, never changed.
CREATE TABLE decisions (
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, act INTEGER NOT NULL,
  finding INTEGER NOT NULL, wallet INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_of_finding ON decisions (finding) WHERE finding > 0;
CREATE INDEX decisions_of_wallet ON decisions (wallet) WHERE wallet > 0;

-- A claim is held at most once, so its entry's number is the key.
CREATE TABLE claim_holds (
  claim INTEGER PRIMARY KEY, finding INTEGER NOT NULL, creator INTEGER NOT NULL,
  wallet INTEGER NOT NULL, amount INTEGER NOT NULL, settled INTEGER NOT NULL,
  returned INTEGER NOT NULL CHECK (returned IN (0, 1))
) STRICT;
CREATE INDEX claim_holds_of_finding ON claim_holds (finding, claim);

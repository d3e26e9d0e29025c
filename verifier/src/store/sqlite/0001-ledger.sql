-- The ledger. Integers are micros, Unix milliseconds, or numbers given in commit order from 1.
-- No index on the path of a claim has random keys: state lives with wallet and spending key, and
-- entries hang together as chains (previous_of_…), so a claim touches three rows and appends one.

CREATE TABLE counters (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  entry INTEGER NOT NULL, wallet INTEGER NOT NULL, key INTEGER NOT NULL,
  creator INTEGER NOT NULL, item INTEGER NOT NULL,
  fees INTEGER NOT NULL CHECK (fees >= 0), vouchers INTEGER NOT NULL, welcome INTEGER NOT NULL
) STRICT;
INSERT INTO counters VALUES (1, 1, 1, 1, 1, 1, 0, 0, 0);

-- Who this ledger belongs to: written once, compared at every start.
CREATE TABLE identity (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

CREATE TABLE wallets (
  wallet INTEGER PRIMARY KEY,
  root BLOB NOT NULL UNIQUE,
  balance INTEGER NOT NULL CHECK (balance >= 0),
  opened_at INTEGER NOT NULL,
  last_entry INTEGER NOT NULL,
  -- The newest items owned, 16 bytes each (8 of the item hash, 8 of the entry number); when
  -- OWNED_WINDOW of them have gathered they move to the table owned together, so that they land
  -- on one page instead of each on its own.
  owned BLOB NOT NULL DEFAULT x'',
  owned_moved INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE owned (
  wallet INTEGER NOT NULL, prefix BLOB NOT NULL, entry INTEGER NOT NULL,
  PRIMARY KEY (wallet, prefix, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  key INTEGER PRIMARY KEY,
  public BLOB NOT NULL UNIQUE,
  wallet INTEGER NOT NULL, creator INTEGER NOT NULL, origin BLOB NOT NULL, device INTEGER NOT NULL,
  cap INTEGER NOT NULL, per_claim_max INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  serial INTEGER NOT NULL, consent INTEGER NOT NULL, revoked INTEGER NOT NULL,
  spent INTEGER NOT NULL CHECK (spent >= 0),
  last_sequence INTEGER NOT NULL, last_claim BLOB, last_outcome INTEGER,
  last_receipt INTEGER, last_at INTEGER, last_amount INTEGER, last_signed BLOB,
  last_entry INTEGER NOT NULL, accepted INTEGER NOT NULL, equivocations INTEGER NOT NULL,
  minute INTEGER NOT NULL, in_minute INTEGER NOT NULL,
  mark INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX keys_in_force ON keys (wallet, creator, device) WHERE revoked = 0;

CREATE TABLE allowances (
  key INTEGER NOT NULL, serial INTEGER NOT NULL, signed BLOB NOT NULL,
  PRIMARY KEY (key, serial)
) STRICT, WITHOUT ROWID;

CREATE TABLE creators (
  creator INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  payable INTEGER NOT NULL CHECK (payable >= 0), held INTEGER NOT NULL CHECK (held >= 0),
  number INTEGER NOT NULL, total INTEGER NOT NULL, last_entry INTEGER NOT NULL
) STRICT;

CREATE TABLE profiles (
  creator INTEGER PRIMARY KEY, name TEXT NOT NULL, sites TEXT NOT NULL,
  threshold INTEGER NOT NULL, offer_key BLOB, link_generation INTEGER NOT NULL
) STRICT;

CREATE TABLE items (
  item INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  creator INTEGER NOT NULL, price INTEGER NOT NULL, on_sale INTEGER NOT NULL,
  priced_at INTEGER NOT NULL, expires_at INTEGER,
  name TEXT NOT NULL, title TEXT NOT NULL
) STRICT;
CREATE INDEX items_of_creator ON items (creator);

CREATE TABLE vouchers (
  hash BLOB PRIMARY KEY, amount INTEGER NOT NULL, issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, used_by INTEGER, used_entry INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL,
  kind INTEGER NOT NULL,             -- 1 claim, 2 top-up, 3 welcome, 4 release
  wallet INTEGER, creator INTEGER, amount INTEGER NOT NULL,
  key INTEGER, item INTEGER, fee INTEGER, release_minute INTEGER,
  creator_number INTEGER, creator_total INTEGER,
  previous_of_key INTEGER, previous_of_wallet INTEGER, previous_of_creator INTEGER,
  rail INTEGER,
  body BLOB,                         -- the signed claim, or the rail's reference
  mark_of_key INTEGER
) STRICT;

CREATE TABLE holds (
  minute INTEGER NOT NULL, creator INTEGER NOT NULL, amount INTEGER NOT NULL,
  PRIMARY KEY (minute, creator)
) STRICT, WITHOUT ROWID;

-- Day 0 counts all days.
CREATE TABLE tallies (
  day INTEGER NOT NULL, creator INTEGER NOT NULL, item INTEGER NOT NULL,
  count INTEGER NOT NULL, credited INTEGER NOT NULL,
  PRIMARY KEY (day, creator, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE refusals (
  day INTEGER NOT NULL, creator INTEGER NOT NULL, code INTEGER NOT NULL,
  count INTEGER NOT NULL, amount INTEGER NOT NULL,
  PRIMARY KEY (day, creator, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE equivocations (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, key INTEGER NOT NULL, creator INTEGER NOT NULL,
  sequence INTEGER NOT NULL, first BLOB NOT NULL, second BLOB NOT NULL
) STRICT;
-- One proof convicts a number; the same claim sent again adds none.
CREATE UNIQUE INDEX equivocations_of_key ON equivocations (key, sequence);
CREATE INDEX equivocations_of_creator ON equivocations (creator, id);

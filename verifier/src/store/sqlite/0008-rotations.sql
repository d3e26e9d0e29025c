-- How often a wallet's root key was replaced, and how often it had been when it signed a key's terms: an
-- allowance of before has ended (docs/decisions/0021-cutting-off.md).
ALTER TABLE wallets ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;

-- Root keys that ended, with the signed word of both keys. They never open a wallet again.
CREATE TABLE rotations (
  wallet INTEGER NOT NULL, ended INTEGER NOT NULL, at INTEGER NOT NULL, signed BLOB NOT NULL,
  PRIMARY KEY (wallet, ended)
) STRICT;
-- By the key that ended, as it stands in the signed bytes.
CREATE UNIQUE INDEX rotations_root ON rotations (substr(signed, 49, 32));

-- Root keys sealed by passkeys, under names that only those tell; those of a wallet go when its root key ends.
CREATE TABLE backups (
  wallet INTEGER NOT NULL, name BLOB NOT NULL UNIQUE, signed BLOB NOT NULL,
  PRIMARY KEY (wallet, name)
) STRICT, WITHOUT ROWID;

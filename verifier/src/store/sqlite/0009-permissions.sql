-- What a creator may be paid without a click: the newest permission of a wallet for it, as the root key signed it. Read
-- by automatic claims and by quotes to keys, never by a claim that somebody clicked for.
CREATE TABLE permissions (
  wallet INTEGER NOT NULL, creator INTEGER NOT NULL, signed BLOB NOT NULL,
  PRIMARY KEY (wallet, creator)
) STRICT, WITHOUT ROWID;

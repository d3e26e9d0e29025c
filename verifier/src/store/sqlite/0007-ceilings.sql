-- What a creator takes from one wallet in a month at most: in force before the month `ceiling_from` (months
-- since January 1970), and from it on. Null where there is none.
ALTER TABLE creators ADD COLUMN ceiling_before INTEGER;
ALTER TABLE creators ADD COLUMN ceiling INTEGER;
ALTER TABLE creators ADD COLUMN ceiling_from INTEGER NOT NULL DEFAULT 0;

-- What a wallet paid a creator within a month stands with the first key that the wallet had for it, which all its
-- keys for that creator name: a claim finds the row by its number. The index is written where a key is registered,
-- in force or not: the first one may long be revoked.
ALTER TABLE keys ADD COLUMN first INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN month INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN in_month INTEGER NOT NULL DEFAULT 0 CHECK (in_month >= 0);
UPDATE keys SET first = firsts.key FROM
  (SELECT wallet, creator, MIN(key) AS key FROM keys GROUP BY wallet, creator) AS firsts
  WHERE firsts.wallet = keys.wallet AND firsts.creator = keys.creator;
CREATE INDEX keys_of_wallet ON keys (wallet, creator);

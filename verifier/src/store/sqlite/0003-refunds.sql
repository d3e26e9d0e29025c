-- Refunds: an entry of kind 5, running figures of their own beside those of claims, and the answer
-- to the newest request for each claim. What a claim's row in the ownership tables says no longer
-- holds once its refund stands here.

ALTER TABLE wallets ADD COLUMN last_refund INTEGER NOT NULL DEFAULT 0;

ALTER TABLE creators ADD COLUMN refunds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE creators ADD COLUMN refunded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE creators ADD COLUMN last_refund INTEGER NOT NULL DEFAULT 0;
-- Milliseconds; null for as long as the provider says.
ALTER TABLE creators ADD COLUMN refund_window INTEGER;

-- Of a refund: the claim's entry, and the refund before it of the same wallet. Its creator_number,
-- creator_total and previous_of_creator are those of the creator's refunds.
ALTER TABLE entries ADD COLUMN claim INTEGER;
ALTER TABLE entries ADD COLUMN previous_refund INTEGER;

CREATE TABLE refunds (
  claim INTEGER PRIMARY KEY, request BLOB NOT NULL, asked_at INTEGER NOT NULL,
  code INTEGER NOT NULL, entry INTEGER
) STRICT;

-- Day 0 counts all days.
CREATE TABLE refund_tallies (
  day INTEGER NOT NULL, creator INTEGER NOT NULL, item INTEGER NOT NULL,
  count INTEGER NOT NULL, taken INTEGER NOT NULL,
  PRIMARY KEY (day, creator, item)
) STRICT, WITHOUT ROWID;

-- What a wallet may pay at most, and what it paid within the newest day and month of that: with the
-- wallet's row, which every claim changes anyway. Null until its holder first sets a budget.
-- The number of the budget, flags (1: most a day, 2: most a month, 4: paused), both limits in micros,
-- the UTC day, what was paid in it and in its month: seven numbers of eight bytes, big-endian.
ALTER TABLE wallets ADD COLUMN budget BLOB;

-- The signed budget in force, kept for the audit.
CREATE TABLE budgets (wallet INTEGER PRIMARY KEY, signed BLOB NOT NULL) STRICT;

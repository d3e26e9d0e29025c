-- What batches changed since the tables were last brought up to date; see hot.rs. One row a batch,
-- appended, emptied when its rows are folded into the tables.
CREATE TABLE redo (batch INTEGER PRIMARY KEY, change BLOB NOT NULL) STRICT;

-- Counts the foldings: who keeps rows in memory sees by it whether they still go with the tables.
ALTER TABLE counters ADD COLUMN fold INTEGER NOT NULL DEFAULT 0;

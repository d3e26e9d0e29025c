-- A folding goes on over several batches. Rows can be folded twice without harm, sums cannot: those of
-- the batches up to this one are in the tables although their rows of redo still stand.
ALTER TABLE counters ADD COLUMN summed INTEGER NOT NULL DEFAULT 0;

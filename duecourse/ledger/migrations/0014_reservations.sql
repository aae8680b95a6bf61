-- A reserved call or visit of which nobody says what became of it: it goes on counting, and people are told.
ALTER TABLE encounters
    DROP CONSTRAINT encounters_state_check,
    ADD CONSTRAINT encounters_state_check CHECK (state IN ('reserved', 'unrecorded', 'recorded', 'released'));
COMMENT ON COLUMN encounters.state IS 'unrecorded: reserved, its time is over, and it may have happened';
CREATE INDEX encounters_open ON encounters (at) WHERE state IN ('reserved', 'unrecorded');

DROP TRIGGER encounters_once ON encounters;
CREATE TRIGGER encounters_once BEFORE UPDATE ON encounters
    FOR EACH ROW WHEN (OLD.state NOT IN ('reserved', 'unrecorded')) EXECUTE FUNCTION refuse_rewriting_evidence();

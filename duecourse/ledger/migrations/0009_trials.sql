-- Which contacts each worker is about to claim: what a dead process leaves here names those that may have killed it.
-- A lane is one claim at a time of one process; its row is written over by the next.
CREATE TABLE trials (
    owner       bigint NOT NULL,
    lane        smallint NOT NULL,
    contact_ids bigint[] NOT NULL,
    PRIMARY KEY (owner, lane)
) WITH (fillfactor = 50);
COMMENT ON TABLE trials IS 'says nothing of what was sent: that is attempts';
GRANT SELECT, INSERT, UPDATE, DELETE ON trials TO duecourse_app;

-- What borrowers ask for themselves: to stop or to begin again, with the proof of it, and how they wish to be reached.

-- Every demand that was understood, whether or not it changed anything. Its words go with the borrower's data key.
CREATE TABLE demands (
    demand_id    bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    borrower_id  bigint NOT NULL REFERENCES borrowers,
    intent       text NOT NULL CHECK (intent IN ('stop', 'start')),
    scope        text NOT NULL CHECK (scope IN ('address', 'channel', 'sender', 'everything')),
    sure         boolean NOT NULL,
    rule         text NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('sms', 'push', 'email', 'im', 'voice')),
    source       text NOT NULL,
    event_key    text,
    inbox_id     bigint,
    address_index bytea,
    text_sealed  bytea,
    text_digest  bytea,
    said_at      timestamptz NOT NULL,
    at           timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL,
    hold_id      bigint REFERENCES holds,
    answer       text CHECK (answer IN ('meant', 'not_meant')),
    answered_by  text,
    answered_at  timestamptz,
    CHECK ((answer IS NULL) = (answered_by IS NULL) AND (answer IS NULL) = (answered_at IS NULL)),
    CHECK ((text_sealed IS NULL) = (text_digest IS NULL))
);
COMMENT ON COLUMN demands.rule IS 'by which words it was understood: an id of config/inbound/, or of what came without words';
COMMENT ON COLUMN demands.address_index IS 'from which address it came; null: nobody said';
COMMENT ON COLUMN demands.text_digest IS 'keyed digest of the words: it proves them after they are erased, and tells nothing';
COMMENT ON COLUMN demands.said_at IS 'business time as the provider told it, else when it reached us; at is when it took effect';
COMMENT ON COLUMN demands.recorded_at IS 'lease time';
COMMENT ON COLUMN demands.hold_id IS 'keeps the channel silent until a person has said what was meant';
CREATE INDEX demands_by_borrower ON demands (borrower_id);
CREATE INDEX demands_unanswered ON demands (demand_id) WHERE NOT sure AND answer IS NULL;

CREATE FUNCTION refuse_rewriting_demands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a demand is not rewritten' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER demands_answered_once BEFORE UPDATE ON demands
    FOR EACH ROW WHEN (OLD.answer IS NOT NULL) EXECUTE FUNCTION refuse_rewriting_demands();
CREATE TRIGGER demands_kept BEFORE DELETE ON demands
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_demands();

ALTER TABLE opt_outs
    ADD COLUMN scope text CHECK (scope IN ('channel', 'sender', 'everything')),
    ADD COLUMN demand_id bigint REFERENCES demands;
UPDATE opt_outs SET scope = CASE WHEN channel IS NULL THEN 'everything' ELSE 'channel' END;
ALTER TABLE opt_outs
    ALTER COLUMN scope SET NOT NULL,
    ADD CHECK ((channel IS NULL) = (scope <> 'channel'));
COMMENT ON COLUMN opt_outs.scope IS 'sender: every channel of ours; everything: people, too';
COMMENT ON COLUMN opt_outs.demand_id IS 'its proof; null: an agent recorded it';

-- Addresses that are not to be written to, whoever the book says they belong to. Nothing here names anybody, so it
-- outlives an erasure, and an address that is imported again stays silent.
CREATE TABLE suppressed_addresses (
    suppression_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    channel        text NOT NULL CHECK (channel IN ('sms', 'push', 'email', 'im', 'voice')),
    address_index  bytea NOT NULL,
    rule           text NOT NULL,
    since          timestamptz NOT NULL,
    lifted_at      timestamptz
);
COMMENT ON COLUMN suppressed_addresses.address_index IS 'the keyed digest, as in contact_points';
CREATE UNIQUE INDEX suppressed_addresses_once ON suppressed_addresses (channel, address_index) WHERE lifted_at IS NULL;

-- A hold of one channel: until a person has answered what was meant by an unsure demand.
ALTER TABLE holds ADD COLUMN channel text CHECK (channel IN ('sms', 'push', 'email', 'im', 'voice'));
COMMENT ON COLUMN holds.channel IS 'null: every channel';

-- How a borrower wishes to be reached. It only narrows what the law and the house allow.
CREATE TABLE preferences (
    borrower_id bigint PRIMARY KEY REFERENCES borrowers,
    locale      text,
    channels    text[] NOT NULL DEFAULT '{}',
    hours       jsonb NOT NULL DEFAULT '[]',
    source      text NOT NULL,
    set_at      timestamptz NOT NULL,
    set_by      text NOT NULL
);
COMMENT ON COLUMN preferences.locale IS 'the language of texts; null: as the lender''s book has it';
COMMENT ON COLUMN preferences.channels IS 'the only ones that are wanted, the best first; empty: any';
COMMENT ON COLUMN preferences.hours IS 'spans [days, from, to) in minutes after midnight by the borrower''s clock; empty: any hour';

GRANT SELECT, INSERT ON demands, suppressed_addresses TO duecourse_app;
GRANT UPDATE (answer, answered_by, answered_at) ON demands TO duecourse_app;
GRANT UPDATE (lifted_at) ON suppressed_addresses TO duecourse_app;
GRANT SELECT, INSERT, UPDATE ON preferences TO duecourse_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO duecourse_app;

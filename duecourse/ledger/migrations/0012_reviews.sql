-- What the gate leaves to people. The contact itself stays planned, put aside until its not-after: so a payment, an
-- opt-out or the passing of time ends it like any other, and it is sent at most once, by the same claim as any other.
CREATE TABLE reviews (
    review_id   bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    contact_id  bigint NOT NULL,
    due_on      date NOT NULL,
    borrower_id bigint NOT NULL REFERENCES borrowers,
    rules       text[] NOT NULL,
    asked_at    timestamptz NOT NULL,
    decision    text CHECK (decision IN ('allow', 'refuse', 'again')),
    lifts       text[] NOT NULL DEFAULT '{}',
    decided_by  text,
    reason      text,
    decided_at  timestamptz,
    CHECK ((decision IS NULL) = (decided_by IS NULL)),
    CHECK ((decision IS NULL) = (reason IS NULL)),
    CHECK ((decision IS NULL) = (decided_at IS NULL)),
    CHECK ((decision IS NOT DISTINCT FROM 'allow') = (lifts <> '{}')),
    CHECK (lifts <@ rules)
);
COMMENT ON COLUMN reviews.rules IS 'which asked; the verdict itself stands in the event contact.review of that instant';
COMMENT ON COLUMN reviews.asked_at IS 'business time, like decided_at';
COMMENT ON COLUMN reviews.lifts IS 'the rules that the decision lifts, for this contact: never one that forbids';
COMMENT ON COLUMN reviews.decided_by IS 'a number or code of the person, never a name';
COMMENT ON COLUMN reviews.reason IS 'in words, without personal data';
CREATE UNIQUE INDEX reviews_open ON reviews (contact_id) WHERE decision IS NULL;
-- The claim asks for these of each borrower.
CREATE INDEX reviews_allowed ON reviews (borrower_id) WHERE decision = 'allow';

CREATE TRIGGER reviews_decided_once BEFORE UPDATE ON reviews
    FOR EACH ROW WHEN (OLD.decision IS NOT NULL) EXECUTE FUNCTION refuse_rewriting_evidence();
CREATE TRIGGER reviews_kept BEFORE DELETE ON reviews
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_evidence();

GRANT SELECT, INSERT ON reviews TO duecourse_app;
GRANT UPDATE (decision, lifts, decided_by, reason, decided_at) ON reviews TO duecourse_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO duecourse_app;

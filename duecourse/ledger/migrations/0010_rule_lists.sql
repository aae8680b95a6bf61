-- Forty rules that a message passed would be most of its record: each list of them is kept once, under its digest.
CREATE TABLE rule_lists (
    digest text PRIMARY KEY,
    rules  text[] NOT NULL
);
CREATE TRIGGER rule_lists_kept BEFORE UPDATE OR DELETE ON rule_lists
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_evidence();
GRANT SELECT, INSERT ON rule_lists TO duecourse_app;

-- A verdict in full. What is stored in full already comes back as it is.
CREATE FUNCTION whole_verdict(kept jsonb) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN kept ? 'passed' THEN
    (kept - 'passed') || jsonb_build_object('rules', (SELECT rules FROM rule_lists WHERE digest = kept ->> 'passed'))
    ELSE kept END;

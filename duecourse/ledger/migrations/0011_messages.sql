-- Under which id a provider knows an attempt. An index on the attempts themselves made every outcome a new entry in all
-- of their indexes; with the ids on their own, an outcome changes the row where it lies.
CREATE TABLE messages (
    contact_id bigint NOT NULL,
    due_on     date NOT NULL,
    number     smallint NOT NULL,
    message_id text NOT NULL
) PARTITION BY RANGE (due_on);
COMMENT ON TABLE messages IS 'finds attempts by provider_message_id; an attempt may stand here twice under one id';
CREATE INDEX messages_by_id ON messages (message_id);
GRANT SELECT, INSERT ON messages TO duecourse_app;

CREATE OR REPLACE FUNCTION ensure_months(first date, last date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month date := date_trunc('month', first)::date;
    parent text;
    partition text;
    zone text;
BEGIN
    PERFORM pg_advisory_xact_lock(4000000001);
    WHILE month <= last LOOP
        FOREACH parent IN ARRAY ARRAY['contacts', 'attempts', 'messages', 'events'] LOOP
            partition := parent || to_char(month, '_YYYY_MM');
            zone := CASE parent WHEN 'events' THEN ' 00:00:00+00' ELSE '' END;
            IF to_regclass('public.' || quote_ident(partition)) IS NULL THEN
                EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)%s',
                    partition, parent, month || zone, (month + interval '1 month')::date || zone,
                    -- Room on the page for the outcomes of all that was armed together. A contact has none: its state
                    -- is part of every partial index, so a change makes new entries wherever it lies.
                    CASE parent WHEN 'attempts' THEN ' WITH (fillfactor = 50)' ELSE '' END);
                IF parent = 'events' THEN
                    -- Row triggers reach a partition by themselves, statement triggers do not.
                    EXECUTE format('CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON public.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_events()', partition);
                END IF;
            END IF;
        END LOOP;
        month := (month + interval '1 month')::date;
    END LOOP;
END $$;

DO $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT c.relname AS partition, to_date(right(c.relname, 7), 'YYYY_MM') AS month,
               i.inhparent = 'attempts'::regclass AS attempts
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('contacts'::regclass, 'attempts'::regclass)
    LOOP
        PERFORM ensure_months(made.month, made.month);
        EXECUTE format('ALTER TABLE public.%I SET (fillfactor = %s)', made.partition,
            CASE WHEN made.attempts THEN 50 ELSE 100 END);
    END LOOP;
END $$;

INSERT INTO messages (contact_id, due_on, number, message_id)
SELECT contact_id, due_on, number, provider_message_id FROM attempts WHERE provider_message_id IS NOT NULL;
DROP INDEX attempts_by_message;

-- The outreach: every contact, every attempt, every event. Partitioned by month from the first row.

-- The month in a contact id's high bits, so that an id alone finds its partition. Equal to domain/contact.py.
CREATE FUNCTION contact_month_base(day date) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((extract(year FROM day)::bigint * 12 + extract(month FROM day)::bigint - 1) << 36);

CREATE SEQUENCE contact_numbers MAXVALUE 68719476735 CYCLE CACHE 100;

CREATE TABLE contacts (
    contact_id   bigint NOT NULL,
    due_on       date NOT NULL,
    borrower_id  bigint NOT NULL,
    cadence      text NOT NULL,
    version      integer NOT NULL,
    rung         text NOT NULL,
    step         smallint NOT NULL DEFAULT 1,
    channel      text NOT NULL,
    next_channels text[] NOT NULL DEFAULT '{}',
    audience     text NOT NULL,
    template     text NOT NULL,
    stop         text[] NOT NULL,
    priority     smallint NOT NULL,
    state        text NOT NULL DEFAULT 'planned',
    reason       text,
    scheduled_at timestamptz NOT NULL,
    not_before   timestamptz NOT NULL,
    not_after    timestamptz NOT NULL,
    planned_at   timestamptz NOT NULL,
    state_at     timestamptz NOT NULL,
    released_at  timestamptz,
    attempts     smallint NOT NULL DEFAULT 0,
    failures     smallint NOT NULL DEFAULT 0,
    crashes      smallint NOT NULL DEFAULT 0,
    fence        integer NOT NULL DEFAULT 0,
    owner        bigint,
    lease_until  timestamptz,
    resolve_after timestamptz,
    negatives    smallint NOT NULL DEFAULT 0,
    -- The id first: it alone tells the partition, and the range of due dates that comes with it only prunes.
    PRIMARY KEY (contact_id, due_on),
    -- A rung fires once per borrower and due date, on one channel after the other. The channels that are left stand in
    -- the row, each once, so a rung cannot come back to one either.
    CONSTRAINT contacts_once UNIQUE (borrower_id, due_on, cadence, rung, step)
) PARTITION BY RANGE (due_on);
COMMENT ON COLUMN contacts.step IS '1 as planned, 2 the next channel of the rung after the first refused, and so on';
COMMENT ON COLUMN contacts.scheduled_at IS 'business time, like not_before, not_after, planned_at and state_at';
COMMENT ON COLUMN contacts.released_at IS 'lease time, like lease_until and resolve_after';
COMMENT ON COLUMN contacts.reason IS 'why it is in its state: a rule id or a cause';

-- Every index costs each of a contact's four writes, so there is none that another can stand in for: a borrower's
-- contacts are found by the first column of contacts_once, and released ones past their end by contacts_released.
CREATE INDEX contacts_ready ON contacts (channel, priority, not_before) WHERE state = 'planned';
CREATE INDEX contacts_ending ON contacts (not_after) WHERE state = 'planned';
CREATE INDEX contacts_released ON contacts (channel, released_at) WHERE state = 'released';
CREATE INDEX contacts_leased ON contacts (lease_until) WHERE state = 'sending';
CREATE INDEX contacts_unknown ON contacts (resolve_after) WHERE state = 'unknown';

-- What may follow what, equal to domain/contact.py: a test asks about every pair.
-- A trigger's condition calls it, so it costs no look-up and no function where all is well.
CREATE FUNCTION contact_may_become(old_state text, new_state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN old_state || '>' || new_state = ANY (ARRAY[
    'planned>released', 'planned>suppressed', 'planned>cancelled', 'planned>expired', 'planned>accepted',
    'planned>delivered', 'planned>undelivered', 'planned>rejected',
    'released>planned', 'released>sending', 'released>suppressed', 'released>cancelled', 'released>expired',
    'released>accepted', 'released>delivered', 'released>undelivered', 'released>rejected',
    'sending>accepted', 'sending>rejected', 'sending>planned', 'sending>unknown', 'sending>delivered',
    'sending>undelivered',
    'unknown>accepted', 'unknown>rejected', 'unknown>planned', 'unknown>assumed_sent', 'unknown>delivered',
    'unknown>undelivered',
    'assumed_sent>accepted', 'assumed_sent>delivered', 'assumed_sent>undelivered',
    'accepted>delivered', 'accepted>undelivered',
    'undelivered>delivered',
    'rejected>accepted', 'rejected>delivered',
    'suppressed>accepted', 'suppressed>delivered',
    'cancelled>accepted', 'cancelled>delivered',
    'expired>accepted', 'expired>delivered'
]);

CREATE FUNCTION refuse_illegal_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'contact %: % -> % is no transition', OLD.contact_id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'contact_transitions';
END $$;
CREATE TRIGGER contacts_transition BEFORE UPDATE OF state ON contacts
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND NOT contact_may_become(OLD.state, NEW.state))
    EXECUTE FUNCTION refuse_illegal_transition();
CREATE FUNCTION refuse_unknown_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'contact %: born %', NEW.contact_id, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'contact_transitions';
END $$;
CREATE TRIGGER contacts_born BEFORE INSERT ON contacts
    FOR EACH ROW WHEN (NEW.state <> 'planned') EXECUTE FUNCTION refuse_unknown_state();

-- One durable permission per call to a provider, committed before the first byte.
CREATE TABLE attempts (
    contact_id          bigint NOT NULL,
    due_on              date NOT NULL,
    number              smallint NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('send', 'recall', 'lookup')),
    borrower_id         bigint NOT NULL,
    channel             text NOT NULL,
    provider            text NOT NULL,
    fence               integer NOT NULL,
    owner               bigint NOT NULL,
    reference           text NOT NULL,
    idempotency_key     text NOT NULL,
    body_hash           bytea NOT NULL,
    body_sealed         bytea NOT NULL,
    armed_business      timestamptz NOT NULL,
    armed_at            timestamptz NOT NULL,
    local_day           date NOT NULL,
    counted             boolean NOT NULL DEFAULT true,
    outcome             text,
    code                text,
    provider_message_id text,
    settled_at          timestamptz,
    PRIMARY KEY (contact_id, due_on, number)
) PARTITION BY RANGE (due_on);
COMMENT ON COLUMN attempts.armed_at IS 'lease time, like settled_at';
COMMENT ON COLUMN attempts.counted IS 'against the person''s contact budget: false only on proof that nothing was sent';
CREATE INDEX attempts_budget ON attempts (borrower_id, local_day) WHERE counted;
CREATE INDEX attempts_by_message ON attempts (provider_message_id) WHERE provider_message_id IS NOT NULL;

-- The ledger of events. Append-only: the application's role may insert and read, a trigger refuses the rest to all.
CREATE TABLE events (
    event_id    bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind        text NOT NULL,
    actor       text NOT NULL,
    contact_id  bigint,
    borrower_id bigint,
    data        jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (at, event_id)
) PARTITION BY RANGE (at);
COMMENT ON COLUMN events.at IS 'business time; recorded_at is lease time';
COMMENT ON COLUMN events.data IS 'ids, codes, counts, times: never personal data';
CREATE INDEX events_by_contact ON events (contact_id) WHERE contact_id IS NOT NULL;
-- What befell a borrower's contacts is found by contact.
CREATE INDEX events_by_borrower ON events (borrower_id) WHERE contact_id IS NULL;
-- What was recorded lately? The figures ask every few seconds; rows come in that order, so a summary of blocks is enough.
CREATE INDEX events_by_recording ON events USING brin (recorded_at) WITH (autosummarize = on);

CREATE FUNCTION refuse_rewriting_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting_events();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_events();

-- Webhooks as they came: stored and committed before the 200.
CREATE TABLE inbox (
    inbox_id     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    provider     text NOT NULL,
    event_key    text NOT NULL,
    raw_sealed   bytea NOT NULL,
    received_at  timestamptz NOT NULL,
    received_business timestamptz NOT NULL,
    processed_at timestamptz,
    tries        smallint NOT NULL DEFAULT 0,
    result       text,
    UNIQUE (provider, event_key)
);
COMMENT ON COLUMN inbox.event_key IS 'digest of the request: the same call twice is one row';
CREATE INDEX inbox_open ON inbox (inbox_id) WHERE processed_at IS NULL;
CREATE INDEX inbox_set_aside ON inbox (inbox_id) WHERE result = 'failed' AND processed_at IS NOT NULL;
-- Which events of a provider were applied, so that one doubled inside another request is applied once.
CREATE TABLE receipts (
    provider    text NOT NULL,
    event_key   text NOT NULL,
    inbox_id    bigint NOT NULL,
    kind        text NOT NULL,
    contact_id  bigint,
    applied_at  timestamptz NOT NULL,
    PRIMARY KEY (provider, event_key)
);
CREATE INDEX receipts_by_contact ON receipts (contact_id) WHERE contact_id IS NOT NULL;

-- A process that may own leases. It holds the session advisory lock of its id for as long as it lives.
CREATE TABLE owners (
    owner      bigint PRIMARY KEY,
    kind       text NOT NULL,
    started_at timestamptz NOT NULL,
    ticked_business timestamptz,
    ticked_at  timestamptz
);
COMMENT ON COLUMN owners.ticked_business IS 'a scheduler''s: up to which business time its last whole tick looked';

-- A stepped business clock for demonstrations and tests; read only where the settings say `virtual`.
CREATE TABLE virtual_clock (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    business   timestamptz NOT NULL
);
CREATE TABLE virtual_steps (
    business   timestamptz PRIMARY KEY,
    stepped_at timestamptz NOT NULL
);

-- Months are made by the schema's owner on behalf of the application, which may not create tables itself.
CREATE FUNCTION ensure_months(first date, last date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month date := date_trunc('month', first)::date;
    parent text;
    partition text;
    zone text;
BEGIN
    PERFORM pg_advisory_xact_lock(4000000001);
    WHILE month <= last LOOP
        FOREACH parent IN ARRAY ARRAY['contacts', 'attempts', 'events'] LOOP
            partition := parent || to_char(month, '_YYYY_MM');
            zone := CASE parent WHEN 'events' THEN ' 00:00:00+00' ELSE '' END;
            IF to_regclass('public.' || quote_ident(partition)) IS NULL THEN
                EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)%s',
                    partition, parent, month || zone, (month + interval '1 month')::date || zone,
                    -- Room on the page for the updates of a contact's life.
                    CASE parent WHEN 'events' THEN '' ELSE ' WITH (fillfactor = 70)' END);
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

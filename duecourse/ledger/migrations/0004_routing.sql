-- How large a part of its weight each provider of a shared route is given. Redis tells the workers; this is the truth.
CREATE TABLE provider_shares (
    channel    text NOT NULL,
    provider   text NOT NULL,
    share      double precision NOT NULL CHECK (share > 0 AND share <= 1),
    reason     text NOT NULL,
    fell_for   text,
    version    integer NOT NULL CHECK (version > 0),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (channel, provider)
);
COMMENT ON TABLE provider_shares IS 'a provider without a row is given all of its weight';
COMMENT ON COLUMN provider_shares.version IS 'whoever judges names the version that was judged: a change is made once';
COMMENT ON COLUMN provider_shares.changed_at IS 'lease time';
GRANT SELECT, INSERT, UPDATE ON provider_shares TO duecourse_app;

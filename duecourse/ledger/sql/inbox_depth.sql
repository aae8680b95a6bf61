SELECT (SELECT count(*) FROM inbox WHERE processed_at IS NULL),
       (SELECT count(*) FROM inbox WHERE processed_at IS NOT NULL AND result = 'failed')

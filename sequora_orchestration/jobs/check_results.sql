-- The results of asset checks in Dagster's own database, which stay there when their run is deleted.

-- name: delete_old_check_results
-- Deletes those of the :most oldest results that are from before a time (in UTC; the column has no zone).
-- Twice, or two at once: the second finds them gone.
DELETE FROM asset_check_executions
WHERE id IN (SELECT id FROM asset_check_executions ORDER BY id LIMIT :most)
  AND create_timestamp < CAST(:before AS timestamptz) AT TIME ZONE 'UTC';

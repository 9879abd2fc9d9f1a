-- name: people
-- It only reads. Numbers are stored as somebody typed them, so their last seven digits are compared.
WITH person AS (
    SELECT first_name, last_name, role::text AS role, primary_phone FROM public."User"
    UNION ALL
    SELECT first_name, last_name, 'PATIENT', primary_phone FROM public."Patient"
)
SELECT concat_ws(' ', first_name, last_name) AS name, lower(role) AS role, primary_phone AS phone
FROM person
WHERE right(regexp_replace(primary_phone, '\D', '', 'g'), 7) = ANY (:endings);

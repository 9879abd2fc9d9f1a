-- name: people
-- It only reads. Numbers are stored as somebody typed them, so their last seven digits are compared.
WITH person AS (
    SELECT name, role, phone FROM public."User"
    UNION ALL
    SELECT concat_ws(' ', first_name, last_name), 'PATIENT', primary_phone FROM public."Patient"
)
SELECT name, lower(role) AS role, phone
FROM person
WHERE right(regexp_replace(phone, '\D', '', 'g'), 7) = ANY (:endings);

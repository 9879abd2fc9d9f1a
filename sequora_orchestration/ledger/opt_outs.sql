-- Who has replied STOP: numbers are recognised by digests, and not kept.

-- name: moment
-- The time that the rules go by, and which of these numbers have opted out. Reading changes nothing.
SELECT orchestration.clock() AS now,
       ARRAY(SELECT digest FROM orchestration.opt_out WHERE digest = ANY (CAST(:digests AS text[]))) AS opted_out;

-- name: opt_out_salt
-- Reading changes nothing.
SELECT salt FROM orchestration.opt_out_salt;

-- name: remember_opt_out
-- A number has replied STOP. Twice: it is there already.
INSERT INTO orchestration.opt_out (digest, recipient_id) VALUES (:digest, :recipient_id)
ON CONFLICT (digest) DO NOTHING;

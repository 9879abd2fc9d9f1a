-- An application's tables as they grew before anybody wrote down how: numbers and texts for times, numbers for flags, and
-- words in tables of their own.
CREATE TABLE written AS SELECT date_trunc('second', now()) AS written_at;

CREATE TABLE tbl_status (status_id int PRIMARY KEY, status_name varchar(30));
INSERT INTO tbl_status VALUES (1, 'Open'), (2, 'In Progress'), (3, 'Resolved'), (4, 'Cancelled'), (5, 'Parked');

CREATE TABLE tbl_role (role_id int PRIMARY KEY, role_code varchar(30));
INSERT INTO tbl_role VALUES (1, 'RN'), (2, 'CHARGE_NURSE'), (3, 'ADMIN'), (4, 'MD');

CREATE TABLE tbl_employee (
    employee_id uuid PRIMARY KEY, full_name text, cell_phone varchar(20), role_id int REFERENCES tbl_role,
    is_active smallint, on_call char(1)
);
INSERT INTO tbl_employee VALUES
    (gen_random_uuid(), 'Marked-Name', '+12025550101', 1, 1, 'Y'),
    (gen_random_uuid(), 'Marked-Name', '+12025550101', 2, 0, 'N');

CREATE TABLE tbl_patient (
    patient_id uuid PRIMARY KEY, given_name text, contact_phone text, lang char(2), tz text, do_not_text smallint
);
INSERT INTO tbl_patient VALUES (gen_random_uuid(), 'Marked-Name', '+12025550101', 'EN', NULL, 1);

CREATE TABLE tbl_admission (admission_id uuid PRIMARY KEY, patient_id uuid, discharge_dt text, created_dt text);

CREATE TABLE tbl_alert (
    alert_id uuid PRIMARY KEY, admission_id uuid, sev char(2), alert_reason text, status_id int REFERENCES tbl_status,
    deadline bigint, nurse_id uuid REFERENCES tbl_employee, ack_ts bigint, closed_ts bigint, created_ts bigint NOT NULL
);
INSERT INTO tbl_alert (alert_id, sev, alert_reason, status_id, deadline, ack_ts, created_ts)
SELECT gen_random_uuid(), sev, reason, status, (extract(epoch FROM written_at) + 3600) * 1000 * due, ack,
       extract(epoch FROM written_at)
FROM written, (VALUES ('P1', 'FALL', 1, 1, NULL), ('P2', NULL, 3, NULL, 1700000000000)) AS one (sev, reason, status, due, ack);

CREATE TABLE tbl_roster (roster_id serial PRIMARY KEY, employee_id uuid, shift_start text, shift_end text);

CREATE TABLE tbl_sms_log (
    log_id serial PRIMARY KEY, alert_id uuid NOT NULL, nurse_id uuid, method text NOT NULL, sent_ts bigint,
    vendor_message_id text
);

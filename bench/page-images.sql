-- What the write-ahead log of PostgreSQL holds for a row whose place in an index is random: an index of users, as that of
-- login tokens is. Run it in an empty database: psql -f bench/page-images.sql
CREATE TABLE logins (id uuid, user_id bytea);
INSERT INTO logins SELECT gen_random_uuid(), uuid_send(gen_random_uuid()) FROM generate_series(1, 3000000);
CREATE INDEX logins_user ON logins (user_id, id);
-- An index that has grown for a while is less full than a new one.
INSERT INTO logins SELECT gen_random_uuid(), uuid_send(gen_random_uuid()) FROM generate_series(1, 1500000);
SELECT pg_relation_size('logins_user') / 4500000.0 AS bytes_of_an_entry;
CHECKPOINT;
SELECT pg_current_wal_lsn() AS before \gset
INSERT INTO logins SELECT gen_random_uuid(), uuid_send(gen_random_uuid()) FROM generate_series(1, 3000);
SELECT (pg_current_wal_lsn() - :'before') / 3000.0 AS log_of_a_row_that_is_the_first_in_its_page;
CHECKPOINT;
SELECT pg_current_wal_lsn() AS before \gset
INSERT INTO logins SELECT gen_random_uuid(), uuid_send(gen_random_uuid()) FROM generate_series(1, 300000);
SELECT (pg_current_wal_lsn() - :'before') / 300000.0 AS log_of_a_row_of_seven_in_its_page;
DROP TABLE logins;

-- SPDX-License-Identifier: Apache-2.0
--
-- 0004: what was in the clear goes.  email_key and username hold blind indexes
-- since 0003 and get their names; they stay the columns that are UNIQUE.

ALTER TABLE users RENAME COLUMN email_key TO email_index;
ALTER TABLE users RENAME COLUMN username TO username_index;
ALTER TABLE users DROP COLUMN email;
ALTER TABLE users DROP COLUMN first_name;
ALTER TABLE users DROP COLUMN last_name;
ALTER TABLE users DROP COLUMN first_name_key;
ALTER TABLE users DROP COLUMN last_name_key;
ALTER TABLE users DROP COLUMN phone;
ALTER TABLE users DROP COLUMN tax_number;
ALTER TABLE users RENAME COLUMN sealed_email TO email;
ALTER TABLE users RENAME COLUMN sealed_username TO username;
ALTER TABLE users RENAME COLUMN sealed_first_name TO first_name;
ALTER TABLE users RENAME COLUMN sealed_last_name TO last_name;
ALTER TABLE users RENAME COLUMN sealed_phone TO phone;
ALTER TABLE users RENAME COLUMN sealed_tax_number TO tax_number;

ALTER TABLE sessions DROP COLUMN device_type;
ALTER TABLE sessions DROP COLUMN os;
ALTER TABLE sessions DROP COLUMN app_version;
ALTER TABLE sessions DROP COLUMN user_agent;
ALTER TABLE sessions DROP COLUMN ip;
ALTER TABLE sessions RENAME COLUMN sealed_device_type TO device_type;
ALTER TABLE sessions RENAME COLUMN sealed_os TO os;
ALTER TABLE sessions RENAME COLUMN sealed_app_version TO app_version;
ALTER TABLE sessions RENAME COLUMN sealed_user_agent TO user_agent;
ALTER TABLE sessions RENAME COLUMN sealed_ip TO ip;

ALTER TABLE audit DROP COLUMN ip;
ALTER TABLE audit RENAME COLUMN sealed_ip TO ip;

-- SPDX-License-Identifier: Apache-2.0
--
-- 0002, people sealed: where the keys of persons stand, and beside each personal
-- field its sealed form, under a name for the time of the change.  key_version 0:
-- the row is not sealed yet.

CREATE TABLE data_keys (
    -- 0: what belongs to nobody
    person_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    -- the keyring's key of purpose data-keys that wraps this one
    kek_version BIGINT NOT NULL,
    wrapped {{blob}} NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, version)
);

CREATE INDEX data_keys_by_kek ON data_keys (kek_version, person_id);

-- The words of a person's names, as blind indexes.
CREATE TABLE person_words (
    word {{text}} NOT NULL,
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    index_version BIGINT NOT NULL,
    PRIMARY KEY (word, person_id)
);

CREATE INDEX person_words_by_person ON person_words (person_id);

DROP INDEX users_by_first_name;
DROP INDEX users_by_last_name;
DROP INDEX users_by_phone;

ALTER TABLE users ADD COLUMN key_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN index_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN sealed_email {{blob}};
ALTER TABLE users ADD COLUMN sealed_username {{blob}};
ALTER TABLE users ADD COLUMN sealed_first_name {{blob}};
ALTER TABLE users ADD COLUMN sealed_last_name {{blob}};
ALTER TABLE users ADD COLUMN sealed_phone {{blob}};
ALTER TABLE users ADD COLUMN sealed_tax_number {{blob}};
ALTER TABLE users ADD COLUMN phone_index {{text}};

CREATE INDEX users_by_phone ON users (phone_index) WHERE phone_index IS NOT NULL;
CREATE INDEX users_by_index_version ON users (index_version, id);

ALTER TABLE sessions ADD COLUMN key_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN sealed_device_type {{blob}};
ALTER TABLE sessions ADD COLUMN sealed_os {{blob}};
ALTER TABLE sessions ADD COLUMN sealed_app_version {{blob}};
ALTER TABLE sessions ADD COLUMN sealed_user_agent {{blob}};
ALTER TABLE sessions ADD COLUMN sealed_ip {{blob}};

ALTER TABLE audit ADD COLUMN key_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN sealed_ip {{blob}};

-- SPDX-License-Identifier: Apache-2.0
--
-- 0006, identity: what stands between a stranger and an account.  Columns that
-- personal.def declares are sealed under the key of the row's person.

-- bits of the factors that the person has confirmed: 1 TOTP, 2 a passkey
ALTER TABLE users ADD COLUMN factors BIGINT NOT NULL DEFAULT 0;
-- an operator's lock: until when nobody signs in (ms); 0: none
ALTER TABLE users ADD COLUMN locked_until BIGINT NOT NULL DEFAULT 0;

-- when the person last proved who they are in this session
ALTER TABLE sessions ADD COLUMN fresh_at BIGINT NOT NULL DEFAULT 0;
-- bits of how: see enum sut_proof
ALTER TABLE sessions ADD COLUMN proofs BIGINT NOT NULL DEFAULT 0;
-- the refresh token before the present one, and what makes the pair of the last
-- refresh again: the present token's nonce and a digest of the client that asked
ALTER TABLE sessions ADD COLUMN prev_hash {{blob}};
ALTER TABLE sessions ADD COLUMN turn_nonce BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN turn_client {{blob}};
-- 1: its refresh token lives in a cookie
ALTER TABLE sessions ADD COLUMN is_browser BIGINT NOT NULL DEFAULT 0;

-- Devices that a person has signed in on, by a digest of the device cookie's number.
CREATE TABLE devices (
    id {{id}},
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device {{blob}} NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    UNIQUE (person_id, device)
);

CREATE INDEX devices_by_last_seen ON devices (last_seen_at);

-- Secrets of one use that went out in a link, a ticket or a challenge, by their digest.
CREATE TABLE link_tokens (
    id {{id}},
    hash {{blob}} NOT NULL UNIQUE,
    -- enum sut_link_purpose
    purpose BIGINT NOT NULL,
    person_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    data {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX link_tokens_by_person ON link_tokens (person_id, purpose);
CREATE INDEX link_tokens_by_expiry ON link_tokens (expires_at);

-- What is to go out, written in the transaction that caused it.
CREATE TABLE outbox (
    id {{id}},
    -- enum sut_outbox_kind
    kind BIGINT NOT NULL,
    -- a word: the mail's template
    what {{text}} NOT NULL,
    -- against doubles: of two of one name the second is not added
    name {{text}} UNIQUE,
    person_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    -- enum sut_outbox_state
    state BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    -- not before; while somebody sends it: until when nobody else does
    due_at BIGINT NOT NULL,
    done_at BIGINT,
    -- why the last try failed, a constant word
    why {{text}},
    payload {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX outbox_by_due ON outbox (state, due_at, id);
CREATE INDEX outbox_by_person ON outbox (person_id);

-- Accounts at a provider of identity that open an account here.
CREATE TABLE social_links (
    id {{id}},
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- enum sut_provider
    provider BIGINT NOT NULL,
    subject_index {{text}} NOT NULL UNIQUE,
    index_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    subject {{blob}},
    -- where the person's picture was, to be fetched
    picture {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0,
    UNIQUE (person_id, provider)
);

CREATE INDEX social_links_by_index_version ON social_links (index_version, id);

-- One a person: id is the person's.
CREATE TABLE totp (
    id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- 0: begun, not confirmed
    confirmed_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    -- the last step whose code was used: none before it is good
    last_step BIGINT NOT NULL DEFAULT 0,
    secret {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE recovery_codes (
    id {{id}},
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash {{blob}} NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    UNIQUE (person_id, hash)
);

CREATE TABLE passkeys (
    id {{id}},
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of the credential id
    credential_hash {{blob}} NOT NULL UNIQUE,
    -- the same for all passkeys of a person; random, tells nothing
    user_handle {{blob}} NOT NULL,
    -- COSE_Key
    public_key {{blob}} NOT NULL,
    sign_count BIGINT NOT NULL DEFAULT 0,
    -- of flags: 1 user verified at registration, 2 backup eligible, 4 backed up
    flags BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL DEFAULT 0,
    credential {{blob}},
    name {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX passkeys_by_person ON passkeys (person_id, id);
CREATE INDEX passkeys_by_handle ON passkeys (user_handle);

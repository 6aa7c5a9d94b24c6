-- SPDX-License-Identifier: Apache-2.0
--
-- 0001, the shop opens: people and their sessions, the keys, the catalogue.
--
-- Written once for SQLite and PostgreSQL.  The migration runner replaces the
-- marked words (id: a primary key that the database numbers; text: text that
-- compares by bytes; blob: bytes).  All else is BIGINT: times are UTC
-- milliseconds, money is whole cents, a boolean is 0 or 1.

CREATE TABLE users (
    id {{id}},
    email {{text}} NOT NULL,
    -- the address as it is compared: lower case, normalised
    email_key {{text}} NOT NULL UNIQUE,
    username {{text}} NOT NULL UNIQUE,
    first_name {{text}} NOT NULL,
    last_name {{text}} NOT NULL,
    -- the names as they are searched: lower case
    first_name_key {{text}} NOT NULL,
    last_name_key {{text}} NOT NULL,
    phone {{text}},
    tax_number {{text}},
    password {{text}} NOT NULL,
    is_active BIGINT NOT NULL DEFAULT 1,
    is_staff BIGINT NOT NULL DEFAULT 0,
    is_superuser BIGINT NOT NULL DEFAULT 0,
    email_verified BIGINT NOT NULL DEFAULT 0,
    date_joined BIGINT NOT NULL,
    last_login BIGINT,
    -- every token issued before this is refused
    tokens_revoked_at BIGINT,
    created_by BIGINT,
    modified_by BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE INDEX users_by_first_name ON users (first_name_key);
CREATE INDEX users_by_last_name ON users (last_name_key);
CREATE INDEX users_by_phone ON users (phone) WHERE phone IS NOT NULL;
CREATE INDEX users_revoked ON users (tokens_revoked_at) WHERE tokens_revoked_at IS NOT NULL;

CREATE TABLE groups (
    id {{id}},
    name {{text}} NOT NULL UNIQUE
);

INSERT INTO groups (name) VALUES ('Product Managers');

CREATE TABLE user_groups (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
);

CREATE INDEX user_groups_by_group ON user_groups (group_id);

-- The id is chosen by the program: it is the token family's name.
CREATE TABLE sessions (
    id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_hash {{blob}} NOT NULL,
    generation BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    refreshed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_why {{text}},
    device_type {{text}},
    os {{text}},
    app_version {{text}},
    user_agent {{text}},
    ip {{text}}
);

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE token_blacklist (
    jti {{blob}} NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX token_blacklist_by_expiry ON token_blacklist (expires_at);
CREATE INDEX token_blacklist_by_creation ON token_blacklist (created_at);

CREATE TABLE audit (
    id {{id}},
    user_id BIGINT,
    action {{text}} NOT NULL,
    resource {{text}} NOT NULL,
    ip {{text}} NOT NULL,
    at BIGINT NOT NULL
);

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_user ON audit (user_id);

CREATE TABLE counters (
    kind BIGINT NOT NULL,
    key {{blob}} NOT NULL,
    data {{blob}} NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
);

CREATE INDEX counters_by_expiry ON counters (expires_at);

CREATE TABLE keyring (
    purpose {{text}} NOT NULL,
    version BIGINT NOT NULL,
    state BIGINT NOT NULL,
    wrapped {{blob}} NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, version)
);

CREATE TABLE categories (
    id {{id}},
    name {{text}} NOT NULL,
    slug {{text}} NOT NULL UNIQUE,
    description {{text}} NOT NULL DEFAULT '',
    parent_id BIGINT REFERENCES categories (id),
    is_active BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE INDEX categories_by_parent ON categories (parent_id);
CREATE INDEX categories_hidden ON categories (id) WHERE is_active = 0;

CREATE TABLE coverage_levels (
    id {{id}},
    code {{text}} NOT NULL UNIQUE,
    name {{text}} NOT NULL,
    description {{text}} NOT NULL
);

INSERT INTO coverage_levels (code, name, description) VALUES
    ('full', 'Full Coverage', 'Long sleeves, floor length, high neck'),
    ('moderate', 'Moderate', 'Three-quarter sleeve, midi'),
    ('light', 'Light', 'Short sleeve, knee');

CREATE TABLE products (
    id {{id}},
    name {{text}} NOT NULL,
    slug {{text}} NOT NULL UNIQUE,
    description {{text}} NOT NULL DEFAULT '',
    category_id BIGINT NOT NULL REFERENCES categories (id),
    coverage_level_id BIGINT REFERENCES coverage_levels (id),
    price BIGINT NOT NULL CHECK (price >= 0),
    is_featured BIGINT NOT NULL DEFAULT 0,
    is_active BIGINT NOT NULL DEFAULT 1,
    date_added BIGINT NOT NULL,
    -- grows with each change of the product, its variants or its pictures
    version BIGINT NOT NULL DEFAULT 1,
    created_by BIGINT,
    modified_by BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

-- What is shown, in each order of the lists; the id settles ties, and the
-- category stands in the index since every list looks whether it is hidden.
CREATE INDEX products_by_price ON products (price, id, category_id) WHERE is_active = 1;
CREATE INDEX products_by_date ON products (date_added, id, category_id) WHERE is_active = 1;
CREATE INDEX products_by_coverage_price ON products (coverage_level_id, price, id, category_id)
    WHERE is_active = 1;
CREATE INDEX products_by_coverage_date ON products (coverage_level_id, date_added, id, category_id)
    WHERE is_active = 1;
-- Hidden ones too: is anything left in a category?
CREATE INDEX products_by_category_price ON products (category_id, is_active, price, id);
CREATE INDEX products_by_category_date ON products (category_id, is_active, date_added, id);

CREATE TABLE variants (
    id {{id}},
    product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    name {{text}} NOT NULL,
    sku {{text}} NOT NULL UNIQUE,
    size {{text}},
    color {{text}} NOT NULL,
    -- null: the product's
    price BIGINT CHECK (price IS NULL OR price >= 0),
    stock BIGINT NOT NULL CHECK (stock >= 0),
    is_default BIGINT NOT NULL DEFAULT 0,
    is_active BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE INDEX variants_by_product ON variants (product_id, id);
-- which colours and sizes are there: one step of the index for each
CREATE INDEX variants_by_color ON variants (color, product_id) WHERE is_active = 1;
CREATE INDEX variants_by_size ON variants (size, product_id) WHERE is_active = 1;

CREATE TABLE product_images (
    id {{id}},
    product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    image {{text}} NOT NULL,
    thumbnail {{text}} NOT NULL,
    is_feature BIGINT NOT NULL DEFAULT 0,
    position BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX product_images_by_product ON product_images (product_id, position, id);

-- The words of a product's name and description, folded, for search by prefix.
CREATE TABLE product_terms (
    term {{text}} NOT NULL,
    product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    PRIMARY KEY (term, product_id)
);

CREATE INDEX product_terms_by_product ON product_terms (product_id);

-- One row: grows with each change that a reader of the catalogue could see.
CREATE TABLE catalogue_version (
    id BIGINT PRIMARY KEY,
    version BIGINT NOT NULL
);

INSERT INTO catalogue_version (id, version) VALUES (1, 1);

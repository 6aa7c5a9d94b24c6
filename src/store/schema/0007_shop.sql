-- SPDX-License-Identifier: Apache-2.0
--
-- 0007, the shop: cart to delivered order, pictures, payments.  Columns that
-- personal.def declares are sealed under the key of the row's person.

-- the name of their picture (table media); null: none
ALTER TABLE users ADD COLUMN picture {{text}};

-- fetching the picture that a person has at a provider: not before, and how often it was tried
ALTER TABLE social_links ADD COLUMN picture_due_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE social_links ADD COLUMN picture_tries BIGINT NOT NULL DEFAULT 0;
CREATE INDEX social_links_by_picture ON social_links (picture_due_at, id) WHERE picture IS NOT NULL;

-- of the stock: promised to orders that are not paid yet
ALTER TABLE variants ADD COLUMN reserved BIGINT NOT NULL DEFAULT 0
    CHECK (reserved >= 0 AND reserved <= stock);
-- only postgres
-- Room for a row's next version beside it: then no index changes, and two orders of different
-- things never meet in one.
ALTER TABLE variants SET (fillfactor = 50);
-- end
-- when the shop was last told that few are left (ms); 0: enough are
ALTER TABLE variants ADD COLUMN low_told_at BIGINT NOT NULL DEFAULT 0;

-- before and after of a change by staff, as JSON; never a personal value
ALTER TABLE audit ADD COLUMN change {{text}};

-- the lists of those who keep the catalogue
CREATE INDEX products_by_name ON products (name, id);
CREATE INDEX products_by_creation ON products (created_at, id);

-- image and thumbnail are files of the picture that media_id names
ALTER TABLE product_images ADD COLUMN large {{text}} NOT NULL DEFAULT '';
ALTER TABLE product_images ADD COLUMN media_id BIGINT;

-- Pictures that are kept: a row stands before the first byte of a file does, and
-- goes after the last.
CREATE TABLE media (
    id {{id}},
    -- random: the name of its files
    name {{text}} NOT NULL UNIQUE,
    -- enum sut_picture_kind
    kind BIGINT NOT NULL,
    -- enum sut_media_state
    state BIGINT NOT NULL,
    -- who is shown; null: the shop's own
    person_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE INDEX media_by_state ON media (state, modified_at);
CREATE INDEX media_by_person ON media (person_id) WHERE person_id IS NOT NULL;

CREATE TABLE addresses (
    id {{id}},
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    is_default BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    label {{blob}},
    name {{blob}},
    line1 {{blob}},
    line2 {{blob}},
    city {{blob}},
    region {{blob}},
    postal_code {{blob}},
    country {{blob}},
    phone {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX addresses_by_person ON addresses (person_id, id);

-- A person's, or a guest's: a digest of the cookie names that one.
CREATE TABLE carts (
    id {{id}},
    person_id BIGINT UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    guest {{blob}} UNIQUE,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    CHECK ((person_id IS NULL) <> (guest IS NULL))
);

CREATE INDEX carts_of_guests ON carts (modified_at) WHERE guest IS NOT NULL;

CREATE TABLE cart_lines (
    id {{id}},
    cart_id BIGINT NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    variant_id BIGINT NOT NULL REFERENCES variants (id) ON DELETE CASCADE,
    quantity BIGINT NOT NULL CHECK (quantity >= 1 AND quantity <= 100),
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (cart_id, variant_id)
);

CREATE INDEX cart_lines_by_variant ON cart_lines (variant_id);

CREATE TABLE wishlist_items (
    id {{id}},
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    variant_id BIGINT NOT NULL REFERENCES variants (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    UNIQUE (person_id, variant_id)
);

CREATE INDEX wishlist_items_by_variant ON wishlist_items (variant_id);

CREATE TABLE outfits (
    id {{id}},
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name {{text}} NOT NULL,
    description {{text}} NOT NULL DEFAULT '',
    -- both, as they are searched: folded
    folded {{text}} NOT NULL DEFAULT '',
    is_public BIGINT NOT NULL DEFAULT 0,
    views BIGINT NOT NULL DEFAULT 0,
    likes BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE INDEX outfits_by_person ON outfits (person_id, id);
CREATE INDEX outfits_public ON outfits (id) WHERE is_public = 1;
CREATE INDEX outfits_public_by_views ON outfits (views, id) WHERE is_public = 1;

CREATE TABLE outfit_items (
    id {{id}},
    outfit_id BIGINT NOT NULL REFERENCES outfits (id) ON DELETE CASCADE,
    product_id BIGINT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    UNIQUE (outfit_id, product_id)
);

CREATE INDEX outfit_items_by_product ON outfit_items (product_id);

CREATE TABLE orders (
    id {{id}},
    -- null: erased
    person_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    -- what people call it: prefix, year of created_at, id
    prefix {{text}} NOT NULL,
    -- enum sut_order_status
    status BIGINT NOT NULL,
    -- enum sut_pay_method, enum sut_payment_status, enum sut_refund_status
    payment_method BIGINT NOT NULL,
    payment_status BIGINT NOT NULL,
    refund_status BIGINT NOT NULL DEFAULT 0,
    -- the sum of the lines, never worked out again
    total BIGINT NOT NULL CHECK (total >= 0),
    currency {{text}} NOT NULL,
    -- of all lines
    items_count BIGINT NOT NULL,
    created_by BIGINT,
    modified_by BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    paid_at BIGINT,
    -- while nothing is paid: until when its stock is held; null: not any more
    held_until BIGINT,
    address {{blob}},
    notes {{blob}},
    -- what the buyer said who cancelled it
    reason {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX orders_by_person ON orders (person_id, id);
CREATE INDEX orders_by_status ON orders (status, id);
CREATE INDEX orders_held ON orders (held_until) WHERE held_until IS NOT NULL;

-- As they were bought: what becomes of the product changes nothing here.
-- order_id is no foreign key here and in the two tables below: an order is never deleted, and
-- PostgreSQL would look into the one page of the index into which all orders of that moment go, so
-- that each serializable order met each other.
CREATE TABLE order_lines (
    id {{id}},
    order_id BIGINT NOT NULL,
    product_id BIGINT NOT NULL REFERENCES products (id),
    variant_id BIGINT NOT NULL REFERENCES variants (id),
    product_name {{text}} NOT NULL,
    variant_name {{text}} NOT NULL,
    sku {{text}} NOT NULL,
    size {{text}},
    color {{text}} NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    price BIGINT NOT NULL CHECK (price >= 0)
);

CREATE INDEX order_lines_by_order ON order_lines (order_id, id);
CREATE INDEX order_lines_by_product ON order_lines (product_id);
CREATE INDEX order_lines_by_variant ON order_lines (variant_id);

-- Each status that an order came to.
CREATE TABLE order_changes (
    id {{id}},
    order_id BIGINT NOT NULL,
    status BIGINT NOT NULL,
    -- who did it; null: nobody, or the shop by itself
    by_id BIGINT,
    at BIGINT NOT NULL
);

CREATE INDEX order_changes_by_order ON order_changes (order_id, id);

-- The ledger of stock: what an order holds, has taken, or gave back.
CREATE TABLE reservations (
    order_id BIGINT NOT NULL,
    -- as the order's line has it
    variant_id BIGINT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    -- enum sut_reservation_state
    state BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, variant_id)
);

CREATE INDEX reservations_by_variant ON reservations (variant_id, state);
CREATE INDEX reservations_by_change ON reservations (changed_at);

-- What was asked of a provider for an order.
CREATE TABLE payments (
    id {{id}},
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    person_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    -- enum sut_pay_method, enum sut_payment_kind, enum sut_payment_state
    provider BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    state BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    currency {{text}} NOT NULL,
    -- enum sut_refund_status, and why it is owed: a constant word
    refund_status BIGINT NOT NULL DEFAULT 0,
    refund_why {{text}},
    tries BIGINT NOT NULL DEFAULT 0,
    -- when a job looks at it next; null: nothing is left to do
    due_at BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    ref_index {{text}} UNIQUE,
    index_version BIGINT NOT NULL DEFAULT 0,
    -- the provider's name of it; where the buyer pays; the refund's name
    ref {{blob}},
    url {{blob}},
    refund_ref {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX payments_by_order ON payments (order_id, id);
CREATE INDEX payments_by_person ON payments (person_id);
-- of an order one at most of a kind can be paid (BEGUN or OPEN)
CREATE UNIQUE INDEX payments_live ON payments (order_id, provider, kind) WHERE state IN (1, 2);
CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payments_by_index_version ON payments (index_version, id);

-- Events of the providers, as they came: stored once, worked off afterwards.
CREATE TABLE webhooks (
    id {{id}},
    provider BIGINT NOT NULL,
    -- the provider's name of the event
    event {{text}} NOT NULL,
    -- its type: "payment_intent.succeeded"
    type {{text}} NOT NULL,
    -- enum sut_webhook_state
    state BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    -- always null: it belongs to nobody yet
    person_id BIGINT,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    done_at BIGINT,
    -- what came of it, a constant word
    why {{text}},
    body {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0,
    UNIQUE (provider, event)
);

CREATE INDEX webhooks_due ON webhooks (state, due_at);
CREATE INDEX webhooks_by_time ON webhooks (created_at);

-- Requests that carried an Idempotency-Key, by a digest of scope, route and key.
CREATE TABLE idempotency (
    id {{id}},
    name {{blob}} NOT NULL UNIQUE,
    -- a digest of the request's body
    request {{blob}} NOT NULL,
    person_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    -- what was made; 0: nothing that has a number
    resource_id BIGINT NOT NULL DEFAULT 0,
    -- of the answer; 0: the first still runs
    status BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    -- the try that runs: a number of its own, and when it began; 0: it has given up
    turn BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL,
    answer {{blob}},
    key_version BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX idempotency_by_time ON idempotency (created_at);
CREATE INDEX idempotency_by_person ON idempotency (person_id);

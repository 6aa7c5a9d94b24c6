-- SPDX-License-Identifier: Apache-2.0
--
-- 0008: the words that products are found by, in each database's own full-text index
-- (src/store/search.h); what it replaces goes.
DROP TABLE product_terms;

-- only sqlite
CREATE VIRTUAL TABLE product_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, prefix = '3 4',
    tokenize = "ascii tokenchars '_'"
);

CREATE TRIGGER product_words_gone AFTER DELETE ON products BEGIN
    DELETE FROM product_words WHERE rowid = old.id;
END;
-- end

-- only postgres
CREATE TABLE product_words (
    product_id BIGINT PRIMARY KEY REFERENCES products (id) ON DELETE CASCADE,
    words TSVECTOR NOT NULL
);

CREATE INDEX product_words_by_word ON product_words USING gin (words)
    WITH (fastupdate = on, gin_pending_list_limit = 256);
-- end

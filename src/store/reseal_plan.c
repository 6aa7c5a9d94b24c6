/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reseal_int.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static struct sut_buf begin(void)
{
    struct sut_buf b;
    sut_buf_init(&b, SUT_RESEAL_TEXT);
    return b;
}

/* The text goes to the statement, in any case. */
static SUT_ERR end(struct sut_reseal_sql *s, struct sut_buf *b, const char *what, const char *table)
{
    sut_buf_char(b, '\0');
    s->text = b->p;
    TRY(sut_buf_check(b));
    const int n = snprintf(s->name, sizeof(s->name), "reseal_%s_%s", what, table);
    ENSURE(n > 0 && (size_t) n < sizeof(s->name), TOO_LARGE);
    s->sql = (struct sut_sql){ .name = s->name, .text = s->text };
    return SUT_OK;
}

/* The person of the row t; users are their own. */
static void add_owner(struct sut_buf *b, const struct sut_reseal_table *t)
{
    if (strcmp(t->owner, "id") == 0)
        sut_buf_lit(b, "t.id");
    else
        sut_buf_printf(b, "COALESCE(t.%s, 0)", t->owner);
}

static const char *column_of(const struct sut_reseal_table *t, size_t i)
{
    return sut_personal_columns[t->fields[i]].field.column;
}

/*
 * Id, owner and versions, the old key and the newest of the owner, the fields.  The rows are taken
 * first, and their keys then: PostgreSQL would else look for the keys of all rows of a table whose
 * size it does not know yet, and sort them.
 */
static SUT_ERR make_read(struct sut_reseal_table *t)
{
    struct sut_buf b = begin();
    sut_buf_lit(&b, "SELECT t.id, ");
    add_owner(&b, t);
    sut_buf_lit(&b, ", t.key_version, o.kek_version, o.wrapped, n.version, n.kek_version,"
                    " n.wrapped");
    for (size_t i = 0; i < t->n_fields; i++)
        sut_buf_printf(&b, ", t.%s", column_of(t, i));
    sut_buf_printf(&b,
                   " FROM (SELECT * FROM %s WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) t"
                   " LEFT JOIN data_keys o ON o.person_id = ",
                   t->name);
    add_owner(&b, t);
    sut_buf_lit(&b, " AND o.version = t.key_version LEFT JOIN data_keys n ON n.person_id = ");
    add_owner(&b, t);
    sut_buf_lit(&b, " AND n.version = (SELECT MAX(m.version) FROM data_keys m"
                    " WHERE m.person_id = ");
    add_owner(&b, t);
    sut_buf_lit(&b, ") ORDER BY t.id");
    return end(&t->read, &b, "read", t->name);
}

static SUT_ERR make_update(struct sut_reseal_table *t)
{
    struct sut_buf b = begin();
    sut_buf_printf(&b, "UPDATE %s SET ", t->name);
    for (size_t i = 0; i < t->n_fields; i++)
        sut_buf_printf(&b, "%s = $%zu, ", column_of(t, i), i + 1);
    sut_buf_printf(&b, "key_version = $%zu WHERE id = $%zu AND key_version = $%zu", t->n_fields + 1,
                   t->n_fields + 2, t->n_fields + 3);
    return end(&t->update, &b, "update", t->name);
}

static SUT_ERR make_count(struct sut_reseal_table *t)
{
    struct sut_buf b = begin();
    sut_buf_printf(&b, "SELECT COUNT(*) FROM %s", t->name);
    return end(&t->count, &b, "count", t->name);
}

static SUT_ERR make_drop(struct sut_reseal_plan *p, struct sut_reseal_sql *to, bool is_nobody)
{
    struct sut_buf b = begin();
    sut_buf_printf(&b,
                   "DELETE FROM data_keys WHERE %s AND version < (SELECT MAX(m.version)"
                   " FROM data_keys m WHERE m.person_id = data_keys.person_id)",
                   is_nobody ? "person_id = 0" : "person_id > $1 AND person_id <= $2");
    for (size_t i = 0; i < p->n_tables; i++) {
        const struct sut_reseal_table *const t = &p->tables[i];
        sut_buf_printf(&b, " AND NOT EXISTS (SELECT 1 FROM %s t WHERE t.%s", t->name, t->owner);
        sut_buf_printf(&b, "%s AND t.key_version = data_keys.version)",
                       is_nobody ? " IS NULL" : " = data_keys.person_id");
    }
    return end(to, &b, "drop", is_nobody ? "nobody" : "keys");
}

static SUT_ERR add_field(struct sut_reseal_plan *p, enum sut_personal f)
{
    const struct sut_personal_column *const c = &sut_personal_columns[f];
    size_t i = 0;
    while (i < p->n_tables && strcmp(p->tables[i].name, c->field.table) != 0)
        i++;
    ENSURE(i < SUT_RESEAL_TABLES_MAX, TOO_LARGE);
    struct sut_reseal_table *const t = &p->tables[i];
    if (i == p->n_tables) {
        p->n_tables++;
        t->name = c->field.table;
        t->owner = c->owner;
    }
    ENSURE(t->n_fields < SUT_RESEAL_COLUMNS_MAX, TOO_LARGE);
    t->fields[t->n_fields++] = f;
    return SUT_OK;
}

SUT_ERR sut_reseal_plan_create(struct sut_reseal_plan **ret)
{
    DEFER(sut_reseal_plan_free) struct sut_reseal_plan *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    for (unsigned f = 0; f < SUT_PERSONAL_FIELDS; f++)
        TRY(add_field(p, (enum sut_personal) f));
    for (size_t i = 0; i < p->n_tables; i++) {
        TRY(make_read(&p->tables[i]));
        TRY(make_update(&p->tables[i]));
        TRY(make_count(&p->tables[i]));
    }
    TRY(make_drop(p, &p->drop, false));
    TRY(make_drop(p, &p->drop_nobody, true));
    *ret = STEAL(p);
    return SUT_OK;
}

void sut_reseal_plan_free(struct sut_reseal_plan **p)
{
    if (*p == NULL)
        return;
    for (size_t i = 0; i < SUT_RESEAL_TABLES_MAX; i++) {
        struct sut_reseal_table *const t = &(*p)->tables[i];
        sut_mem_free(t->read.text);
        sut_mem_free(t->update.text);
        sut_mem_free(t->count.text);
    }
    sut_mem_free((*p)->drop.text);
    sut_mem_free((*p)->drop_nobody.text);
    sut_mem_freep(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/req.h"

#include "codec/utf8.h"
#include "store/store.h"

SUT_ERR sut_req_conn(struct sut_req *r, struct sut_db_conn **ret)
{
    if (r->conn == NULL) {
        if (r->seat != NULL)
            TRY(sut_store_seat_take(r->seat, &r->conn));
        else
            TRY(sut_store_lease(r->app->store, &r->conn));
        r->statements_before = sut_db_statements(r->conn);
    }
    *ret = r->conn;
    return SUT_OK;
}

void sut_req_conn_end(struct sut_req *r)
{
    if (r->conn == NULL)
        return;
    r->statements += sut_db_statements(r->conn) - r->statements_before;
    if (r->seat != NULL)
        sut_store_seat_give(r->seat, &r->conn);
    else
        sut_store_return(r->app->store, &r->conn);
}

/* Where a declared key's value is kept; SUT_QUERY_MAX when the row has no such key. */
static unsigned key_index(const struct sut_req *r, const char *name)
{
    const struct sut_query_key *k = r->route == NULL ? NULL : r->route->query;
    for (unsigned i = 0; k != NULL && k[i].name != NULL; i++)
        if (k[i].name[0] == name[0] && strcmp(k[i].name, name) == 0)
            return i;
    return SUT_QUERY_MAX;
}

sut_str sut_req_query(const struct sut_req *r, const char *name)
{
    const unsigned i = key_index(r, name);
    return i == SUT_QUERY_MAX ? (sut_str){ 0 } : r->query[i];
}

int64_t sut_req_query_int(const struct sut_req *r, const char *name, int64_t absent)
{
    const unsigned i = key_index(r, name);
    return i == SUT_QUERY_MAX || r->query[i].p == NULL ? absent : r->query_int[i];
}

sut_str sut_req_text(const struct sut_req *r, const char *name)
{
    const struct sut_json *v = sut_json_get(r->body, name);
    if (v == NULL || v->type != SUT_JSON_STRING)
        return (sut_str){ 0 };
    const struct sut_schema *schema = r->route->body;
    for (size_t i = 0; schema != NULL && i < schema->n; i++)
        if (strcmp(schema->fields[i].name, name) == 0 && schema->fields[i].type == SUT_F_PASSWORD)
            return v->s;
    const sut_str text = sut_utf8_trim(v->s);
    return text.p == NULL ? SUT_STR("") : text;
}

bool sut_req_has(const struct sut_req *r, const char *name)
{
    return sut_json_get(r->body, name) != NULL;
}

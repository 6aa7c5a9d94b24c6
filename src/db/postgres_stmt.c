/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver over libpq: statements.  Each is prepared on the server at its
 * first step, for the types that are bound then; parameters and columns travel
 * in binary, so that no byte is escaped or decoded.
 */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/scan.h"
#include "db/postgres.h"

enum {
    /* Object ids of types, fixed in PostgreSQL's catalogue. */
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_NUMERIC = 1700,
    OID_ANY = 0, /* NULL: whatever the server takes the place for */

    VARIANTS_MAX = 8, /* of one statement, by the types of what was bound */
    NAME_BYTES = 64,
    BINARY = 1,
    NUMERIC_HEADER = 8,
    NUMERIC_BASE = 10000,
    NUMERIC_NEGATIVE = 0x4000,
    NUMERIC_DIGITS_MAX = 5, /* of base 10000: more does not fit 63 bits for sure */
};

struct parameter {
    const char *value; /* NULL: the value is NULL */
    int length;
    Oid type;
    uint64_t number; /* big-endian; where value points for a number */
};

struct pg_stmt {
    struct sut_db_stmt super;
    const struct sut_pq *pq;
    unsigned serial;
    int n; /* parameters in the text */
    struct parameter *params;
    Oid *variants; /* VARIANTS_MAX rows of n types */
    int variants_n;
    PGresult *rows;
    int row;
};

static struct pg_stmt *stmt_of(struct sut_db_stmt *s)
{
    return (struct pg_stmt *) s;
}

/* The greatest n of $n. */
static int count_parameters(const char *text)
{
    int most = 0;
    for (const char *p = strchr(text, '$'); p != NULL; p = strchr(p + 1, '$')) {
        int n = 0;
        for (const char *d = p + 1; *d >= '0' && *d <= '9' && n <= SUT_DB_PARAMS_MAX; d++)
            n = n * 10 + (*d - '0');
        if (n > most)
            most = n;
    }
    return most;
}

void sut_pg__stmt_free(struct sut_db_stmt *s)
{
    struct pg_stmt *p = stmt_of(s);
    p->pq->PQclear(p->rows);
    sut_mem_free(p->params);
    sut_mem_free(p->variants);
    sut_mem_free(p);
}

sut_err sut_pg__stmt_create(struct sut_db_conn *c, const struct sut_sql *sql,
                            struct sut_db_stmt **ret)
{
    const int n = count_parameters(sql->text);
    if (n > SUT_DB_PARAMS_MAX) {
        sut_db__set_error(c, sql->name, "not one statement with parameters $1 to $64");
        FAIL(SYSTEM);
    }
    struct pg_stmt *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    p->n = n;
    p->pq = ((struct sut_pg_conn *) c)->pq;
    p->serial = ((struct sut_pg_conn *) c)->serial++;
    p->params = sut_mem_zalloc((size_t) n + 1, sizeof(struct parameter));
    p->variants = sut_mem_zalloc((size_t) n + 1, VARIANTS_MAX * sizeof(Oid));
    if (p->params == NULL || p->variants == NULL) {
        sut_pg__stmt_free(&p->super);
        FAIL(NOMEM);
    }
    *ret = &p->super;
    return SUT_OK;
}

void sut_pg__stmt_reset(struct sut_db_stmt *s)
{
    struct pg_stmt *p = stmt_of(s);
    p->pq->PQclear(p->rows);
    p->rows = NULL;
    memset(p->params, 0, (size_t) p->n * sizeof(struct parameter));
}

static void bind(struct sut_db_stmt *s, int n, const char *value, size_t length, Oid type)
{
    struct pg_stmt *p = stmt_of(s);
    if (n > p->n || length > INT32_MAX / 2) {
        s->fault = true;
        return;
    }
    p->params[n - 1].value = value;
    p->params[n - 1].length = (int) length;
    p->params[n - 1].type = type;
}

void sut_pg__bind_i64(struct sut_db_stmt *s, int n, int64_t v)
{
    struct pg_stmt *p = stmt_of(s);
    if (n > p->n) {
        s->fault = true;
        return;
    }
    p->params[n - 1].number = htobe64((uint64_t) v);
    bind(s, n, (const char *) &p->params[n - 1].number, sizeof(uint64_t), OID_INT8);
}

void sut_pg__bind_text(struct sut_db_stmt *s, int n, sut_str v)
{
    bind(s, n, v.n > 0 ? v.p : "", v.n, OID_TEXT);
}

void sut_pg__bind_blob(struct sut_db_stmt *s, int n, sut_str v)
{
    bind(s, n, v.n > 0 ? v.p : "", v.n, OID_BYTEA);
}

void sut_pg__bind_null(struct sut_db_stmt *s, int n)
{
    bind(s, n, NULL, 0, OID_ANY);
}

static bool fits(const struct pg_stmt *p, const Oid *types)
{
    for (int i = 0; i < p->n; i++) {
        if (p->params[i].type != types[i] && p->params[i].type != OID_ANY)
            return false;
    }
    return true;
}

static void name_of(const struct pg_stmt *p, int variant, char name[NAME_BYTES])
{
    (void) snprintf(name, NAME_BYTES, "%.40s.%u.%d", p->super.sql->name, p->serial, variant);
}

/* Find the prepared statement for the types that are bound, or have it prepared. */
static SUT_ERR choose(struct sut_pg_conn *c, struct pg_stmt *p, char name[NAME_BYTES])
{
    for (int i = 0; i < p->variants_n; i++) {
        if (fits(p, p->variants + i * p->n)) {
            name_of(p, i, name);
            return SUT_OK;
        }
    }
    if (p->variants_n == VARIANTS_MAX) {
        sut_db__set_error(&c->super, p->super.sql->name, "bound with too many sets of types");
        FAIL(SYSTEM);
    }
    Oid *types = p->variants + p->variants_n * p->n;
    for (int i = 0; i < p->n; i++)
        types[i] = p->params[i].type;
    name_of(p, p->variants_n, name);
    const int sent =
        c->is_lost ? 0 : p->pq->PQsendPrepare(c->h, name, p->super.sql->text, p->n, types);
    PGresult *r = NULL;
    TRY(sut_pg__await(c, p->super.sql->name, sent, c->wait_ms, &r));
    p->pq->PQclear(r);
    p->variants_n++;
    return SUT_OK;
}

static int send(struct sut_pg_conn *c, const struct pg_stmt *p, const char *name)
{
    const char *values[SUT_DB_PARAMS_MAX];
    int lengths[SUT_DB_PARAMS_MAX];
    int formats[SUT_DB_PARAMS_MAX];
    for (int i = 0; i < p->n; i++) {
        values[i] = p->params[i].value;
        lengths[i] = p->params[i].length;
        formats[i] = BINARY;
    }
    return p->pq->PQsendQueryPrepared(c->h, name, p->n, values, lengths, formats, BINARY);
}

/* "INSERT 0 3", "UPDATE 3", "DELETE 3"; a SELECT counts too, but changes nothing. */
static int64_t changes_of(const struct pg_stmt *p, PGresult *r)
{
    int64_t n = 0;
    if (strncmp(p->pq->PQcmdStatus(r), "SELECT", 6) == 0 ||
        sut_failed(sut_parse_i64(sut_str_from(p->pq->PQcmdTuples(r)), 0, INT64_MAX, &n)))
        return 0;
    return n;
}

sut_err sut_pg__step(struct sut_db_stmt *s, bool *ret_row)
{
    struct pg_stmt *p = stmt_of(s);
    if (!s->started) {
        struct sut_pg_conn *c = (struct sut_pg_conn *) s->conn;
        char name[NAME_BYTES];
        TRY(choose(c, p, name));
        TRY(sut_pg__await(c, s->sql->name, send(c, p, name), c->wait_ms, &p->rows));
        s->changes = changes_of(p, p->rows);
        p->row = -1;
    }
    *ret_row = p->rows != NULL && ++p->row < p->pq->PQntuples(p->rows);
    return SUT_OK;
}

static bool has_value(const struct pg_stmt *p, int i)
{
    return p->rows != NULL && p->row >= 0 && p->row < p->pq->PQntuples(p->rows) && i >= 0 &&
           i < p->pq->PQnfields(p->rows) && p->pq->PQgetisnull(p->rows, p->row, i) == 0;
}

sut_str sut_pg__col_bytes(struct sut_db_stmt *s, int i)
{
    const struct pg_stmt *p = stmt_of(s);
    if (!has_value(p, i))
        return sut_str_of(NULL, 0);
    return sut_str_of(p->pq->PQgetvalue(p->rows, p->row, i),
                      (size_t) p->pq->PQgetlength(p->rows, p->row, i));
}

bool sut_pg__col_is_null(struct sut_db_stmt *s, int i)
{
    return !has_value(stmt_of(s), i);
}

static uint16_t be16_at(sut_str v, size_t at)
{
    uint16_t x;
    memcpy(&x, v.p + at, sizeof(x));
    return be16toh(x);
}

/* SUM of BIGINT is NUMERIC: count of digits, weight of the first, sign, scale, digits (base
 * 10000; PostgreSQL's numeric_send).  0 when it has a fraction or does not fit. */
static int64_t numeric_i64(sut_str v)
{
    if (v.n < NUMERIC_HEADER)
        return 0;
    const int digits = be16_at(v, 0);
    const int weight = (int16_t) be16_at(v, 2);
    if (weight + 1 < digits || weight + 1 > NUMERIC_DIGITS_MAX ||
        v.n < (size_t) (NUMERIC_HEADER + 2 * digits))
        return 0;
    int64_t n = 0;
    for (int i = 0; i <= weight; i++) {
        const int64_t digit = i < digits ? be16_at(v, (size_t) NUMERIC_HEADER + (size_t) i * 2) : 0;
        if (__builtin_mul_overflow(n, (int64_t) NUMERIC_BASE, &n) ||
            __builtin_add_overflow(n, digit, &n))
            return 0;
    }
    return be16_at(v, 4) == NUMERIC_NEGATIVE ? -n : n;
}

int64_t sut_pg__col_i64(struct sut_db_stmt *s, int i)
{
    const sut_str v = sut_pg__col_bytes(s, i);
    if (v.n == 0)
        return 0;
    const Oid type = stmt_of(s)->pq->PQftype(stmt_of(s)->rows, i);
    if (type == OID_INT8 && v.n == sizeof(uint64_t)) {
        uint64_t x;
        memcpy(&x, v.p, sizeof(x));
        return (int64_t) be64toh(x);
    }
    if (type == OID_INT4 && v.n == sizeof(uint32_t)) {
        uint32_t x;
        memcpy(&x, v.p, sizeof(x));
        return (int32_t) be32toh(x);
    }
    if (type == OID_INT2 && v.n == sizeof(uint16_t))
        return (int16_t) be16_at(v, 0);
    if (type == OID_BOOL)
        return v.p[0] != 0;
    if (type == OID_NUMERIC)
        return numeric_i64(v);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "media/media.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "codec/b64url.h"
#include "store/store.h"

enum { SWEEP_STEP = 16, NAME_BYTES = 16 };

static const int64_t waiting_ms = INT64_C(60) * 60 * 1000;
static const sut_str format = SUT_STR_INIT("SUTM1");

struct sut_media {
    struct sut_media_options o;
};

static const enum sut_picture_kind kinds[] = { SUT_PICTURE_JPEG, SUT_PICTURE_PNG,
                                               SUT_PICTURE_WEBP };
static const char *const marks[SUT_PICTURE_FILES] = {
    [SUT_PICTURE_FULL] = "",
    [SUT_PICTURE_THUMBNAIL] = "-s",
    [SUT_PICTURE_LARGER] = "-l",
};

SUT_ERR sut_media_create(const struct sut_media_options *o, struct sut_media **ret)
{
    struct sut_media *m = sut_mem_zalloc(1, sizeof(*m));
    if (m == NULL && o->place.close != NULL)
        o->place.close(o->place.ctx);
    ENSURE(m != NULL, NOMEM);
    m->o = *o;
    *ret = m;
    return SUT_OK;
}

void sut_media_free(struct sut_media **m)
{
    if (*m == NULL)
        return;
    if ((*m)->o.place.close != NULL)
        (*m)->o.place.close((*m)->o.place.ctx);
    sut_mem_freep(m);
}

/* --- names of files --- */

static void write_file_name(struct sut_buf *b, sut_str name, enum sut_picture_kind kind,
                            enum sut_picture_file file)
{
    sut_buf_str_add(b, name);
    sut_buf_z(b, marks[file]);
    sut_buf_z(b, sut_picture_suffix(kind));
}

SUT_ERR sut_media_file(struct sut_arena *a, sut_str name, enum sut_picture_kind kind,
                       enum sut_picture_file file, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SUT_MEDIA_FILE_NAME);
    write_file_name(&b, name, kind, file);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static bool is_name(sut_str s)
{
    unsigned char bytes[NAME_BYTES];
    size_t n = 0;
    return s.n == SUT_MEDIA_NAME && !sut_failed(sut_b64url_decode(s, bytes, sizeof(bytes), &n)) &&
           n == sizeof(bytes);
}

bool sut_media_file_read(sut_str file, sut_str *ret_name, enum sut_picture_kind *ret_kind,
                         enum sut_picture_file *ret_file)
{
    const sut_str name = sut_str_sub(file, 0, SUT_MEDIA_NAME);
    const sut_str rest = sut_str_sub(file, SUT_MEDIA_NAME, file.n);
    if (!is_name(name))
        return false;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        for (enum sut_picture_file f = SUT_PICTURE_FULL; f < SUT_PICTURE_FILES; f++) {
            const sut_str mark = sut_str_from(marks[f]);
            if (!sut_str_starts(rest, mark) ||
                !sut_str_is(sut_str_sub(rest, mark.n, rest.n), sut_picture_suffix(kinds[k])))
                continue;
            *ret_name = name;
            *ret_kind = kinds[k];
            *ret_file = f;
            return true;
        }
    return false;
}

/* --- sealing --- */

/*
 * format · length of the key's name (1) · the key's name · nonce, ciphertext, tag; bound to
 * the first three and the file's name, so that it opens in its own place alone.
 */
static SUT_ERR bind_aad(struct sut_buf *aad, sut_str kid, sut_str file)
{
    sut_buf_str_add(aad, format);
    sut_buf_char(aad, (char) kid.n);
    sut_buf_str_add(aad, kid);
    sut_buf_str_add(aad, file);
    return sut_buf_check(aad);
}

static SUT_ERR seal(const struct sut_media *m, sut_str file, sut_str plain, struct sut_buf *out)
{
    char room[SUT_MEDIA_OVERHEAD + SUT_MEDIA_FILE_NAME];
    struct sut_buf aad = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    struct sut_media_key k;
    TRY(m->o.keys.find(m->o.keys.ctx, SUT_STR(""), &k));
    const sut_str kid = sut_str_of(k.kid, k.kid_n);
    sut_err e = bind_aad(&aad, kid, file);
    if (!sut_failed(e)) {
        sut_buf_str_add(out, format);
        sut_buf_char(out, (char) kid.n);
        sut_buf_str_add(out, kid);
        e = sut_aead_seal(m->o.random, sut_str_of((const char *) k.key, sizeof(k.key)),
                          sut_buf_str(&aad), plain, out);
    }
    sut_wipe(&k, sizeof(k));
    return e;
}

static SUT_ERR unseal(const struct sut_media *m, sut_str file, sut_str sealed, struct sut_buf *out)
{
    char room[SUT_MEDIA_OVERHEAD + SUT_MEDIA_FILE_NAME];
    struct sut_buf aad = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    struct sut_media_key k;
    ENSURE(sut_str_starts(sealed, format) && sealed.n > format.n, CORRUPT);
    const size_t kid_n = (unsigned char) sealed.p[format.n];
    const size_t head = format.n + 1 + kid_n;
    ENSURE(kid_n > 0 && kid_n <= SUT_MEDIA_KID && sealed.n > head, CORRUPT);
    const sut_str kid = sut_str_sub(sealed, format.n + 1, head);
    sut_err e = m->o.keys.find(m->o.keys.ctx, kid, &k);
    ENSURE(e.code != SUT_E_NOT_FOUND, CORRUPT);
    TRY(e);
    e = bind_aad(&aad, kid, file);
    if (!sut_failed(e))
        e = sut_aead_open(sut_str_of((const char *) k.key, sizeof(k.key)), sut_buf_str(&aad),
                          sut_str_sub(sealed, head, sealed.n), out);
    sut_wipe(&k, sizeof(k));
    return e;
}

/* --- keeping --- */

struct adding {
    struct sut_media_row row;
    sut_ms now;
    int64_t id;
};

static SUT_ERR add_job(struct sut_db_conn *c, void *arg)
{
    struct adding *a = arg;
    return sut_media_row_add(c, &a->row, a->now, &a->id);
}

static SUT_ERR make_name(const struct sut_random *rnd, char ret[SUT_MEDIA_NAME + 1])
{
    unsigned char bytes[NAME_BYTES];
    struct sut_buf b = { .p = ret, .cap = SUT_MEDIA_NAME, .max = SUT_MEDIA_NAME };
    TRY(sut_random_fill(rnd, bytes, sizeof(bytes)));
    sut_b64url_encode(&b, sut_str_of((const char *) bytes, sizeof(bytes)));
    ret[SUT_MEDIA_NAME] = '\0';
    return sut_buf_check(&b);
}

static SUT_ERR put_file(struct sut_media *m, sut_str file, enum sut_picture_kind kind,
                        sut_str plain)
{
    DEFER(sut_buf_done) struct sut_buf sealed;
    sut_buf_init(&sealed, plain.n + SUT_MEDIA_OVERHEAD);
    /* All at once: it is not copied while it grows. */
    ENSURE(sut_buf_room(&sealed, plain.n + SUT_MEDIA_OVERHEAD) != NULL, NOMEM);
    TRY(seal(m, file, plain, &sealed));
    const sut_err e = m->o.place.put(m->o.place.ctx, file, sut_str_from(sut_picture_type(kind)),
                                     sut_buf_str(&sealed));
    return e.code == SUT_E_EXISTS ? SUT_OK : e;
}

/* fn on each file of a picture, to the first that fails. */
static SUT_ERR each_file(struct sut_media *m, sut_str name, enum sut_picture_kind kind,
                         const struct sut_picture *p)
{
    for (enum sut_picture_file f = SUT_PICTURE_FULL; f < SUT_PICTURE_FILES; f++) {
        char room[SUT_MEDIA_FILE_NAME];
        struct sut_buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
        write_file_name(&b, name, kind, f);
        TRY(sut_buf_check(&b));
        if (p != NULL)
            TRY(put_file(m, sut_buf_str(&b), kind, sut_buf_str(&p->files[f])));
        else
            TRY(m->o.place.remove(m->o.place.ctx, sut_buf_str(&b)));
    }
    return SUT_OK;
}

SUT_ERR sut_media_keep(struct sut_media *m, const struct sut_picture *p, int64_t person, sut_ms now,
                       struct sut_media_kept *ret)
{
    struct adding adding = {
        .row = { .kind = p->kind, .width = p->width, .height = p->height, .person_id = person },
        .now = now,
    };
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++)
        adding.row.bytes += (int64_t) p->files[i].n;
    TRY(make_name(m->o.random, adding.row.name));
    TRY(sut_store_write(m->o.store, add_job, &adding));
    struct sut_media_kept kept = { .id = adding.id, .kind = p->kind };
    memcpy(kept.name, adding.row.name, sizeof(kept.name));
    const sut_err e = each_file(m, sut_str_of(kept.name, SUT_MEDIA_NAME), p->kind, p);
    if (sut_failed(e)) {
        sut_media_discard(m, &kept, now);
        return e;
    }
    *ret = kept;
    return SUT_OK;
}

/* --- going --- */

struct changing {
    int64_t id;
    sut_ms before;
    sut_ms now;
    int64_t n;
};

static SUT_ERR drop_job(struct sut_db_conn *c, void *arg)
{
    const struct changing *g = arg;
    return sut_media_row_drop(c, g->id, g->now);
}

static SUT_ERR delete_job(struct sut_db_conn *c, void *arg)
{
    const struct changing *g = arg;
    return sut_media_row_delete(c, g->id);
}

static SUT_ERR expire_job(struct sut_db_conn *c, void *arg)
{
    struct changing *g = arg;
    return sut_media_row_expire(c, g->before, g->now, &g->n);
}

static void set_out(const struct sut_media_watch *w, bool is_out)
{
    if (w != NULL)
        w->set_out(w->ctx, is_out);
}

/* The row is GONE. */
static SUT_ERR delete_files(struct sut_media *m, const struct sut_media_watch *w, int64_t id,
                            const char *name, enum sut_picture_kind kind)
{
    struct changing g = { .id = id };
    set_out(w, true);
    const sut_err e = each_file(m, sut_str_of(name, SUT_MEDIA_NAME), kind, NULL);
    set_out(w, false);
    TRY(e);
    return sut_store_write(m->o.store, delete_job, &g);
}

void sut_media_discard(struct sut_media *m, const struct sut_media_kept *kept, sut_ms now)
{
    static const char later[] = "its row stands: a sweep finds it";
    struct changing g = { .id = kept->id, .now = now };
    const sut_err e = sut_store_write(m->o.store, drop_job, &g);
    if (sut_failed(e))
        sut_ignore(e, later);
    else
        sut_ignore(delete_files(m, NULL, kept->id, kept->name, kept->kind), later);
}

static SUT_ERR list_gone(struct sut_media *m, int64_t after, struct sut_media_row *rows, size_t *n)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(m->o.store, &c));
    const sut_err e = sut_media_row_gone(c, after, rows, SWEEP_STEP, n);
    sut_store_return(m->o.store, &c);
    return e;
}

static bool is_over(const struct sut_media_watch *w)
{
    return w != NULL && w->is_over(w->ctx);
}

static SUT_ERR sweep(struct sut_media *m, const struct sut_media_watch *w, sut_ms before,
                     sut_ms now)
{
    struct changing g = { .before = before, .now = now };
    struct sut_media_row rows[SWEEP_STEP];
    size_t n = 0;
    int64_t after = 0;
    sut_err first = SUT_OK;
    TRY(sut_store_write(m->o.store, expire_job, &g));
    do {
        TRY(list_gone(m, after, rows, &n));
        for (size_t i = 0; i < n && !is_over(w); i++) {
            /* One that can't go now does not keep the others: the next sweep tries again. */
            const sut_err e =
                delete_files(m, w, rows[i].id, rows[i].name, (enum sut_picture_kind) rows[i].kind);
            first = sut_failed(first) ? first : e;
            after = rows[i].id;
        }
    } while (n == SWEEP_STEP && !is_over(w));
    return first;
}

SUT_ERR sut_media_sweep(struct sut_media *m, const struct sut_media_watch *w, sut_ms now)
{
    return sweep(m, w, (sut_ms){ now.v - waiting_ms }, now);
}

SUT_ERR sut_media_recover(struct sut_media *m, const struct sut_media_watch *w, sut_ms now)
{
    return sweep(m, w, (sut_ms){ INT64_MAX }, now);
}

/* --- showing --- */

SUT_ERR sut_media_read(struct sut_media *m, sut_str file, struct sut_buf *ret,
                       const char **ret_type)
{
    sut_str name = { 0 };
    enum sut_picture_kind kind = SUT_PICTURE_JPEG;
    enum sut_picture_file which = SUT_PICTURE_FULL;
    ENSURE(sut_media_file_read(file, &name, &kind, &which), NOT_FOUND);
    DEFER(sut_buf_done) struct sut_buf sealed;
    sut_buf_init(&sealed, SUT_PICTURE_OUT_MAX + SUT_MEDIA_OVERHEAD);
    TRY(m->o.place.get(m->o.place.ctx, file, &sealed));
    TRY(unseal(m, file, sut_buf_str(&sealed), ret));
    *ret_type = sut_picture_type(kind);
    return SUT_OK;
}

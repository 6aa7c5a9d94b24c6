/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_product - `sutler product …`: the catalogue out of a file and into one, at the running
 * server or, when none runs, in the store itself.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/scan.h"
#include "codec/json_out.h"
#include "prog/options.h"
#include "prog/product_call.h"
#include "prog/product_file.h"

enum {
    READ_BYTES = 64 * 1024,
    BATCH_BYTES = 512 * 1024,
    MEMORY = 16 * 1024 * 1024,
    LINES_MAX = 8192, /* of a batch's variants */
    FAULTS_SHOWN = 100,
    AGAIN_MAX = 5,
    PROGRESS_NS = 200 * 1000 * 1000,
};

static const char product_usage[] =
    "usage: sutler product import FILE [--format csv|json] [--partial] [--dry-run]\n"
    "                             [--create-categories]\n"
    "       sutler product export [FILE] [--format csv|json]\n"
    "each with [--data DIR] [--keys DIR] [--config FILE] [--json]\n\n"
    "FILE may be - for standard input; an export without FILE goes to standard output.\n"
    "The format is what the file's name ends in (.csv, .json, .jsonl), else csv.\n\n"
    "`import` takes products by their SKU: one that is known is changed, another is added;\n"
    "what the file does not say of a product stays as it is.  A category is its slug or its\n"
    "name; --create-categories makes what is not there.  All is done in one transaction or\n"
    "nothing: on the embedded store nobody else writes until it has ended, so that a shop that\n"
    "is open is better served by --partial, which takes some at a time and leaves out what is\n"
    "wrong.  --dry-run does all of it and keeps nothing.  What is wrong is told by its line.\n"
    "`export` writes what `import` takes; taken again, it changes nothing.\n\n"
    "The exit code is 0 when everything was taken, 1 when something was not.\n";

struct product_line {
    struct sut_options options;
    const char *path;   /* NULL: standard output */
    const char *format; /* NULL: by the file's name */
    bool is_export;
    struct sut_import_options import;
    bool has_import_option;
};

/* --- the command line --- */

static int take_own(int argc, char **argv, struct product_line *line, char **rest, int *ret_n)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--partial") == 0)
            line->import.is_partial = line->has_import_option = true;
        else if (strcmp(argv[i], "--dry-run") == 0)
            line->import.is_dry = line->has_import_option = true;
        else if (strcmp(argv[i], "--create-categories") == 0)
            line->import.makes_categories = line->has_import_option = true;
        else if (strncmp(argv[i], "--format=", 9) == 0)
            line->format = argv[i] + 9;
        else if (strcmp(argv[i], "--format") == 0 && i + 1 < argc)
            line->format = argv[++i];
        else if (strcmp(argv[i], "-") == 0)
            line->path = argv[i];
        else
            rest[n++] = argv[i];
    }
    *ret_n = n;
    if (line->format != NULL && strcmp(line->format, "csv") != 0 &&
        strcmp(line->format, "json") != 0)
        return sut_command_usage(&sut_cmd_product, "%s is no format: csv or json", line->format);
    return SUT_EXIT_OK;
}

static int find_verb(struct product_line *line)
{
    const struct sut_options *const o = &line->options;
    const char *const verb = o->n_rest > 0 ? o->rest[0] : "";
    if (o->n_rest == 0)
        return sut_command_usage(&sut_cmd_product, "what to do is missing");
    line->is_export = strcmp(verb, "export") == 0;
    if (!line->is_export && strcmp(verb, "import") != 0)
        return sut_command_usage(&sut_cmd_product, "%s is nothing to do with products", verb);
    if (o->n_rest > 2 || (o->n_rest == 2 && line->path != NULL))
        return sut_command_usage(&sut_cmd_product, "%s is not expected here",
                                 o->rest[o->n_rest - 1]);
    if (o->n_rest == 2)
        line->path = o->rest[1];
    if (!line->is_export && line->path == NULL)
        return sut_command_usage(&sut_cmd_product, "import wants a file");
    if (line->is_export && line->has_import_option)
        return sut_command_usage(&sut_cmd_product, "this is an option of import");
    return SUT_EXIT_OK;
}

static enum sut_product_format format_of(const struct product_line *line)
{
    const sut_str path = line->path == NULL ? SUT_STR("") : sut_str_from(line->path);
    if (line->format != NULL)
        return strcmp(line->format, "json") == 0 ? SUT_PRODUCT_JSON : SUT_PRODUCT_CSV;
    return sut_str_ends(path, SUT_STR(".json")) || sut_str_ends(path, SUT_STR(".jsonl")) ||
                   sut_str_ends(path, SUT_STR(".ndjson"))
               ? SUT_PRODUCT_JSON
               : SUT_PRODUCT_CSV;
}

static int fail_with(sut_err e, struct sut_diag *d)
{
    if (d->text[0] == '\0')
        sut_diag_set(d, "%s", sut_err_info(e.code)->text);
    return sut_command_fail(d);
}

/* --- progress, on a terminal alone --- */

struct progress {
    bool is_on;
    bool is_shown;
    uint64_t began_ns;
    uint64_t shown_ns;
};

static void show_progress(struct progress *p, uint64_t rows)
{
    const uint64_t now = sut_monotonic_ns();
    if (!p->is_on || now - p->shown_ns < PROGRESS_NS)
        return;
    const double s = (double) (now - p->began_ns) / 1e9;
    (void) fprintf(stderr, "\r%llu products, %.0f/s ", (unsigned long long) rows,
                   s > 0 ? (double) rows / s : 0.0);
    p->shown_ns = now;
    p->is_shown = true;
}

static void end_progress(struct progress *p)
{
    if (p->is_shown)
        (void) fputs("\r\033[K", stderr);
    p->is_shown = false;
}

/* --- export --- */

static SUT_ERR write_part(FILE *to, enum sut_product_format format, sut_str text)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_buf out;
    if (format == SUT_PRODUCT_JSON) {
        ENSURE(fwrite(text.p, 1, text.n, to) == text.n, SYSTEM);
        return SUT_OK;
    }
    TRY(sut_arena_create(MEMORY, &a));
    while (text.n > 0) {
        const size_t end = sut_str_find(text, 0, '\n');
        sut_arena_reset(a);
        sut_buf_init_arena(&out, a, MEMORY / 2);
        TRY(sut_product_csv_write(a, sut_str_sub(text, 0, end), &out));
        ENSURE(fwrite(out.p, 1, out.n, to) == out.n, SYSTEM);
        text = sut_str_sub(text, end + 1, text.n);
    }
    return SUT_OK;
}

static SUT_ERR write_header(FILE *to)
{
    char room[1024];
    struct sut_buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    sut_product_csv_header(&b);
    ENSURE(fwrite(b.p, 1, b.n, to) == b.n, SYSTEM);
    return SUT_OK;
}

static SUT_ERR export_to(struct sut_product_call *call, const struct product_line *line, FILE *to,
                         struct sut_diag *d)
{
    const enum sut_product_format format = format_of(line);
    struct sut_products_ask ask = { .verb = SUT_PRODUCTS_EXPORT };
    struct sut_products_answer answer = { .has_more = true };
    struct progress p = { .is_on = to != stdout && isatty(2) != 0, .began_ns = sut_monotonic_ns() };
    uint64_t n = 0;
    if (format == SUT_PRODUCT_CSV)
        TRY(write_header(to));
    while (answer.has_more) {
        TRY(sut_product_call_ask(call, &ask, &answer, d));
        TRY(write_part(to, format, answer.text));
        for (size_t i = 0; i < answer.text.n; i++)
            n += answer.text.p[i] == '\n';
        show_progress(&p, n);
        ask.after = answer.after;
    }
    end_progress(&p);
    ENSURE(fflush(to) == 0, SYSTEM);
    return SUT_OK;
}

/* Where an export goes: a plain file of before stays as it is until the new one is whole. */
struct target {
    FILE *to;
    char path[PATH_MAX];      /* what is to be replaced, behind all links */
    char temp[PATH_MAX + 32]; /* empty: written as it comes */
};

static void open_target(const char *path, struct target *t)
{
    struct stat st;
    t->temp[0] = '\0';
    const bool is_there = stat(path, &st) == 0;
    const bool is_plain =
        is_there ? S_ISREG(st.st_mode) && access(path, W_OK) == 0 && realpath(path, t->path) != NULL
                 : lstat(path, &st) != 0 &&
                       snprintf(t->path, sizeof(t->path), "%s", path) < (int) sizeof(t->path);
    if (is_plain)
        (void) snprintf(t->temp, sizeof(t->temp), "%s.%ld.new", t->path, (long) getpid());
    t->to = is_plain ? fopen(t->temp, "wxe") : NULL;
    if (t->to == NULL) {
        /* A device, a pipe, or a file of ours in a folder that is not; or it may not be written. */
        t->temp[0] = '\0';
        t->to = fopen(path, "we");
    } else if (is_there) {
        (void) fchmod(fileno(t->to), st.st_mode & 07777);
    }
}

static SUT_ERR close_target(struct target *t, sut_err e)
{
    const bool has_temp = t->temp[0] != '\0';
    bool is_fine = !sut_failed(e) && fflush(t->to) == 0;
    if (is_fine && has_temp)
        is_fine = fsync(fileno(t->to)) == 0;
    is_fine = fclose(t->to) == 0 && is_fine;
    if (is_fine && has_temp)
        is_fine = rename(t->temp, t->path) == 0;
    if (!is_fine && has_temp)
        (void) unlink(t->temp);
    TRY(e);
    ENSURE(is_fine, SYSTEM);
    return SUT_OK;
}

static int run_export(const struct sut_config *config, const struct product_line *line)
{
    DEFER(sut_product_call_close) struct sut_product_call *call = NULL;
    struct sut_diag d = { 0 };
    struct target t = { .to = stdout };
    const bool is_out = line->path == NULL || strcmp(line->path, "-") == 0;
    sut_err e = sut_product_call_open(config, &call, &d);
    if (sut_failed(e))
        return fail_with(e, &d);
    if (!is_out)
        open_target(line->path, &t);
    if (t.to == NULL) {
        sut_diag_set(&d, "%s can't be written", line->path);
        return sut_command_fail(&d);
    }
    e = export_to(call, line, t.to, &d);
    if (!is_out)
        e = close_target(&t, e);
    if (e.code == SUT_E_SYSTEM && d.text[0] == '\0')
        sut_diag_set(&d, "%s can't be written", is_out ? "the answer" : line->path);
    return sut_failed(e) ? fail_with(e, &d) : SUT_EXIT_OK;
}

/* --- import --- */

struct importing {
    struct sut_product_call *call;
    const struct product_line *line;
    struct sut_diag *d;
    struct progress progress;
    uint64_t import;
    uint64_t sent;
    uint64_t shown; /* faults */
    bool is_again;
    /* What waits to be sent. */
    struct sut_buf text;
    size_t ends[SUT_IMPORT_BATCH_MAX];
    uint64_t begins[SUT_IMPORT_BATCH_MAX];
    size_t first_line[SUT_IMPORT_BATCH_MAX + 1]; /* where its lines are in `lines` */
    size_t n;
    uint64_t lines[LINES_MAX];
};

/* The line of a fault: a variant's has one of its own in CSV. */
static uint64_t line_of(const struct importing *m, const struct sut_import_fault *f)
{
    static const sut_str variants = SUT_STR_INIT("variants.");
    const size_t i = (size_t) f->index;
    int64_t k = 0;
    if (i >= m->n)
        return 0;
    if (sut_str_starts(f->field, variants)) {
        const size_t end = sut_str_find(f->field, variants.n, '.');
        const size_t n = m->first_line[i + 1] - m->first_line[i];
        if (!sut_failed(sut_parse_i64(sut_str_sub(f->field, variants.n, end), 0, LINES_MAX, &k)) &&
            (size_t) k < n)
            return m->lines[m->first_line[i] + (size_t) k];
    }
    return m->begins[i];
}

static void tell_faults(struct importing *m, const struct sut_import_answer *done)
{
    end_progress(&m->progress);
    for (size_t i = 0; i < done->n_faults && m->shown < FAULTS_SHOWN; i++, m->shown++) {
        const struct sut_import_fault *f = &done->faults[i];
        (void) fprintf(stderr, "line %llu: %.*s%s%.*s\n", (unsigned long long) line_of(m, f),
                       SUT_STR_ARG(f->field), f->field.n > 0 ? ": " : "", SUT_STR_ARG(f->message));
    }
}

/* An import that is left open holds up whoever writes until it is given up: it is ended by name. */
static volatile sig_atomic_t is_told_to_end;

static void note_end(int sig)
{
    (void) sig;
    is_told_to_end = 1;
}

static void heed_ends(void)
{
    static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
    const struct sigaction note = { .sa_handler = note_end, .sa_flags = SA_RESTART };
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        struct sigaction before;
        /* What who started us wants ignored (nohup) stays so. */
        if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void) sigaction(ending[i], &note, NULL);
    }
}

static SUT_ERR may_go_on(const struct importing *m)
{
    if (is_told_to_end == 0)
        return SUT_OK;
    const bool is_partial = m->line->import.is_partial && !m->line->import.is_dry;
    sut_diag_set(m->d, "given up: %s",
                 is_partial ? "what was taken before is kept" : "nothing was kept");
    FAIL(STALE);
}

static SUT_ERR send(struct importing *m)
{
    sut_str objects[SUT_IMPORT_BATCH_MAX];
    struct sut_products_answer answer;
    size_t from = 0;
    TRY(may_go_on(m));
    if (m->n == 0)
        return SUT_OK;
    for (size_t i = 0; i < m->n; i++) {
        objects[i] = sut_str_of(m->text.p + from, m->ends[i] - from);
        from = m->ends[i];
    }
    const struct sut_products_ask ask = {
        .verb = SUT_PRODUCTS_ROWS,
        .import = m->import,
        .objects = objects,
        .n_objects = m->n,
    };
    TRY(sut_product_call_ask(m->call, &ask, &answer, m->d));
    m->is_again = answer.done.is_again;
    ENSURE(!m->is_again, STALE);
    tell_faults(m, &answer.done);
    m->sent += m->n;
    show_progress(&m->progress, m->sent);
    sut_buf_reset(&m->text);
    m->n = 0;
    m->first_line[0] = 0;
    return SUT_OK;
}

static SUT_ERR take(void *ctx, const struct sut_product_found *p)
{
    struct importing *m = ctx;
    const bool is_full = m->n == SUT_IMPORT_BATCH_MAX ||
                         m->text.n + p->object.n > BATCH_BYTES + READ_BYTES ||
                         m->first_line[m->n] + p->n_lines > LINES_MAX;
    if (is_full)
        TRY(send(m));
    sut_buf_str_add(&m->text, p->object);
    TRY(sut_buf_check(&m->text));
    const size_t i = m->n++;
    m->ends[i] = m->text.n;
    m->begins[i] = p->line;
    if (p->n_lines > 0)
        memcpy(m->lines + m->first_line[i], p->lines, p->n_lines * sizeof(p->lines[0]));
    m->first_line[i + 1] = m->first_line[i] + p->n_lines;
    return m->text.n >= BATCH_BYTES ? send(m) : SUT_OK;
}

static SUT_ERR read_all(struct importing *m, FILE *from)
{
    DEFER(sut_product_reader_free) struct sut_product_reader *r = NULL;
    DEFER(sut_mem_freep) char *room = sut_mem_alloc(READ_BYTES);
    ENSURE(room != NULL, NOMEM);
    TRY(sut_product_reader_create(format_of(m->line), take, m, &r));
    for (;;) {
        const size_t n = fread(room, 1, READ_BYTES, from);
        if (n == 0)
            break;
        TRY(sut_product_reader_feed(r, sut_str_of(room, n), m->d));
    }
    if (ferror(from)) {
        sut_diag_set(m->d, "%s can't be read", m->line->path);
        FAIL(SYSTEM);
    }
    TRY(sut_product_reader_end(r, m->d));
    return send(m);
}

static SUT_ERR import_once(struct importing *m, FILE *from, struct sut_import_answer *ret)
{
    struct sut_products_ask ask = { .verb = SUT_PRODUCTS_BEGIN, .options = m->line->import };
    struct sut_products_answer answer;
    m->n = m->first_line[0] = 0;
    m->sent = 0;
    m->is_again = false;
    sut_buf_reset(&m->text);
    TRY(sut_product_call_ask(m->call, &ask, &answer, m->d));
    m->import = answer.import;
    TRY(read_all(m, from));
    TRY(may_go_on(m));
    ask = (struct sut_products_ask){ .verb = SUT_PRODUCTS_END, .import = m->import };
    TRY(sut_product_call_ask(m->call, &ask, &answer, m->d));
    m->is_again = answer.done.is_again;
    ENSURE(!m->is_again, STALE);
    *ret = answer.done;
    return SUT_OK;
}

/* Nobody waits for what comes no more. */
static void give_up(struct importing *m)
{
    const struct sut_products_ask ask = { .verb = SUT_PRODUCTS_GIVE_UP, .import = m->import };
    struct sut_products_answer ignored;
    struct sut_diag unsaid = { 0 };
    if (m->import != 0)
        sut_ignore(sut_product_call_ask(m->call, &ask, &ignored, &unsaid),
                   "why it failed is told already, and it ends by itself");
}

/* Others may change the same products at the same time: then from the beginning. */
static SUT_ERR import_from(struct importing *m, FILE *from, struct sut_import_answer *ret)
{
    sut_err e = SUT_OK;
    for (unsigned i = 0; i < AGAIN_MAX; i++) {
        m->shown = 0;
        if (fseek(from, 0, SEEK_SET) != 0) {
            sut_diag_set(m->d, "%s can't be read from its beginning", m->line->path);
            sut_diag_hint(m->d, "what is no file goes to standard input, with - as FILE");
            FAIL(SYSTEM);
        }
        m->import = 0;
        e = import_once(m, from, ret);
        if (sut_failed(e))
            give_up(m);
        if (!m->is_again)
            return e;
    }
    sut_diag_set(m->d, "others change the catalogue all the time; try --partial");
    return e;
}

static void print_done(const struct product_line *line, const struct sut_import_answer *done)
{
    const bool is_kept = !line->import.is_dry && (done->failed == 0 || line->import.is_partial);
    if (line->options.json) {
        (void) printf("{\"added\":%llu,\"changed\":%llu,\"unchanged\":%llu,\"failed\":%llu,"
                      "\"kept\":%s}\n",
                      (unsigned long long) done->counts[SUT_PRODUCT_ADDED],
                      (unsigned long long) done->counts[SUT_PRODUCT_CHANGED],
                      (unsigned long long) done->counts[SUT_PRODUCT_SAME],
                      (unsigned long long) done->failed, is_kept ? "true" : "false");
        return;
    }
    (void) printf("%llu added, %llu changed, %llu unchanged, %llu wrong%s\n",
                  (unsigned long long) done->counts[SUT_PRODUCT_ADDED],
                  (unsigned long long) done->counts[SUT_PRODUCT_CHANGED],
                  (unsigned long long) done->counts[SUT_PRODUCT_SAME],
                  (unsigned long long) done->failed, is_kept ? "" : ": nothing was kept");
}

/* Standard input can be read once; the file of a name from its beginning again. */
static FILE *open_source(const char *path)
{
    char room[4096];
    if (strcmp(path, "-") != 0)
        return fopen(path, "re");
    FILE *copy = tmpfile();
    size_t n = 0;
    while (copy != NULL && (n = fread(room, 1, sizeof(room), stdin)) > 0) {
        if (fwrite(room, 1, n, copy) != n) {
            (void) fclose(copy);
            return NULL;
        }
    }
    return copy;
}

static int run_import(const struct sut_config *config, const struct product_line *line)
{
    DEFER(sut_product_call_close) struct sut_product_call *call = NULL;
    DEFER(sut_mem_freep) struct importing *m = sut_mem_zalloc(1, sizeof(*m));
    struct sut_import_answer done = { 0 };
    struct sut_diag d = { 0 };
    if (m == NULL)
        return sut_command_fail(&(struct sut_diag){ .text = "no memory" });
    FILE *from = open_source(line->path);
    if (from == NULL) {
        sut_diag_set(&d, "%s can't be read", line->path);
        return sut_command_fail(&d);
    }
    sut_err e = sut_product_call_open(config, &call, &d);
    if (!sut_failed(e)) {
        m->call = call;
        m->line = line;
        m->d = &d;
        m->progress = (struct progress){ .is_on = isatty(2) != 0, .began_ns = sut_monotonic_ns() };
        sut_buf_init(&m->text, SUT_PRODUCTS_ASK_MAX);
        heed_ends();
        e = import_from(m, from, &done);
        end_progress(&m->progress);
        sut_buf_done(&m->text);
    }
    (void) fclose(from);
    if (sut_failed(e))
        return fail_with(e, &d);
    if (done.failed > m->shown)
        (void) fprintf(stderr, "%llu are wrong; the first %llu faults were shown\n",
                       (unsigned long long) done.failed, (unsigned long long) m->shown);
    print_done(line, &done);
    if (fflush(stdout) != 0)
        return sut_command_unprinted();
    return done.failed > 0 ? SUT_EXIT_FAILED : SUT_EXIT_OK;
}

static int run_product(int argc, char **argv)
{
    struct product_line line = { .path = NULL };
    DEFER(sut_mem_freep) char **rest = sut_mem_zalloc((size_t) argc + 1, sizeof(*rest));
    int n = 0;
    if (rest == NULL)
        return sut_command_fail(&(struct sut_diag){ .text = "no memory" });
    int code = take_own(argc, argv, &line, rest, &n);
    if (code == SUT_EXIT_OK)
        code = sut_options_parse(&sut_cmd_product, n, rest, &line.options);
    if (code != SUT_EXIT_OK || line.options.help)
        return code;
    code = find_verb(&line);
    if (code != SUT_EXIT_OK)
        return code;
    DEFER(sut_config_free) struct sut_config *config = sut_options_config(&line.options, true);
    if (config == NULL)
        return SUT_EXIT_FAILED;
    return line.is_export ? run_export(config, &line) : run_import(config, &line);
}

const struct sut_command sut_cmd_product = {
    .name = "product",
    .summary = "the catalogue: import it from a file, export it",
    .usage = product_usage,
    .run = run_product,
};

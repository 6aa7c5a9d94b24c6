/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/dir.h"

static const char strong[] = "q8Zt3bLw0mV7xKc1RyUj5HnE2aDs9FgP";

struct bench {
    char dir[32];
    char file[64];
    char dotenv[64];
    struct sut_config *c;
    struct sut_config_report report;
};

static void write_text(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    assert_int_equal(close(fd), 0);
}

static int set_up(void **state)
{
    static struct bench b;
    b = (struct bench){ .dir = "/tmp/sutler-config-XXXXXX" };
    assert_non_null(mkdtemp(b.dir));
    (void) snprintf(b.file, sizeof(b.file), "%s/shop.conf", b.dir);
    (void) snprintf(b.dotenv, sizeof(b.dotenv), "%s/.env", b.dir);
    *state = &b;
    return 0;
}

static void forget(struct bench *b)
{
    sut_config_free(&b->c);
    sut_config_report_done(&b->report);
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    forget(b);
    (void) unlink(b->file);
    (void) unlink(b->dotenv);
    return rmdir(b->dir);
}

/* Load from a text and an environment (NULL ends it). */
static bool load(struct bench *b, const char *text, const char *const *env)
{
    forget(b);
    if (text != NULL)
        write_text(b->file, text);
    const struct sut_config_source src = {
        .file = text == NULL ? NULL : b->file,
        .env = env,
    };
    const sut_err e = sut_config_load(&src, &b->c, &b->report);
    assert_true(e.code == SUT_E_OK || e.code == SUT_E_INVALID);
    assert_int_equal(sut_failed(e), b->report.n > 0);
    assert_int_equal(sut_failed(e), b->c == NULL);
    return !sut_failed(e);
}

static bool says(const struct sut_diag *d, const char *place, const char *text, const char *hint)
{
    const bool ok = strstr(d->place, place) != NULL && strstr(d->text, text) != NULL &&
                    strstr(d->hint, hint) != NULL;
    if (!ok)
        print_error("%s | %s | %s\n", d->place, d->text, d->hint);
    return ok;
}

/* The load fails with exactly this one problem. */
static void assert_refused(struct bench *b, const char *text, const char *const *env,
                           const char *place, const char *sentence, const char *hint)
{
    assert_false(load(b, text, env));
    assert_int_equal(b->report.n, 1);
    assert_true(says(&b->report.problems[0], place, sentence, hint));
}

static void nothing_given_is_the_default_preset(void **state)
{
    struct bench *b = *state;
    assert_true(load(b, NULL, NULL));
    const struct sut_config *c = b->c;
    assert_int_equal(c->server.preset, SUT_PRESET_DEFAULT);
    assert_int_equal(c->tokens.access_life_s, 900);
    assert_int_equal(c->tokens.refresh_life_s, 14 * 86400);
    assert_true(sut_str_is(c->tokens.issuer, "sutler"));
    assert_int_equal(c->limits.anon.count, 1000);
    assert_int_equal(c->limits.anon.window_ms, 3600 * 1000);
    assert_int_equal(c->limits.body_bytes, 65536);
    assert_int_equal(c->password.hash, SUT_HASH_ARGON2ID);
    assert_int_equal(c->password.memory_bytes, 19 << 20);
    assert_int_equal(c->password.min_length, 12);
    assert_int_equal(c->server.listen.n, 1);
    assert_true(sut_str_is(c->server.listen.items[0].host, "127.0.0.1"));
    assert_int_equal(c->server.listen.items[0].port, 8000);
    assert_true(sut_str_is(c->server.keys, "sutler-data.keys"));
    assert_int_equal(c->store.kind, SUT_STORE_EMBEDDED);
    assert_null(c->security.secret_key);
    assert_null(c->store.url);
    assert_int_equal(c->cors.origins.n, 0);
}

static void presets_set_what_the_table_of_the_controls_says(void **state)
{
    struct bench *b = *state;
    assert_true(load(b, "[server]\npreset = modestwear\n", NULL));
    assert_int_equal(b->c->password.hash, SUT_HASH_PBKDF2_SHA256);
    assert_int_equal(b->c->password.iterations, 390000);
    assert_int_equal(b->c->limits.anon.count, 100);
    assert_int_equal(b->c->tokens.issuer.n, 0);
    assert_true(b->c->tokens.accept_foreign);
    assert_int_equal(b->c->cors.origins.n, 2);
    assert_true(sut_str_is(b->c->cors.origins.items[1], "https://modestwear.onrender.com"));
    assert_true(b->c->cors.credentials);
    assert_int_equal(b->c->shop.price_rule, SUT_PRICE_NOT_NEGATIVE);
    assert_int_equal(b->c->http.plain, SUT_PLAIN_REDIRECT);

    static const char *const nsgg[] = { "SUTLER_SERVER_PRESET=nsgg", NULL };
    assert_true(load(b, NULL, nsgg));
    assert_int_equal(b->c->tokens.access_life_s, 3600);
    assert_int_equal(b->c->limits.user.window_ms, 86400 * 1000);
    assert_int_equal(b->c->privacy.erasure, SUT_ERASURE_TOMBSTONE);
    assert_int_equal(b->c->tls.policy, SUT_TLS_POLICY_2026_AES128);
    assert_true(sut_str_is(b->c->headers.csp, "default-src 'self'"));
}

static void the_three_files_load_and_say_what_their_presets_say(void **state)
{
    struct bench *b = *state;
    static const char *const names[] = { "modestwear", "nsgg", "default" };
    for (size_t i = 0; i < 3; i++) {
        char path[1024];
        (void) snprintf(path, sizeof(path), "%s/conf/%s.conf", SUT_SOURCE_ROOT, names[i]);
        struct sut_config *file = NULL;
        struct sut_config *arg = NULL;
        const struct sut_config_source by_file = { .file = path };
        const struct sut_config_arg word = { "server.preset", names[i] };
        const struct sut_config_source by_arg = { .args = &word, .n_args = 1 };
        assert_false(sut_failed(sut_config_load(&by_file, &file, &b->report)));
        assert_false(sut_failed(sut_config_load(&by_arg, &arg, &b->report)));
        assert_int_equal(file->server.preset, (int) i);
        assert_int_equal(arg->server.preset, (int) i);
        assert_int_equal(file->tokens.access_life_s, arg->tokens.access_life_s);
        assert_memory_equal(&file->limits, &arg->limits, sizeof(file->limits));
        assert_memory_equal(&file->password, &arg->password, sizeof(file->password));
        assert_memory_equal(&file->lockout, &arg->lockout, sizeof(file->lockout));
        assert_true(sut_str_eq(file->headers.csp, arg->headers.csp));
        assert_true(sut_str_eq(file->shop.contact, arg->shop.contact));
        sut_config_free(&file);
        sut_config_free(&arg);
    }
}

static void a_misspelt_key_is_refused_with_its_line_and_a_hint(void **state)
{
    struct bench *b = *state;
    assert_refused(b, "# shop\n\n[limits]\nanonn = 5/minute\n", NULL, "shop.conf:4",
                   "no key `anonn` in [limits]", "did you mean `anon`?");
    assert_refused(b, "[tokens]\naces_life = 15m\n", NULL, "shop.conf:2", "no key `aces_life`",
                   "`access_life`");
    assert_refused(b, "[server]\nissuer = me\n", NULL, "shop.conf:2", "no key `issuer`",
                   "`issuer` in [tokens]");
    assert_refused(b, "[server]\nfrobnicate = 1\n", NULL, "shop.conf:2", "no key `frobnicate`",
                   "config sample");
    assert_refused(b, "[limit]\nanon = 5/minute\n", NULL, "shop.conf:1", "no section [limit]",
                   "did you mean [limits]?");
}

static void duplicates_are_refused(void **state)
{
    struct bench *b = *state;
    assert_refused(b, "[limits]\nanon = 5/m\nuser = 5/m\nanon = 6/m\n", NULL, "shop.conf:4",
                   "limits.anon stands twice", "");
    assert_refused(b, "[limits]\nanon = 5/m\n[log]\nlevel = warn\n[limits]\nuser = 5/m\n", NULL,
                   "shop.conf:5", "[limits] stands twice", "");
}

static void lines_that_are_no_setting_are_refused(void **state)
{
    struct bench *b = *state;
    assert_refused(b, "anon = 5/m\n", NULL, "shop.conf:1", "in no section", "[server]");
    assert_refused(b, "[log]\nlevel\n", NULL, "shop.conf:2", "no `key = value`", "");
    assert_refused(b, "[log\n", NULL, "shop.conf:1", "heading", "");
    assert_refused(b,
                   "[log]\nlevel = in\x01"
                   "fo\n",
                   NULL, "shop.conf:2", "control character", "");
    assert_refused(b, "[shop]\nname = \xff\n", NULL, "shop.conf:2", "UTF-8", "");
    assert_refused(b, "[log]\nlevel = info ; or warn\n", NULL, "shop.conf:2", "none of the choices",
                   "debug, info, warn, error");
}

static void a_line_that_is_too_long_is_refused_and_the_next_is_read(void **state)
{
    struct bench *b = *state;
    static char text[10000];
    (void) snprintf(text, sizeof(text), "[shop]\nname = ");
    const size_t at = strlen(text);
    memset(text + at, 'a', 6000);
    (void) snprintf(text + at + 6000, sizeof(text) - at - 6000, "\n[log]\nlevel = wrn\n");
    assert_false(load(b, text, NULL));
    assert_int_equal(b->report.n, 2);
    assert_true(says(&b->report.problems[0], "shop.conf:2", "too long", ""));
    assert_true(says(&b->report.problems[1], "shop.conf:4", "none of the choices", ""));
}

static void values_out_of_range_are_refused_with_the_range(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *text, *sentence, *hint;
    } rows[] = {
        { "[server]\npool = 0\n", "`0` is out of range", "1 to 1024" },
        { "[server]\npool = 99999\n", "out of range", "1 to 1024" },
        { "[server]\npool = 99999999999999999999\n", "no whole number", "digits" },
        { "[server]\npool = -1\n", "no whole number", "digits" },
        { "[limits]\nbody = 100\n", "out of range", "1K to 16M" },
        { "[limits]\nbody = 1T\n", "no size", "64K" },
        { "[tokens]\naccess_life = 5s\n", "out of range", "30s to 1d" },
        { "[tokens]\naccess_life = 900\n", "no duration", "90s" },
        { "[tokens]\naccess_life = 1500ms\n", "no duration", "90s" },
        { "[tokens]\naccess_life = 99999999999999d\n", "no duration", "90s" },
        { "[limits]\nanon = 5\n", "no rate", "N/second" },
        { "[limits]\nanon = 0/m\n", "no rate", "N from 1" },
        { "[limits]\nanon = 5/week\n", "no rate", "N/second" },
        { "[limits]\nanon = x/m\n", "no rate", "N/second" },
        { "[limits]\nanon = 99999999999/m\n", "no rate", "N/second" },
        { "[tokens]\naccept_foreign = perhaps\n", "no yes or no", "yes or no" },
        { "[log]\nlevel = loud\n", "none of the choices", "debug, info" },
        { "[shop]\ncurrency = usd\n", "no currency", "USD" },
        { "[shop]\norder_prefix = S1\n", "order's number", "capital" },
        { "[shop]\ncontact = nobody\n", "no contact", "mail" },
        { "[shop]\nname =\n", "0 bytes", "1 to 60" },
        { "[server]\nlisten = localhost:80\n", "no address", "127.0.0.1:8000" },
        { "[server]\nlisten = ::1:80\n", "no address", "[::1]:8000" },
        { "[server]\nlisten = 1.2.3.4:70000\n", "no address", "port" },
        { "[server]\nlisten = 1.2.3.4\n", "no address", "port" },
        { "[server]\npublic_url = shop.example\n", "no http or https URL", "https://" },
        { "[server]\npublic_url = https://user@shop.example\n", "no http or https URL", "" },
        { "[server]\npublic_url = javascript://x\n", "no http or https URL", "" },
        { "[hosts]\nallowed = https://shop.example\n", "no host name", "without scheme" },
        { "[hosts]\nallowed = shop.example:80\n", "no host name", "port" },
        { "[hosts]\nallowed = a..b\n", "no host name", "" },
        { "[proxy]\ntrusted = 10.0.0.1/8\n", "behind its mask", "" },
        { "[proxy]\ntrusted = 10.0.0.0/33\n", "no address or network", "" },
        { "[proxy]\ntrusted = everyone\n", "no address or network", "" },
        { "[store]\nurl = mysql://u@h/d\n", "`mysql:` is no database", "postgres://" },
        { "[store]\nurl = sqlite://:memory:\n", "no place of an embedded store", "sqlite:///" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_refused(b, rows[i].text, NULL, "shop.conf:2", rows[i].sentence, rows[i].hint);
}

static void origins_are_taken_only_as_a_browser_writes_them(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = {
        "*",
        "null",
        "https://shop.example/",
        "https://Shop.example",
        "HTTPS://shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example/path",
        "https://*.shop.example",
        "https://shop.example:0",
        "shop.example",
        "https://",
        "https://shop.example?x",
        "https://[1.2.3.4]",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[200];
        (void) snprintf(text, sizeof(text), "[cors]\norigins = https://a.example, %s\n", bad[i]);
        assert_refused(b, text, NULL, "shop.conf:2", "no origin", "lower case");
    }
    assert_true(load(
        b, "[cors]\norigins = https://a.example http://b.example:8080,http://[::1]:3\n", NULL));
    assert_int_equal(b->c->cors.origins.n, 3);
    assert_true(sut_str_is(b->c->cors.origins.items[2], "http://[::1]:3"));
}

static void lists_and_units_are_read(void **state)
{
    struct bench *b = *state;
    assert_true(load(b,
                     "\xef\xbb\xbf[server]\r\nlisten = :80, [::1]:8080\r\nloops=2\r\n"
                     "public_url = https://shop.example/\r\n"
                     "[proxy]\ntrusted = 10.0.0.0/8 2001:db8::/32, 192.0.2.7\n"
                     "[hosts]\nallowed = Shop.Example, .example.com [::1]\n"
                     "[limits]\nanon = 7/s\nuser = 8 / Minute\nlogin = 9/h\nreset=10/day\n"
                     "body = 1MiB\nrequest_memory = 2097152\nheader_timeout = 250ms\n"
                     "; a comment\n  # another\n",
                     NULL));
    const struct sut_config *c = b->c;
    assert_true(sut_str_is(c->server.listen.items[0].text, "0.0.0.0:80"));
    assert_true(sut_str_is(c->server.listen.items[1].text, "[::1]:8080"));
    assert_true(sut_str_is(c->server.listen.items[1].host, "::1"));
    assert_true(c->server.listen.items[1].is_v6);
    assert_true(sut_str_is(c->server.public_url, "https://shop.example"));
    assert_int_equal(c->proxy.trusted.n, 3);
    assert_int_equal(c->proxy.trusted.items[1].bits, 32);
    assert_int_equal(c->proxy.trusted.items[2].bits, 32);
    assert_int_equal(c->proxy.trusted.items[0].addr[0], 10);
    assert_true(sut_str_is(c->hosts.allowed.items[0], "shop.example"));
    assert_int_equal(c->limits.anon.window_ms, 1000);
    assert_int_equal(c->limits.user.count, 8);
    assert_int_equal(c->limits.login.window_ms, 3600000);
    assert_int_equal(c->limits.reset.window_ms, 86400000);
    assert_int_equal(c->limits.body_bytes, 1 << 20);
    assert_int_equal(c->limits.header_timeout_ms, 250);
}

static void the_names_of_a_django_shop_are_understood(void **state)
{
    struct bench *b = *state;
    static const char *const env[] = {
        "SECRET_KEY=q8Zt3bLw0mV7xKc1RyUj5HnE2aDs9FgP",
        "DATABASE_URL=postgresql://shop:pa%40ss@db.internal:5432/shop?sslmode=verify-full",
        "REDIS_URL=rediss://:hush@cache.internal:6379/0",
        "ALLOWED_HOSTS=shop.example,.shop.example",
        "EMAIL_HOST=smtp.example",
        "EMAIL_PORT=465",
        "EMAIL_HOST_USER=shop",
        "EMAIL_HOST_PASSWORD=mail-pass",
        "EMAIL_USE_TLS=False",
        "EMAIL_USE_SSL=True",
        "EMAIL_TIMEOUT=15",
        "DEFAULT_FROM_EMAIL=Shop <shop@shop.example>",
        "GOOGLE_CLIENT_ID=123.apps.googleusercontent.com",
        "STRIPE_SECRET_KEY=sk_test_abc",
        "FRONTEND_URL=https://front.example/",
        "PORT=8123",
        "CORS_ALLOWED_ORIGINS=https://front.example",
        "DEBUG=True",
        "PATH=/bin",
        NULL,
    };
    assert_true(load(b, NULL, env));
    const struct sut_config *c = b->c;
    assert_true(sut_str_is(sut_secret_str(c->security.secret_key), strong));
    assert_int_equal(c->store.kind, SUT_STORE_POSTGRES);
    assert_true(sut_str_starts(sut_secret_str(c->store.url), SUT_STR("postgresql://shop:")));
    assert_true(sut_str_is(sut_secret_str(c->redis.url), "rediss://:hush@cache.internal:6379/0"));
    assert_int_equal(c->hosts.allowed.n, 2);
    assert_true(sut_str_is(c->email.host, "smtp.example"));
    assert_int_equal(c->email.port, 465);
    assert_true(sut_str_is(c->email.user, "shop"));
    assert_true(sut_str_is(sut_secret_str(c->email.password), "mail-pass"));
    assert_false(c->email.use_tls);
    assert_true(c->email.use_ssl);
    assert_int_equal(c->email.timeout_s, 15);
    assert_true(sut_str_is(c->email.from, "Shop <shop@shop.example>"));
    assert_true(sut_str_is(c->google.client_id, "123.apps.googleusercontent.com"));
    assert_true(sut_str_is(sut_secret_str(c->stripe.secret_key), "sk_test_abc"));
    assert_true(sut_config_has_stripe(c) && !sut_config_has_paystack(c));
    assert_true(sut_str_is(c->frontend.url, "https://front.example"));
    assert_true(sut_str_is(c->server.listen.items[0].text, "0.0.0.0:8123"));
    assert_true(sut_str_is(c->cors.origins.items[0], "https://front.example"));
    assert_int_equal(b->report.n_warnings, 0);
}

static void a_port_is_on_loopback_in_development(void **state)
{
    struct bench *b = *state;
    static const char *const env[] = { "PORT=8123", NULL };
    const struct sut_config_source src = { .env = env, .demo = true };
    assert_false(sut_failed(sut_config_load(&src, &b->c, &b->report)));
    assert_true(sut_str_is(b->c->server.listen.items[0].text, "127.0.0.1:8123"));
}

static void empty_names_of_a_compose_file_are_not_set(void **state)
{
    struct bench *b = *state;
    static const char *const env[] = { "SECRET_KEY=", "DATABASE_URL=", "PORT=", "EMAIL_PORT=",
                                       NULL };
    assert_true(load(b, NULL, env));
    assert_null(b->c->security.secret_key);
    assert_int_equal(b->c->email.port, 587);
}

static void the_embedded_store_may_be_named_by_url(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *url, *path;
    } rows[] = {
        { "DATABASE_URL=sqlite:", "" },
        { "DATABASE_URL=sqlite:///shop.db", "shop.db" },
        { "DATABASE_URL=sqlite:////var/lib/shop.db", "/var/lib/shop.db" },
    };
    for (size_t i = 0; i < 3; i++) {
        const char *const env[] = { rows[i].url, NULL };
        assert_true(load(b, NULL, env));
        assert_int_equal(b->c->store.kind, SUT_STORE_EMBEDDED);
        assert_null(b->c->store.url);
        assert_true(sut_str_is(b->c->store.path, rows[i].path));
    }
}

static void the_command_line_wins_over_names_over_django_over_file_over_preset(void **state)
{
    struct bench *b = *state;
    write_text(b->file, "[server]\nlisten = 127.0.0.1:1\npreset = nsgg\n");
    static const char *const env_both[] = { "PORT=2", "SUTLER_SERVER_LISTEN=127.0.0.1:3", NULL };
    static const char *const env_django[] = { "PORT=2", NULL };
    static const struct sut_config_arg arg = { "server.listen", "127.0.0.1:4" };
    const struct {
        const char *const *env;
        size_t n_args;
        int port;
        const char *origin;
    } rows[] = {
        { NULL, 0, 1, "shop.conf:2" },
        { env_django, 0, 2, "environment PORT" },
        { env_both, 0, 3, "environment SUTLER_SERVER_LISTEN" },
        { env_both, 1, 4, "command line" },
    };
    for (size_t i = 0; i < 4; i++) {
        forget(b);
        const struct sut_config_source src = {
            .file = b->file,
            .env = rows[i].env,
            .args = &arg,
            .n_args = rows[i].n_args,
        };
        assert_false(sut_failed(sut_config_load(&src, &b->c, &b->report)));
        assert_int_equal(b->c->server.listen.items[0].port, rows[i].port);
        struct sut_buf out;
        sut_buf_init(&out, 1 << 20);
        assert_false(sut_failed(sut_config_show(b->c, &out)));
        sut_buf_char(&out, '\0');
        const char *line = strstr(out.p, "server.listen = ");
        assert_non_null(line);
        assert_non_null(strstr(line, rows[i].origin));
        assert_non_null(strstr(out.p, "# preset nsgg"));
        sut_buf_done(&out);
    }
}

static void the_environment_has_every_key_and_a_slip_there_is_refused(void **state)
{
    struct bench *b = *state;
    static const char *const good[] = { "SUTLER_LIMITS_ANON=12/m",
                                        "SUTLER_PASSWORD_ZXCVBN_LISTS=off",
                                        "SUTLER_LIMITS_CONNECTIONS_PER_ADDRESS=7",
                                        "SUTLER_CORPORA=/elsewhere", NULL };
    assert_true(load(b, NULL, good));
    assert_int_equal(b->c->limits.anon.count, 12);
    assert_false(b->c->password.zxcvbn_lists);
    assert_int_equal(b->c->limits.connections_per_address, 7);
    assert_int_equal(b->report.n_warnings, 1);
    assert_true(says(&b->report.warnings[0], "environment", "SUTLER_CORPORA is no setting", ""));

    static const char *const bad[] = { "SUTLER_LIMITS_ANNON=12/m", NULL };
    assert_refused(b, NULL, bad, "environment", "SUTLER_LIMITS_ANNON is no setting",
                   "did you mean SUTLER_LIMITS_ANON?");
    static const char *const short_name[] = { "SUTLER_LISTEN=127.0.0.1:1", NULL };
    assert_refused(b, NULL, short_name, "environment", "SUTLER_LISTEN is no setting",
                   "did you mean SUTLER_SERVER_LISTEN?");
    static const char *const pod[] = { "SUTLER_PORT=tcp://10.0.0.1:80",
                                       "SUTLER_SERVICE_HOST=10.0.0.1", NULL };
    assert_true(load(b, NULL, pod));
    assert_int_equal(b->report.n_warnings, 2);
    static const char *const range[] = { "SUTLER_LIMITS_ANON=lots", NULL };
    assert_refused(b, NULL, range, "environment SUTLER_LIMITS_ANON", "limits.anon: `lots`",
                   "N/second");
}

static void secrets_are_refused_in_a_file_and_on_the_command_line(void **state)
{
    struct bench *b = *state;
    assert_refused(b, "[security]\nsecret_key = q8Zt3bLw0mV7xKc1RyUj5HnE2aDs9FgP\n", NULL,
                   "shop.conf:2", "never read from a file", "set SECRET_KEY or SECRET_KEY_FILE");
    assert_refused(b, "[security]\nmaster_key = 00\n", NULL, "shop.conf:2",
                   "never read from a file", "SUTLER_MASTER_KEY_FILE");
    assert_refused(b, "[store]\nurl = postgres://u:geheim@h/d\n", NULL, "shop.conf:2",
                   "store.url is a secret", "DATABASE_URL");
    assert_refused(b, "[store]\nurl = postgres://h/d?user=u&password=geheim\n", NULL, "shop.conf:2",
                   "store.url is a secret", "DATABASE_URL");
    assert_refused(b, "[redis]\nurl = redis://h\n", NULL, "shop.conf:2", "redis.url is a secret",
                   "REDIS_URL");
    assert_true(load(b, "[store]\nurl = postgres:///shop?host=/run/postgresql\n", NULL));
    assert_int_equal(b->c->store.kind, SUT_STORE_POSTGRES);

    forget(b);
    static const struct sut_config_arg arg = { "stripe.secret_key", "sk_live_geheim" };
    const struct sut_config_source src = { .args = &arg, .n_args = 1 };
    assert_true(sut_failed(sut_config_load(&src, &b->c, &b->report)));
    assert_true(says(&b->report.problems[0], "command line", "never read from the command line",
                     "STRIPE_SECRET_KEY"));
    assert_null(strstr(b->report.problems[0].text, "geheim"));
}

static void secrets_may_lie_in_files_that_names_point_to(void **state)
{
    struct bench *b = *state;
    char path[80];
    (void) snprintf(path, sizeof(path), "%s/key", b->dir);
    write_text(path, "q8Zt3bLw0mV7xKc1RyUj5HnE2aDs9FgP\n");
    char name[120];
    (void) snprintf(name, sizeof(name), "SECRET_KEY_FILE=%s", path);
    const char *const env[] = { name, NULL };
    assert_true(load(b, NULL, env));
    assert_true(sut_str_is(sut_secret_str(b->c->security.secret_key), strong));

    const char *const both[] = { name, "SECRET_KEY=x", NULL };
    assert_refused(b, NULL, both, "environment", "SECRET_KEY and SECRET_KEY_FILE are both set", "");

    char credentials[80];
    char named[120];
    (void) snprintf(credentials, sizeof(credentials), "CREDENTIALS_DIRECTORY=%s", b->dir);
    (void) snprintf(named, sizeof(named), "%s/security.secret_key", b->dir);
    assert_int_equal(rename(path, named), 0);
    const char *const cred[] = { credentials, NULL };
    assert_true(load(b, NULL, cred));
    assert_true(sut_str_is(sut_secret_str(b->c->security.secret_key), strong));
    assert_int_equal(unlink(named), 0);

    assert_refused(b, NULL, env, "SECRET_KEY_FILE", "no such file", "");
}

static void weak_secrets_are_refused_outside_insecure_dev(void **state)
{
    struct bench *b = *state;
    static const char *const envs[][2] = {
        { "SECRET_KEY=changeme", NULL },
        { "SECRET_KEY=django-insecure-)x9z!8k2m4q6w8e0r2t4y6u8i0o2p4", NULL },
        { "SUTLER_SECURITY_SECRET_KEY_PREVIOUS=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
    };
    for (size_t i = 0; i < 3; i++) {
        assert_refused(b, NULL, envs[i], "environment", "signs in as anybody", "openssl rand");
        forget(b);
        struct sut_config_source src = { .env = envs[i], .insecure_dev = true };
        assert_false(sut_failed(sut_config_load(&src, &b->c, &b->report)));
        forget(b);
        src.insecure_dev = false;
        src.demo = true;
        assert_true(sut_failed(sut_config_load(&src, &b->c, &b->report)));
    }
    static const char *const master[] = {
        "SUTLER_MASTER_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", NULL
    };
    assert_true(load(b, NULL, master));
    assert_int_equal(sut_secret_str(b->c->security.master_key).n, 32);
    assert_int_equal(b->report.n_warnings, 0);
    static const char *const bad_master[] = { "SUTLER_SECURITY_MASTER_KEY=abc", NULL };
    assert_refused(b, NULL, bad_master, "environment", "64 hexadecimal digits", "openssl rand");
}

static void settings_that_do_not_go_together_are_refused(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "[server]\ndata = d\nkeys = d/keys\n", "keys lie inside the data folder" },
        { "[server]\ndata = ./d/\nkeys = d\n", "keys lie inside the data folder" },
        { "[server]\nlisten =\n", "no address to listen on" },
        { "[server]\nlisten_tls = :443\n", "needs a certificate" },
        { "[tls]\ncert = c.pem\n", "go together" },
        { "[hosts]\nallowed = *\n", "lets every Host in" },
        { "[tokens]\naccess_life = 1h\nrefresh_life = 1h\n", "longer than access_life" },
        { "[hashing]\nmemory = 8M\n", "does not fit" },
        { "[password]\niterations = 1000\n", "too few rounds" },
        { "[password]\nmemory = 1M\n", "too little" },
        { "[limits]\nbody = 2M\n", "does not fit" },
        { "[facebook]\napp_id = 123\n", "the app's secret is missing" },
        { "[facebook]\napp_id = my-app\n", "no id of an app" },
        { "[google]\nclient_id = , ,\n", "has 0 names" },
        { "[google]\nissuers = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n", "has 17 names" },
        { "[accounts]\nrp_id = https://shop.example\n", "is no domain" },
        { "[accounts]\nrp_id = 127.0.0.1\n", "is no domain" },
        { "[accounts]\nrp_id = shop..example\n", "is no domain" },
        { "[accounts]\nrp_id = shop-.example\n", "is no domain" },
        { "[server]\npublic_url = https://shop.example\n[accounts]\nrp_id = example.org\n",
          "lies within it" },
        { "[server]\npublic_url = https://myshop.example\n[accounts]\nrp_id = shop.example\n",
          "lies within it" },
        { "[email]\nuse_ssl = yes\nuse_tls = yes\n", "only one" },
        { "[email]\nhost = smtp.example\n", "mails need a sender" },
        { "[email]\nhost = smtp.example\nfrom = a@b.example\nuse_tls = no\n", "in clear" },
        { "[email]\nfrom = Shop\n", "is no sender" },
        { "[email]\nfrom = Shop <shop@shop.example\n", "is no sender" },
        { "[uploads]\nclamd = unix:relative\n", "no place where clamd" },
        { "[uploads]\nclamd = unix:/\n", "no place where clamd" },
        { "[uploads]\nclamd = /run/clamd.sock\n", "no place where clamd" },
        { "[uploads]\nclamd = clamd\n", "no place where clamd" },
        { "[uploads]\nclamd = clamd:0\n", "no place where clamd" },
        { "[uploads]\nclamd = clamd:70000\n", "no place where clamd" },
        { "[uploads]\nclamd = ::1:3310\n", "no place where clamd" },
        { "[uploads]\nclamd = a b:3310\n", "no place where clamd" },
        { "[s3]\nbucket = a/b\n", "letters, digits" },
        { "[s3]\nbucket = ../b\n", "letters, digits" },
        { "[s3]\nregion = eu west\n", "letters, digits" },
        { "[uploads]\nstore = s3\n[s3]\nendpoint = https://a.example\nbucket = b\naccess_key = c\n",
          "needs it" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_refused(b, rows[i].text, NULL, "", rows[i].sentence, "");
    assert_true(load(b, "[server]\ndata = d\nkeys = d2\n[email]\nuse_ssl=yes\n", NULL));
    assert_false(b->c->email.use_tls);
    assert_true(load(b,
                     "[server]\npublic_url = https://api.shop.example:8443/x\n[accounts]\n"
                     "rp_id = Shop.example\n",
                     NULL));
    assert_true(load(b,
                     "[server]\npublic_url = https://api.test\n[cors]\norigins = "
                     "https://shop.example\n[accounts]\nrp_id = shop.example\n",
                     NULL));
    assert_true(load(b, "[email]\nhost=127.0.0.1\nfrom=a@b.example\nuse_tls=no\n", NULL));
}

static void all_problems_are_told_not_only_the_first(void **state)
{
    struct bench *b = *state;
    assert_false(load(b, "[limits]\nanonn = 1/m\nuser = x\n[tockens]\n[log]\nlevel = x\n", NULL));
    assert_int_equal(b->report.n, 4);
}

static void a_missing_file_is_told(void **state)
{
    struct bench *b = *state;
    const struct sut_config_source src = { .file = "/nowhere/shop.conf" };
    assert_true(sut_failed(sut_config_load(&src, &b->c, &b->report)));
    assert_true(says(&b->report.problems[0], "/nowhere/shop.conf", "no such file", ""));
}

static void a_dotenv_counts_in_development_alone(void **state)
{
    struct bench *b = *state;
    write_text(b->dotenv,
               "# Django's\nexport SECRET_KEY='q8Zt3bLw0mV7xKc1RyUj5HnE2aDs9FgP'\n"
               "ALLOWED_HOSTS=\"a.example,b.example\" # two\nEMAIL_HOST=mail.example # x\n"
               "SUTLER_LIMITS_ANON=9/m\nOTHER=1\n");
    static const char *const env[] = { "EMAIL_HOST=real.example", "DEFAULT_FROM_EMAIL=a@b.example",
                                       NULL };
    struct sut_config_source src = { .dotenv = b->dotenv, .env = env, .demo = true };
    assert_false(sut_failed(sut_config_load(&src, &b->c, &b->report)));
    assert_true(sut_str_is(sut_secret_str(b->c->security.secret_key), strong));
    assert_int_equal(b->c->hosts.allowed.n, 2);
    assert_true(sut_str_is(b->c->email.host, "real.example"));
    assert_int_equal(b->c->limits.anon.count, 9);

    forget(b);
    src.demo = false;
    assert_false(sut_failed(sut_config_load(&src, &b->c, &b->report)));
    assert_null(b->c->security.secret_key);
    assert_int_equal(b->c->limits.anon.count, 1000);
}

static const char *const secret_env[] = {
    "SECRET_KEY=q8Zt3bLw0mV7xKc1RyUj5HnE2aDs9FgP",
    "SUTLER_SECURITY_MASTER_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "DATABASE_URL=postgres://shop:ge%40h@eim@db.internal/shop?password=geheim&sslmode=require",
    "REDIS_URL=redis://:geheim@cache/0",
    "STRIPE_SECRET_KEY=sk_live_geheim",
    "EMAIL_HOST_PASSWORD=geheim",
    NULL,
};

static void what_is_shown_never_holds_a_secret(void **state)
{
    struct bench *b = *state;
    assert_true(load(b, NULL, secret_env));
    for (int json = 0; json < 2; json++) {
        struct sut_buf out;
        sut_buf_init(&out, 1 << 20);
        assert_false(
            sut_failed(json ? sut_config_show_json(b->c, &out) : sut_config_show(b->c, &out)));
        sut_buf_char(&out, '\0');
        assert_null(strstr(out.p, "geheim"));
        assert_null(strstr(out.p, "eim@"));
        assert_null(strstr(out.p, strong));
        assert_null(strstr(out.p, "00112233"));
        assert_non_null(strstr(out.p, "postgres://shop:********@db.internal/shop?********"));
        assert_non_null(strstr(out.p, "redis://:********@cache/0"));
        assert_non_null(strstr(out.p, "environment SECRET_KEY"));
        sut_buf_done(&out);
    }
}

static void packed_settings_are_the_same_on_the_other_side(void **state)
{
    struct bench *b = *state;
    assert_true(load(b, "[server]\npreset = nsgg\ndata = d\n[limits]\nanon = 3/m\n", secret_env));
    struct sut_buf packed;
    struct sut_buf shown[2];
    sut_buf_init(&packed, 1 << 20);
    sut_buf_init(&shown[0], 1 << 20);
    sut_buf_init(&shown[1], 1 << 20);
    assert_false(sut_failed(sut_config_pack(b->c, SUT_CONFIG_FOR_ALL, &packed)));
    struct sut_config *there = NULL;
    assert_false(sut_failed(sut_config_unpack(sut_buf_str(&packed), &there)));
    assert_true(sut_secret_eq(sut_secret_str(there->security.master_key),
                              sut_secret_str(b->c->security.master_key)));
    assert_true(sut_secret_eq(sut_secret_str(there->store.url), sut_secret_str(b->c->store.url)));
    assert_memory_equal(&there->limits, &b->c->limits, sizeof(there->limits));
    assert_true(sut_str_is(there->server.keys, "d.keys"));
    assert_false(sut_failed(sut_config_show(b->c, &shown[0])));
    assert_false(sut_failed(sut_config_show(there, &shown[1])));
    assert_true(sut_str_eq(sut_buf_str(&shown[0]), sut_buf_str(&shown[1])));
    sut_config_free(&there);

    /* Cut anywhere: refused, never a crash. */
    for (size_t n = 0; n < packed.n; n++)
        assert_true(sut_failed(sut_config_unpack(sut_str_of(packed.p, n), &there)));
    sut_wipe(packed.p, packed.n);
    sut_buf_done(&packed);
    sut_buf_done(&shown[0]);
    sut_buf_done(&shown[1]);
}

/* What the other side of a role's descriptor has. */
static struct sut_config *as_seen_by(const struct sut_config *c, enum sut_config_for whom,
                                     struct sut_buf *packed)
{
    struct sut_config *there = NULL;
    sut_buf_init(packed, 1 << 20);
    assert_false(sut_failed(sut_config_pack(c, whom, packed)));
    assert_false(sut_failed(sut_config_unpack(sut_buf_str(packed), &there)));
    return there;
}

static void a_role_gets_what_is_its_own(void **state)
{
    struct bench *b = *state;
    static const char *const env[] = {
        "SECRET_KEY=geheim-aber-lang-genug-0123456789abcdef",
        "SUTLER_MASTER_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "SUTLER_SECURITY_MASTER_KEY_PREVIOUS="
        "ff112233445566778899aabbccddeeff00112233445566778899aabbccddee00",
        "DATABASE_URL=postgres://shop:kennwort@db.internal/shop",
        NULL,
    };
    assert_true(
        load(b, "[tls]\ncert = c.pem\nkey = k-where-it-is.pem\n[log]\nlevel = warn\n", env));
    struct sut_buf packed;
    struct sut_config *c = as_seen_by(b->c, SUT_CONFIG_FOR_WORKER, &packed);
    assert_null(c->security.master_key);
    assert_null(c->security.master_key_previous);
    assert_non_null(c->security.secret_key);
    assert_non_null(c->store.url);
    assert_int_equal(c->tls.key.n, 0);
    assert_true(sut_str_is(c->tls.cert, "c.pem"));
    assert_null(memmem(packed.p, packed.n, "00112233", 8));
    assert_null(memmem(packed.p, packed.n, "k-where", 7));
    sut_config_free(&c);
    sut_buf_done(&packed);

    c = as_seen_by(b->c, SUT_CONFIG_FOR_KEEPER, &packed);
    assert_non_null(c->security.master_key);
    assert_non_null(c->security.master_key_previous);
    assert_null(c->security.secret_key);
    assert_null(c->store.url);
    assert_int_equal(c->log.level, SUT_LEVEL_WARN);
    assert_null(memmem(packed.p, packed.n, "kennwort", 8));
    assert_null(memmem(packed.p, packed.n, "geheim", 6));
    assert_null(memmem(packed.p, packed.n, "c.pem", 5));
    sut_config_free(&c);
    sut_buf_done(&packed);
}

static void the_scanner_and_the_object_store_are_taken_apart(void **state)
{
    struct bench *b = *state;
    struct sut_config_clamd at;
    uint16_t ports[SUT_CONFIG_PORTS_OUT_MAX];
    assert_true(load(b, "[uploads]\nclamd = unix:/run/clamav/clamd.ctl\n", NULL));
    sut_config_clamd(b->c, &at);
    assert_true(sut_str_is(at.path, "/run/clamav/clamd.ctl") && at.host.n == 0 && at.port == 0);
    assert_true(sut_config_goes_out(b->c));
    assert_int_equal(sut_config_ports_out(b->c, ports), 0);
    assert_true(load(b, "[uploads]\nclamd = [::1]:3310\n", NULL));
    sut_config_clamd(b->c, &at);
    assert_true(sut_str_is(at.host, "[::1]") && at.port == 3310 && at.path.n == 0);
    assert_int_equal(sut_config_ports_out(b->c, ports), 1);
    assert_true(load(b, NULL, NULL));
    sut_config_clamd(b->c, &at);
    assert_true(at.path.n == 0 && at.host.n == 0 && !sut_config_goes_out(b->c));

    static const char *const env[] = { "SECRET_KEY=geheim-aber-lang-genug-0123456789abcdef",
                                       "AWS_ACCESS_KEY_ID=AKIDTEST",
                                       "AWS_SECRET_ACCESS_KEY=s3-geheim",
                                       "AWS_STORAGE_BUCKET_NAME=pictures",
                                       "AWS_S3_ENDPOINT_URL=https://s3.example:9443/base/",
                                       NULL };
    struct sut_buf packed;
    assert_true(load(b, "[uploads]\nstore = s3\n", env));
    assert_true(sut_str_is(b->c->s3.endpoint, "https://s3.example:9443/base"));
    assert_int_equal(sut_config_ports_out(b->c, ports), 1);
    assert_int_equal(ports[0], 9443);
    struct sut_config *c = as_seen_by(b->c, SUT_CONFIG_FOR_WORKER, &packed);
    assert_null(c->s3.secret_key);
    assert_int_equal(c->s3.access_key.n, 0);
    assert_int_equal(c->uploads.store, SUT_UPLOADS_S3);
    assert_null(memmem(packed.p, packed.n, "s3-geheim", 9));
    sut_config_free(&c);
    sut_buf_done(&packed);
    c = as_seen_by(b->c, SUT_CONFIG_FOR_COURIER, &packed);
    assert_true(sut_str_is(sut_secret_str(c->s3.secret_key), "s3-geheim"));
    assert_true(sut_str_is(c->s3.access_key, "AKIDTEST"));
    sut_config_free(&c);
    sut_buf_done(&packed);
    /* What is in the environment for something else is no reason to go out. */
    assert_true(load(b, NULL, env));
    assert_false(sut_config_goes_out(b->c));
}

static void a_role_without_a_provider_s_key_knows_that_there_is_one(void **state)
{
    struct bench *b = *state;
    static const char *const env[] = { "SECRET_KEY=geheim-aber-lang-genug-0123456789abcdef",
                                       "STRIPE_SECRET_KEY=sk_test_geheim",
                                       "STRIPE_WEBHOOK_SECRET=whsec_kennwort", NULL };
    assert_true(load(b, NULL, env));
    struct sut_buf packed;
    struct sut_config *c = as_seen_by(b->c, SUT_CONFIG_FOR_WORKER, &packed);
    assert_null(c->stripe.secret_key);
    assert_null(memmem(packed.p, packed.n, "sk_test_geheim", 14));
    assert_non_null(c->stripe.webhook_secret);
    assert_true(sut_config_has_stripe(c) && !sut_config_has_paystack(c));
    assert_true(sut_config_goes_out(c));
    uint16_t ports[SUT_CONFIG_PORTS_OUT_MAX];
    assert_int_equal(sut_config_ports_out(c, ports), 1);
    assert_int_equal(ports[0], 443);
    sut_config_free(&c);
    sut_buf_done(&packed);
    c = as_seen_by(b->c, SUT_CONFIG_FOR_COURIER, &packed);
    assert_true(sut_str_is(sut_secret_str(c->stripe.secret_key), "sk_test_geheim"));
    assert_null(c->stripe.webhook_secret);
    assert_null(memmem(packed.p, packed.n, "whsec_kennwort", 14));
    sut_config_free(&c);
    sut_buf_done(&packed);
}

static void a_passphrase_or_a_master_key_but_not_both(void **state)
{
    struct bench *b = *state;
    static const char *const both[] = {
        "SUTLER_MASTER_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "SUTLER_SECURITY_PASSPHRASE=open sesame", NULL
    };
    static const char *const orphan[] = {
        "SUTLER_SECURITY_MASTER_KEY_PREVIOUS="
        "ff112233445566778899aabbccddeeff00112233445566778899aabbccddee00",
        NULL
    };
    static const char *const good[] = { "SUTLER_SECURITY_PASSPHRASE=open sesame", NULL };
    assert_false(load(b, NULL, both));
    assert_false(load(b, NULL, orphan));
    assert_true(load(b, NULL, good));
    assert_true(sut_str_is(sut_secret_str(b->c->security.passphrase), "open sesame"));
}

static void names_that_carry_secrets_are_known(void **state)
{
    (void) state;
    assert_true(sut_config_env_is_secret(SUT_STR("SECRET_KEY")));
    assert_true(sut_config_env_is_secret(SUT_STR("DATABASE_URL")));
    assert_true(sut_config_env_is_secret(SUT_STR("SUTLER_SECURITY_MASTER_KEY")));
    assert_false(sut_config_env_is_secret(SUT_STR("PORT")));
    assert_false(sut_config_env_is_secret(SUT_STR("SECRET_KEY_FILE")));
}

static void the_sample_loads_and_changes_nothing(void **state)
{
    struct bench *b = *state;
    struct sut_buf out;
    sut_buf_init(&out, 1 << 20);
    assert_false(sut_failed(sut_config_sample(&out)));
    sut_buf_char(&out, '\0');
    assert_true(load(b, out.p, NULL));
    /* With every comment sign taken away it still loads: each default is a good value. */
    for (char *p = out.p; (p = strstr(p, "\n#")) != NULL; p++) {
        if (p[2] != ' ')
            p[1] = ' ';
    }
    assert_true(load(b, out.p, NULL));
    assert_int_equal(b->c->limits.anon.count, 1000);
    sut_buf_done(&out);
}

static void the_manual_in_the_tree_is_the_one_that_is_made(void **state)
{
    (void) state;
    struct sut_buf made;
    struct sut_buf kept;
    sut_buf_init(&made, 1 << 20);
    sut_buf_init(&kept, 1 << 20);
    assert_false(sut_failed(sut_config_manual(&made)));
    assert_false(
        sut_failed(sut_dir_read_file(SUT_SOURCE_ROOT "/doc/man/sutler.conf.5", 1 << 20, &kept)));
    if (!sut_str_eq(sut_buf_str(&made), sut_buf_str(&kept)))
        print_error("run: sutler config man > doc/man/sutler.conf.5\n");
    assert_true(sut_str_eq(sut_buf_str(&made), sut_buf_str(&kept)));
    sut_buf_done(&made);
    sut_buf_done(&kept);
}

static void no_memory_is_an_error_and_nothing_leaks(void **state)
{
    struct bench *b = *state;
    write_text(b->file,
               "[server]\npreset = nsgg\n[limits]\nanonn = 1/m\n[hosts]\nallowed = a, b\n");
    for (unsigned long n = 1;; n++) {
        const struct sut_config_source src = { .file = b->file, .env = secret_env };
        sut_mem_fault_nth(n);
        const sut_err e = sut_config_load(&src, &b->c, &b->report);
        const bool hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        assert_true(sut_failed(e));
        sut_config_report_done(&b->report);
        if (!hit) {
            assert_int_equal(e.code, SUT_E_INVALID);
            break;
        }
        assert_true(e.code == SUT_E_NOMEM || e.code == SUT_E_INVALID || e.code == SUT_E_TOO_LARGE);
        assert_true(n < 10000);
    }
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_given_is_the_default_preset),
        T(presets_set_what_the_table_of_the_controls_says),
        T(the_three_files_load_and_say_what_their_presets_say),
        T(a_misspelt_key_is_refused_with_its_line_and_a_hint),
        T(duplicates_are_refused),
        T(lines_that_are_no_setting_are_refused),
        T(a_line_that_is_too_long_is_refused_and_the_next_is_read),
        T(values_out_of_range_are_refused_with_the_range),
        T(origins_are_taken_only_as_a_browser_writes_them),
        T(lists_and_units_are_read),
        T(the_names_of_a_django_shop_are_understood),
        T(a_port_is_on_loopback_in_development),
        T(empty_names_of_a_compose_file_are_not_set),
        T(the_embedded_store_may_be_named_by_url),
        T(the_command_line_wins_over_names_over_django_over_file_over_preset),
        T(the_environment_has_every_key_and_a_slip_there_is_refused),
        T(secrets_are_refused_in_a_file_and_on_the_command_line),
        T(secrets_may_lie_in_files_that_names_point_to),
        T(weak_secrets_are_refused_outside_insecure_dev),
        T(settings_that_do_not_go_together_are_refused),
        T(all_problems_are_told_not_only_the_first),
        T(a_missing_file_is_told),
        T(a_dotenv_counts_in_development_alone),
        T(what_is_shown_never_holds_a_secret),
        T(packed_settings_are_the_same_on_the_other_side),
        T(a_role_gets_what_is_its_own),
        T(the_scanner_and_the_object_store_are_taken_apart),
        T(a_role_without_a_provider_s_key_knows_that_there_is_one),
        T(a_passphrase_or_a_master_key_but_not_both),
        T(names_that_carry_secrets_are_known),
        T(the_sample_loads_and_changes_nothing),
        T(the_manual_in_the_tree_is_the_one_that_is_made),
        T(no_memory_is_an_error_and_nothing_leaks),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

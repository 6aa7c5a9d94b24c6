/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor and its roles, which are this very program again: each plays the
 * part that its settings name, honest or not.  What they live through they write to
 * standard output, and the test reads it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/events.h"
#include "base/clock.h"
#include "base/diag.h"
#include "ipc/channel.h"
#include "ipc/line.h"
#include "log/log.h"
#include "os/fd.h"
#include "prog/supervisor.h"
#include "prog/words.h"

enum {
    LINE = SUT_ROLE_FD_SUPERVISOR,
    SEND_MS = 2000,
    PATIENCE_MS = 15000,
    SLOW_MS = 500,
    STRANGE = 77
};

/* --- the roles --- */

static const struct sut_line_permit anything[] = {
    { .type = SUT_WORD_PEERS, .fds_max = 32 },
    { .type = SUT_WORD_KEEPER, .fds_max = 32 },
    { .type = SUT_WORD_TLS_KEY, .max = 100 * 1024 },
    { .type = SUT_WORD_CERT, .max = 100 * 1024 },
    { .type = SUT_WORD_DONE, .max = 1024 },
    { .type = SUT_WORD_COURIER, .fds_max = 32 },
    { .type = SUT_WORD_PING },
    { .type = SUT_WORD_CLAMD, .fds_max = 1 },
    { .type = SUT_WORD_DARKROOM, .fds_max = 32 },
    { .type = 0 },
};

static void say(const char *what)
{
    char line[256];
    const int n = snprintf(line, sizeof(line), "%s\n", what);
    if (n < 0 || write(1, line, (size_t) n) != n)
        _exit(3);
}

static void tell(uint16_t word, const struct sut_buf *fields)
{
    const sut_str none = { 0 };
    if (sut_failed(sut_line_send(LINE, word, fields == NULL ? none : sut_buf_str(fields), NULL, 0,
                                 SEND_MS)))
        _exit(4);
}

static void tell_u64(uint16_t word, uint64_t v)
{
    struct sut_buf b;
    sut_buf_init(&b, 64);
    sut_ipc_put_u64(&b, v);
    tell(word, &b);
    sut_buf_done(&b);
}

static void tell_bytes(uint16_t word, const char *text)
{
    struct sut_buf b;
    sut_buf_init(&b, 4096);
    sut_ipc_put_bytes(&b, sut_str_from(text));
    tell(word, &b);
    sut_buf_done(&b);
}

/* The next word; its descriptors are counted and closed.  The end of the line ends the role. */
static uint16_t next_word(size_t *ret_fds, char *why, size_t why_size)
{
    struct sut_line_message m;
    for (;;) {
        struct pollfd p = { .fd = LINE, .events = POLLIN };
        (void) poll(&p, 1, -1);
        const sut_err e = sut_line_receive(LINE, anything, &m);
        if (e.code == SUT_E_BUSY)
            continue;
        if (sut_failed(e))
            _exit(0);
        if (m.type != SUT_WORD_DARKROOM)
            break;
        /* It stays open, as a worker has it: one that hangs up gets another. */
        m.n_fds = 0;
        sut_line_message_done(&m);
    }
    struct sut_ipc_reader in = sut_ipc_reader_of(sut_buf_str(&m.fields));
    uint64_t ok = 0;
    sut_str text = { 0 };
    if (m.type == SUT_WORD_DONE && why != NULL &&
        (sut_failed(sut_ipc_get_u64(&in, 1, &ok)) ||
         sut_failed(sut_ipc_get_bytes(&in, 600, &text))))
        _exit(5);
    if (why != NULL)
        (void) snprintf(why, why_size, "done %d %.*s", (int) ok, (int) (text.n & 0x7f), text.p);
    if (ret_fds != NULL)
        *ret_fds = m.n_fds;
    const uint16_t type = m.type;
    sut_line_message_done(&m);
    return type;
}

static int play_keeper(const char *part, const char *next, const char *may_create)
{
    char line[128];
    (void) snprintf(line, sizeof(line), "keeper %s %s", next, may_create);
    say(line);
    if (strcmp(part, "fails") == 0)
        return 7;
    if (strcmp(part, "fails to make") == 0 && strcmp(next, "--next=make") == 0)
        return 7;
    tell_u64(SUT_WORD_READY, strcmp(part, "may not rotate") != 0);
    if (strcmp(part, "ready twice") == 0)
        tell_u64(SUT_WORD_READY, 1);
    if (strcmp(part, "unasked") == 0)
        tell_bytes(SUT_WORD_TLS_OK, "0123456789abcdef");
    for (;;) {
        size_t n = 0;
        const uint16_t word = next_word(&n, NULL, 0);
        if (word == SUT_WORD_PING) {
            if (strcmp(part, "tells") == 0)
                say("keeper was asked");
            if (strcmp(part, "silent") != 0)
                tell(SUT_WORD_HERE, NULL);
            if (strcmp(part, "here twice") == 0)
                tell(SUT_WORD_HERE, NULL);
            continue;
        }
        (void) snprintf(line, sizeof(line), "keeper heard %d with %zu", (int) word, n);
        say(line);
        if (word == SUT_WORD_TLS_KEY && strcmp(part, "slow") == 0)
            (void) poll(NULL, 0, SLOW_MS);
        if (word == SUT_WORD_TLS_KEY)
            tell_bytes(strcmp(part, "hates keys") == 0 ? SUT_WORD_TLS_BAD : SUT_WORD_TLS_OK,
                       "0123456789abcdef");
        if (word == SUT_WORD_PEERS && strcmp(part, "dies") == 0)
            _exit(9);
    }
}

static void ask(uint16_t word)
{
    char why[256] = "";
    tell(word, NULL);
    while (next_word(NULL, why, sizeof(why)) != SUT_WORD_DONE)
        say("worker heard something first");
    say(why);
}

static void spoil(const char *path)
{
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs("no certificate\n", f) < 0 || fclose(f) != 0)
        _exit(6);
}

static void stop_parent(void)
{
    char path[32];
    char text[256] = "";
    (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) getppid());
    (void) kill(getppid(), SIGSTOP);
    while (strstr(text, ") T ") == NULL) {
        FILE *f = fopen(path, "r");
        if (f == NULL || fgets(text, sizeof(text), f) == NULL || fclose(f) != 0)
            _exit(6);
    }
}

static int play_worker(const char *part)
{
    size_t n = 0;
    char line[128];
    say("worker starts");
    if (strcmp(part, "early") == 0)
        tell(SUT_WORD_ASK_TLS, NULL);
    const uint16_t first = next_word(&n, NULL, 0);
    (void) snprintf(line, sizeof(line), "worker heard %d with %zu", (int) first, n);
    say(line);
    if (strcmp(part, "fails") == 0)
        return 6;
    tell(SUT_WORD_READY, NULL);
    if (strcmp(part, "strange") == 0)
        tell(STRANGE, NULL);
    if (strcmp(part, "keeper's word") == 0)
        tell_bytes(SUT_WORD_TLS_OK, "0123456789abcdef");
    if (strcmp(part, "long") == 0)
        tell_u64(SUT_WORD_ASK_TLS, 1);
    if (strcmp(part, "twice") == 0)
        tell(SUT_WORD_READY, NULL);
    if (strcmp(part, "descriptors") == 0) {
        const int fds[] = { LINE };
        if (sut_failed(sut_line_send(LINE, SUT_WORD_ASK_TLS, SUT_STR(""), fds, 1, SEND_MS)))
            _exit(4);
    }
    if (strcmp(part, "raw") == 0 && write(LINE, "\1\0", 2) != 2)
        _exit(4);
    if (strcmp(part, "two asks") == 0) {
        /* Nobody can answer the first before the second is there. */
        stop_parent();
        tell(SUT_WORD_ASK_MASTER_NEXT, NULL);
        tell(SUT_WORD_ASK_MASTER_NEXT, NULL);
        (void) kill(getppid(), SIGCONT);
    }
    if (strcmp(part, "asks") == 0 || strcmp(part, "asks once") == 0)
        ask(SUT_WORD_ASK_MASTER_NEXT);
    if (strcmp(part, "asks") == 0)
        ask(SUT_WORD_ASK_MASTER_ADOPT);
    if (strncmp(part, "spoils ", 7) == 0) {
        spoil(part + 7);
        ask(SUT_WORD_ASK_MASTER_NEXT);
        ask(SUT_WORD_ASK_TLS);
    }
    for (int i = 0; i < 8 && strcmp(part, "asks a lot") == 0; i++)
        ask(SUT_WORD_ASK_TLS);
    for (int i = 0; i < 3 && strcmp(part, "has few") == 0; i++)
        tell(SUT_WORD_FEW, NULL);
    if (strcmp(part, "closes") == 0)
        (void) close(LINE);
    say("worker serves");
    for (;;) {
        if (strcmp(part, "closes") == 0) {
            (void) pause();
            continue;
        }
        const uint16_t word = next_word(&n, NULL, 0);
        (void) snprintf(line, sizeof(line), "worker heard %d with %zu", (int) word, n);
        say(line);
    }
}

/* A worker that hangs up each connection to a darkroom, with or without a byte on it. */
static int play_hanger(const char *how)
{
    enum { FOR_MS = 1000, PLACES = 8, BACKOFF_MIN_MS = 100 };
    tell(SUT_WORD_READY, NULL);
    const uint64_t began_ns = sut_monotonic_ns();
    uint64_t gone_ms = 0;
    uint64_t times = 0;
    for (; gone_ms < FOR_MS; gone_ms = (sut_monotonic_ns() - began_ns) / 1000000) {
        struct sut_line_message m;
        struct pollfd p = { .fd = LINE, .events = POLLIN };
        (void) poll(&p, 1, BACKOFF_MIN_MS);
        const sut_err e = sut_line_receive(LINE, anything, &m);
        if (e.code == SUT_E_BUSY)
            continue;
        if (sut_failed(e))
            _exit(0);
        times += m.type == SUT_WORD_DARKROOM ? m.n_fds : 0;
        if (m.type == SUT_WORD_DARKROOM && strcmp(how, "after a byte") == 0 &&
            write(m.fds[0], "x", 1) != 1)
            _exit(4);
        sut_line_message_done(&m);
    }
    say(times > 0 && times <= PLACES * (gone_ms / BACKOFF_MIN_MS + 2) ? "worker got few"
                                                                      : "worker got too many");
    for (;;)
        (void) pause();
}

/* A worker that has an errand on the connections that came as the turn-th. */
static int play_asker(int turn)
{
    /* As each role does: a courier may have died before it is asked. */
    (void) signal(SIGPIPE, SIG_IGN);
    tell(SUT_WORD_READY, NULL);
    for (int i = 0;;) {
        struct sut_line_message m;
        struct pollfd p = { .fd = LINE, .events = POLLIN };
        (void) poll(&p, 1, -1);
        const sut_err e = sut_line_receive(LINE, anything, &m);
        if (e.code == SUT_E_BUSY)
            continue;
        if (sut_failed(e))
            _exit(0);
        if (m.type == SUT_WORD_COURIER) {
            say("worker got connections");
            if (++i >= turn && write(m.fds[0], "errand", 6) != 6)
                say("worker could not ask");
            /* They stay open, as a worker has them. */
            m.n_fds = 0;
        }
        sut_line_message_done(&m);
    }
}

static int play_courier(const char *part)
{
    size_t n = 0;
    char line[128];
    say("courier starts");
    if (strcmp(part, "fails") == 0)
        return 8;
    if (strcmp(part, "rests early") == 0)
        tell(SUT_WORD_REST, NULL);
    tell(SUT_WORD_READY, NULL);
    if (strcmp(part, "asks") == 0)
        tell(SUT_WORD_ASK_TLS, NULL);
    for (;;) {
        const uint16_t word = next_word(&n, NULL, 0);
        if (word == SUT_WORD_PING && strcmp(part, "silent") != 0)
            tell(SUT_WORD_HERE, NULL);
        if (word == SUT_WORD_CLAMD) {
            (void) snprintf(line, sizeof(line), "courier has clamd %zu", n);
            say(line);
        }
        if (word != SUT_WORD_PEERS)
            continue;
        (void) snprintf(line, sizeof(line), "courier has %zu", n);
        say(line);
        if (strcmp(part, "dies") == 0)
            _exit(9);
        for (int i = 0; strcmp(part, "scans") == 0 && i < 3; i++)
            tell(SUT_WORD_ASK_CLAMD, NULL);
        if (strcmp(part, "rests") == 0 || strcmp(part, "rests twice") == 0)
            tell(SUT_WORD_REST, NULL);
        if (strcmp(part, "rests twice") == 0)
            tell(SUT_WORD_REST, NULL);
        if (strcmp(part, "rests") == 0)
            tell(SUT_WORD_EMPTY, NULL);
        if (strcmp(part, "ends late") == 0) {
            /* What is told to end does so in its own time, and hears nothing meanwhile. */
            sigset_t set;
            (void) sigemptyset(&set);
            (void) sigaddset(&set, SIGTERM);
            (void) sigprocmask(SIG_BLOCK, &set, NULL);
            tell(SUT_WORD_REST, NULL);
            tell(SUT_WORD_EMPTY, NULL);
            (void) poll(NULL, 0, SLOW_MS);
            /* Somebody may have asked before it was told to: then it stays. */
            if (sigpending(&set) != 0 || sigismember(&set, SIGTERM))
                _exit(0);
            (void) sigemptyset(&set);
            (void) sigprocmask(SIG_SETMASK, &set, NULL);
        }
    }
}

static int play(int argc, char **argv)
{
    char part[64] = "";
    size_t n = 0;
    if (sut_failed(sut_fd_read_full(SUT_ROLE_FD_SETTINGS, part, sizeof(part) - 1, &n)))
        return 2;
    if (strcmp(argv[1], "--role=courier") == 0)
        return play_courier(part);
    if (strcmp(argv[1], "--role=worker") == 0 && strncmp(part, "has an errand ", 14) == 0)
        return play_asker(part[14] - '0');
    if (strcmp(argv[1], "--role=worker") == 0 && strncmp(part, "hangs up ", 9) == 0)
        return play_hanger(part + 9);
    if (strcmp(argv[1], "--role=worker") == 0)
        return play_worker(part);
    return argc < 5 ? 2 : play_keeper(part, argv[4], argv[3]);
}

/* Where clamd is, in the next stage's settings; empty: nowhere. */
static char clamd_path[64];
/* What the next stage starts its roles from. */
static const char *program = "/proc/self/exe";

/* --- the stage --- */

struct stage {
    pid_t pid;
    int out; /* what the roles say */
    char text[64 * 1024];
    size_t n;
};

static int settings(const char *part)
{
    const int fd = memfd_create("part", MFD_CLOEXEC);
    if (fd < 0 || write(fd, part, strlen(part)) != (ssize_t) strlen(part))
        _exit(90);
    return fd;
}

static int block_signals(void)
{
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGHUP);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* With a folder there is a listener with HTTPS, whose pair is made there. */
static void begin_all(struct stage *s, const char *keeper, const char *worker, const char *courier,
                      const char *folder)
{
    int p[2];
    assert_false(sut_failed(sut_fd_pipe(p)));
    *s = (struct stage){ .out = p[0] };
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid > 0) {
        sut_fd_close(&p[1]);
        return;
    }
    static struct sut_supervisor_options o;
    o = (struct sut_supervisor_options){
        .binary = program,
        .keys = "/nowhere",
        .may_create = true,
        .keeper_settings_fd = settings(keeper),
        .worker_settings_fd = settings(worker),
        .courier_settings_fd = courier == NULL ? -1 : settings(courier),
        .signal_fd = block_signals(),
        .clamd = clamd_path[0] == '\0' ? NULL : clamd_path,
    };
    if (folder != NULL) {
        o.listen_fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        o.n_tls = 1;
        o.certificate.is_own = true;
        (void) snprintf(o.certificate.folder, SUT_CERTIFICATE_PATH_MAX, "%s", folder);
        (void) snprintf(o.certificate.cert, SUT_CERTIFICATE_PATH_MAX, "%s/crt", folder);
        (void) snprintf(o.certificate.key, SUT_CERTIFICATE_PATH_MAX, "%s/key", folder);
    }
    if (dup2(p[1], 1) < 0 || sut_failed(sut_events_create(&o.events)))
        _exit(91);
    /* What it logs is read, too. */
    sut_log_init(SUT_LOG_WARN, SUT_LOG_LOGFMT, 1, "supervisor");
    const int code = sut_supervisor_run(&o);
    sut_events_free(&o.events);
    _exit(code);
}

static void begin_with(struct stage *s, const char *keeper, const char *worker, const char *folder)
{
    begin_all(s, keeper, worker, NULL, folder);
}

static void begin(struct stage *s, const char *keeper, const char *worker)
{
    begin_with(s, keeper, worker, NULL);
}

static bool has(const struct stage *s, const char *what, int times)
{
    const char *at = s->text;
    for (; times > 0; times--) {
        at = strstr(at, what);
        if (at == NULL)
            return false;
        at += strlen(what);
    }
    return true;
}

/* Read until it was said so many times. */
static void expect_times(struct stage *s, const char *what, int times)
{
    const uint64_t until = sut_monotonic_ns() + (uint64_t) PATIENCE_MS * 1000000;
    while (!has(s, what, times)) {
        struct pollfd p = { .fd = s->out, .events = POLLIN };
        if (sut_monotonic_ns() > until || poll(&p, 1, PATIENCE_MS) <= 0)
            fail_msg("never said: %s\n%s", what, s->text);
        const ssize_t n = read(s->out, s->text + s->n, sizeof(s->text) - 1 - s->n);
        if (n <= 0)
            fail_msg("ended without: %s\n%s", what, s->text);
        s->n += (size_t) n;
    }
}

static void expect(struct stage *s, const char *what)
{
    expect_times(s, what, 1);
}

static int end(struct stage *s)
{
    int status = 0;
    (void) kill(s->pid, SIGTERM);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
    sut_fd_close(&s->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct stage stage;

/* What a failed test leaves must not outlive it. */
static int clear(void **state)
{
    (void) state;
    if (stage.pid > 0)
        (void) end(&stage);
    return 0;
}

static void keeper_first_then_the_worker_with_sockets(void **state)
{
    (void) state;
    begin(&stage, "honest", "honest");
    expect(&stage, "worker serves");
    assert_true(has(&stage, "keeper --next=none --may-create=1\n", 1));
    assert_true(strstr(stage.text, "keeper --next") < strstr(stage.text, "worker starts"));
    expect(&stage, "keeper heard 2 with 12");
    assert_true(has(&stage, "worker heard 6 with 12", 1));
    assert_int_equal(end(&stage), 0);
}

/* Whatever a worker does that stands in no table: it is killed, and another one starts. */
static void a_worker_that_breaks_the_rules_is_killed(void **state)
{
    (void) state;
    static const char *const parts[] = { "strange",     "keeper's word", "long", "twice",
                                         "descriptors", "raw",           "early" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        begin(&stage, "honest", parts[i]);
        expect(&stage, "event=role_broke_rules which=worker");
        expect(&stage, "event=role_ended which=worker by=signal code=9");
        /* One that never said that it serves is not tried again. */
        if (strcmp(parts[i], "early") == 0) {
            assert_int_equal(end(&stage), 1);
            continue;
        }
        expect_times(&stage, "worker starts", 2);
        assert_false(has(&stage, "keeper --next", 2));
        assert_int_equal(end(&stage), 0);
    }
}

static void a_worker_that_hangs_up_its_darkrooms_keeps_nobody_busy(void **state)
{
    (void) state;
    static const char *const parts[] = { "hangs up at once", "hangs up after a byte" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        begin(&stage, "honest", parts[i]);
        expect(&stage, "worker got ");
        (void) end(&stage);
        assert_true(has(&stage, "worker got few", 1));
    }
}

static void a_keeper_that_breaks_the_rules_is_killed(void **state)
{
    (void) state;
    static const char *const parts[] = { "ready twice", "unasked", "here twice" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        begin(&stage, parts[i], "honest");
        expect(&stage, "event=role_broke_rules which=keeper");
        expect(&stage, "event=role_ended which=keeper by=signal code=9");
        expect_times(&stage, "keeper --next=none --may-create=0", 1);
        assert_int_equal(end(&stage), 0);
    }
}

static void a_keeper_that_dies_is_replaced_under_the_same_worker(void **state)
{
    (void) state;
    begin(&stage, "dies", "honest");
    expect_times(&stage, "worker heard 6 with 12", 3);
    assert_true(has(&stage, "event=role_ended which=keeper by=exit code=9", 2));
    assert_true(has(&stage, "type=role_crashed reason=keeper", 2));
    assert_false(has(&stage, "worker starts", 2));
    /* A key is made at the first start alone. */
    assert_false(has(&stage, "--may-create=1", 2));
    assert_int_equal(end(&stage), 0);
}

static void what_fails_at_the_first_start_ends_it(void **state)
{
    (void) state;
    begin(&stage, "fails", "honest");
    int status = 0;
    assert_int_equal(waitpid(stage.pid, &status, 0), stage.pid);
    stage.pid = 0;
    assert_int_equal(WEXITSTATUS(status), 7);
    sut_fd_close(&stage.out);
    begin(&stage, "honest", "fails");
    assert_int_equal(waitpid(stage.pid, &status, 0), stage.pid);
    stage.pid = 0;
    assert_int_equal(WEXITSTATUS(status), 6);
    sut_fd_close(&stage.out);
}

static void a_master_rotation_starts_the_keeper_anew(void **state)
{
    (void) state;
    begin(&stage, "honest", "asks");
    expect(&stage, "keeper --next=make --may-create=0");
    expect(&stage, "keeper --next=adopt --may-create=0");
    expect(&stage, "worker serves");
    assert_true(has(&stage, "done 1 \n", 2));
    /* The new sockets came before each answer. */
    assert_true(has(&stage, "worker heard something first", 2));
    /* It was asked for: no crash. */
    assert_false(has(&stage, "role_crashed", 1));
    assert_int_equal(end(&stage), 0);
}

static void a_rotation_that_the_keeper_can_not_do_is_refused(void **state)
{
    (void) state;
    begin(&stage, "may not rotate", "asks");
    expect(&stage, "worker serves");
    assert_true(has(&stage, "done 0 the master key does not lie in a file", 2));
    assert_false(has(&stage, "--next=make", 1));
    assert_int_equal(end(&stage), 0);

    begin(&stage, "fails to make", "asks once");
    expect(&stage, "done 0 the keeper could not do it");
    expect(&stage, "worker serves");
    /* And it is back without. */
    expect_times(&stage, "keeper --next=none", 2);
    assert_int_equal(end(&stage), 0);
}

static void a_second_ask_before_the_answer_breaks_the_rules(void **state)
{
    (void) state;
    begin(&stage, "honest", "two asks");
    expect(&stage, "event=role_broke_rules which=worker");
    assert_int_equal(end(&stage), 0);
}

static void asks_are_limited(void **state)
{
    (void) state;
    begin(&stage, "honest", "asks a lot");
    expect(&stage, "worker serves");
    assert_true(has(&stage, "done 0 this server does not listen with HTTPS", 6));
    assert_false(has(&stage, "done 0 this server does not listen with HTTPS", 7));
    assert_true(has(&stage, "done 0 asked too often", 2));
    assert_int_equal(end(&stage), 0);
}

static void a_worker_that_has_few_connections_gets_others_now_and_then(void **state)
{
    (void) state;
    begin(&stage, "honest", "has few");
    expect_times(&stage, "worker heard 6 with 12", 2);
    assert_int_equal(end(&stage), 0);
    assert_false(has(&stage, "worker heard 6 with 12", 3));
}

static void one_that_hangs_up_is_ended(void **state)
{
    (void) state;
    begin(&stage, "honest", "closes");
    expect(&stage, "event=role_silent which=worker");
    expect(&stage, "event=role_ended which=worker by=signal code=9");
    assert_int_equal(end(&stage), 0);
}

/* Stopped, or stuck: nobody who waits for it would ever be answered. */
static void a_keeper_that_does_not_say_that_it_is_there_is_replaced(void **state)
{
    (void) state;
    begin(&stage, "silent", "honest");
    expect(&stage, "event=role_silent which=keeper");
    expect(&stage, "event=role_ended which=keeper by=signal code=9");
    expect_times(&stage, "worker heard 6 with 12", 2);
    assert_false(has(&stage, "worker starts", 2));
    assert_int_equal(end(&stage), 0);

    begin(&stage, "tells", "honest");
    expect_times(&stage, "keeper was asked", 3);
    assert_false(has(&stage, "keeper --next", 2));
    assert_int_equal(end(&stage), 0);
}

static void hup_without_tls_changes_nothing(void **state)
{
    (void) state;
    begin(&stage, "honest", "honest");
    expect(&stage, "worker serves");
    (void) kill(stage.pid, SIGHUP);
    (void) kill(stage.pid, SIGHUP);
    assert_int_equal(end(&stage), 0);
    assert_false(has(&stage, "keeper heard 3", 1));
}

struct folder {
    char path[32];
};

static struct folder make_folder(void)
{
    struct folder f = { "/tmp/sutler-roles-XXXXXX" };
    assert_non_null(mkdtemp(f.path));
    return f;
}

static void remove_folder(const struct folder *f)
{
    static const char *const names[] = { "crt", "key" };
    char path[64];
    for (size_t i = 0; i < 2; i++) {
        (void) snprintf(path, sizeof(path), "%s/%s", f->path, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(f->path), 0);
}

/* The ask was for another master key, and that is there: the files of TLS are another matter. */
static void a_master_ask_is_answered_though_the_certificate_went_bad(void **state)
{
    (void) state;
    const struct folder f = make_folder();
    char part[64];
    (void) snprintf(part, sizeof(part), "spoils %s/crt", f.path);
    begin_with(&stage, "honest", part, f.path);
    expect(&stage, "event=tls_key_refused");
    expect(&stage, "done 1 \n");
    expect(&stage, "done 0 the TLS certificate cannot be read as PEM");
    expect(&stage, "worker serves");
    assert_false(has(&stage, "role_broke_rules", 1));
    assert_int_equal(end(&stage), 0);
    remove_folder(&f);
}

static void hup_while_a_key_is_on_its_way_reads_the_files_once_more(void **state)
{
    (void) state;
    const struct folder f = make_folder();
    begin_with(&stage, "slow", "honest", f.path);
    expect(&stage, "worker serves");
    (void) kill(stage.pid, SIGHUP);
    expect_times(&stage, "keeper heard 3", 2);
    (void) kill(stage.pid, SIGHUP);
    expect_times(&stage, "keeper heard 3", 3);
    assert_int_equal(end(&stage), 0);
    remove_folder(&f);
}

static void a_courier_is_started_once_and_has_its_connections(void **state)
{
    (void) state;
    begin_all(&stage, "honest", "honest", "honest", NULL);
    expect(&stage, "courier has 8");
    expect(&stage, "worker heard 15 with 8");
    assert_false(has(&stage, "courier starts", 2));
    assert_int_equal(end(&stage), 0);
}

static void a_courier_that_rests_is_ended_and_comes_back_when_somebody_asks(void **state)
{
    (void) state;
    /* The first connections go to the courier, which rests; those in their place are asked on. */
    begin_all(&stage, "honest", "has an errand 9", "rests", NULL);
    expect_times(&stage, "worker got connections", 2);
    /* Nobody asks: it is not started again, and its end is no fault. */
    (void) poll(NULL, 0, SLOW_MS);
    assert_int_equal(end(&stage), 0);
    assert_false(has(&stage, "courier starts", 2));
    assert_false(has(&stage, "role_ended", 1));
    begin_all(&stage, "honest", "has an errand 2", "rests", NULL);
    expect_times(&stage, "courier starts", 2);
    expect_times(&stage, "courier has 8", 2);
    assert_false(has(&stage, "role_ended", 1));
    assert_false(has(&stage, "worker could not ask", 1));
    assert_int_equal(end(&stage), 0);
}

static void what_is_asked_while_a_courier_ends_is_for_the_next(void **state)
{
    (void) state;
    begin_all(&stage, "honest", "has an errand 2", "ends late", NULL);
    expect_times(&stage, "courier starts", 2);
    expect_times(&stage, "courier has 8", 2);
    assert_false(has(&stage, "role_ended", 1));
    assert_int_equal(end(&stage), 0);
}

static void a_courier_that_dies_comes_back_when_somebody_asks(void **state)
{
    (void) state;
    begin_all(&stage, "honest", "has an errand 2", "dies", NULL);
    expect_times(&stage, "courier starts", 2);
    expect(&stage, "event=role_ended which=courier by=exit code=9");
    expect(&stage, "type=role_crashed reason=courier");
    assert_int_equal(end(&stage), 0);
    /* And waits until then: the worker has others all the same. */
    begin_all(&stage, "honest", "has an errand 9", "dies", NULL);
    expect_times(&stage, "worker got connections", 2);
    (void) poll(NULL, 0, SLOW_MS);
    assert_int_equal(end(&stage), 0);
    assert_false(has(&stage, "courier starts", 2));
}

static void a_courier_that_breaks_the_rules_or_is_silent_is_killed(void **state)
{
    (void) state;
    static const char *const parts[] = { "asks", "rests twice" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        begin_all(&stage, "honest", "honest", parts[i], NULL);
        expect(&stage, "event=role_broke_rules which=courier");
        assert_int_equal(end(&stage), 0);
    }
    begin_all(&stage, "honest", "honest", "silent", NULL);
    expect(&stage, "event=role_silent which=courier");
    expect(&stage, "event=role_ended which=courier by=signal code=9");
    assert_int_equal(end(&stage), 0);
}

static int times_of(const struct stage *s, const char *what)
{
    int n = 0;
    while (has(s, what, n + 1))
        n++;
    return n;
}

/* As when the machine is out of processes, memory or descriptors for a while. */
static void one_that_can_not_be_started_again_is_tried_later(void **state)
{
    (void) state;
    static const struct {
        const char *name;
        const char *worker;
        const char *courier;
    } parts[] = {
        { "worker", "strange", NULL },
        { "courier", "has an errand 1", "dies" },
        { "keeper", "honest", NULL },
    };
    const struct folder f = make_folder();
    char self[512];
    char path[64];
    char starts[64];
    char fails[64];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(n > 0);
    self[n] = '\0';
    (void) snprintf(path, sizeof(path), "%s/program", f.path);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const bool is_keeper = strcmp(parts[i].name, "keeper") == 0;
        assert_int_equal(symlink(self, path), 0);
        program = path;
        begin_all(&stage, is_keeper ? "dies" : "honest", parts[i].worker, parts[i].courier, NULL);
        program = "/proc/self/exe";
        (void) snprintf(starts, sizeof(starts), is_keeper ? "%s --next" : "%s starts",
                        parts[i].name);
        (void) snprintf(fails, sizeof(fails), "event=role_not_started which=%s", parts[i].name);
        expect_times(&stage, starts, 2);
        assert_int_equal(unlink(path), 0);
        expect_times(&stage, fails, 2);
        const int before = times_of(&stage, starts);
        assert_int_equal(symlink(self, path), 0);
        expect_times(&stage, starts, before + 2);
        assert_int_equal(end(&stage), 0);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(f.path), 0);
}

static void a_courier_gets_connections_to_clamd_and_to_nothing_else(void **state)
{
    (void) state;
    /* The settings name none: it has no business to ask. */
    begin_all(&stage, "honest", "honest", "scans", NULL);
    expect(&stage, "event=role_broke_rules which=courier");
    assert_int_equal(end(&stage), 0);
    /* Nobody listens there. */
    (void) snprintf(clamd_path, sizeof(clamd_path), "/tmp/sutler-clamd-%d", (int) getpid());
    begin_all(&stage, "honest", "honest", "scans", NULL);
    expect_times(&stage, "courier has clamd 0", 3);
    assert_int_equal(end(&stage), 0);
    int fd = -1;
    struct sut_diag diag;
    assert_false(sut_failed(sut_ipc_listen(clamd_path, &fd, &diag)));
    begin_all(&stage, "honest", "honest", "scans", NULL);
    expect_times(&stage, "courier has clamd 1", 3);
    assert_int_equal(end(&stage), 0);
    sut_fd_close(&fd);
    (void) unlink(clamd_path);
    clamd_path[0] = '\0';
}

static void a_courier_that_can_not_start_ends_a_first_start(void **state)
{
    (void) state;
    static const char *const parts[] = { "fails", "rests early" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        begin_all(&stage, "honest", "honest", parts[i], NULL);
        int status = 0;
        assert_int_equal(waitpid(stage.pid, &status, 0), stage.pid);
        stage.pid = 0;
        assert_int_equal(WEXITSTATUS(status), i == 0 ? 8 : 1);
        sut_fd_close(&stage.out);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strncmp(argv[1], "--role=", 7) == 0)
        return play(argc, argv);
#define T(name_) cmocka_unit_test_teardown(name_, clear)
    const struct CMUnitTest tests[] = {
        T(keeper_first_then_the_worker_with_sockets),
        T(a_worker_that_breaks_the_rules_is_killed),
        T(a_worker_that_hangs_up_its_darkrooms_keeps_nobody_busy),
        T(a_keeper_that_breaks_the_rules_is_killed),
        T(a_keeper_that_dies_is_replaced_under_the_same_worker),
        T(what_fails_at_the_first_start_ends_it),
        T(a_master_rotation_starts_the_keeper_anew),
        T(a_rotation_that_the_keeper_can_not_do_is_refused),
        T(a_second_ask_before_the_answer_breaks_the_rules),
        T(asks_are_limited),
        T(a_worker_that_has_few_connections_gets_others_now_and_then),
        T(one_that_hangs_up_is_ended),
        T(a_keeper_that_does_not_say_that_it_is_there_is_replaced),
        T(hup_without_tls_changes_nothing),
        T(a_master_ask_is_answered_though_the_certificate_went_bad),
        T(hup_while_a_key_is_on_its_way_reads_the_files_once_more),
        T(a_courier_is_started_once_and_has_its_connections),
        T(a_courier_that_rests_is_ended_and_comes_back_when_somebody_asks),
        T(what_is_asked_while_a_courier_ends_is_for_the_next),
        T(a_courier_that_dies_comes_back_when_somebody_asks),
        T(a_courier_that_breaks_the_rules_or_is_silent_is_killed),
        T(one_that_can_not_be_started_again_is_tried_later),
        T(a_courier_gets_connections_to_clamd_and_to_nothing_else),
        T(a_courier_that_can_not_start_ends_a_first_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

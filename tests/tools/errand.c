/* SPDX-License-Identifier: Apache-2.0
 *
 * errand PROGRAM - starts a courier of the settings that the environment gives, and
 * sends it what stands on standard input, a command a line, an answer a line:
 *
 *   fetch PURPOSE URL TEXT MS     "-" is an empty text; PURPOSE is a word of errands.def
 *   call PURPOSE METHOD PATH KEY TEXT MS
 *   verify SIGNATURE TEXT MS
 *   object PURPOSE NAME TYPE TEXT MS
 *   scan SIZE MS                  so many bytes; with a word behind they begin with it
 *   mail FROM TO MS               a short message
 *   raw HEX [MS]                  these bytes on a connection of their own: dropped, silent or the
 *                                 reply as hex
 *   rest                          what the courier says of its own accord within 3 s
 *   hang up                       end all connections
 *   wait MS
 *   end                           how it ended, within 5 s
 *   pid
 *
 * The shipped program has no such words.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/scan.h"
#include "config/config.h"
#include "ipc/courier_wire.h"
#include "ipc/line.h"
#include "os/fd.h"
#include "os/role.h"
#include "prog/role_settings.h"
#include "prog/roles.h"
#include "prog/words.h"

enum { PEERS = 4, READY_MS = 30000, SEND_MS = 2000, WORDS_MAX = 8, LINE_BYTES = 1 << 20 };

struct tool {
    struct sut_role role;
    int line;
    struct sut_courier *courier;
};

static const struct sut_line_permit heard[] = {
    { .type = SUT_WORD_READY }, { .type = SUT_WORD_REST }, { .type = SUT_WORD_EMPTY }, { .type = 0 }
};

_Noreturn static void fail(const char *what)
{
    (void) fprintf(stderr, "errand: %s\n", what);
    exit(1);
}

static struct sut_config *read_settings(void)
{
    struct sut_config *c = NULL;
    struct sut_config_report report = { 0 };
    const struct sut_config_source source = { .env = (const char *const *) environ,
                                              .insecure_dev = true };
    if (sut_failed(sut_config_load(&source, &c, &report)))
        fail(report.n > 0 ? report.problems[0].text : "no settings");
    sut_config_report_done(&report);
    return c;
}

static void start(struct tool *t, const char *program)
{
    int settings = -1;
    int pair[2];
    struct sut_config *c = read_settings();
    if (sut_failed(sut_role_settings_pack(c, SUT_CONFIG_FOR_COURIER, &settings)) ||
        sut_failed(sut_line_pair(pair)))
        fail("no settings, no line");
    const struct sut_role_fd fds[] = { { .fd = 2, .as = 2 },
                                       { .fd = settings, .as = SUT_ROLE_FD_SETTINGS },
                                       { .fd = pair[1], .as = SUT_ROLE_FD_SUPERVISOR } };
    static const char *const args[] = { "--rest=1000", NULL };
    const struct sut_role_spec spec = { .binary = program,
                                        .name = "courier",
                                        .args = args,
                                        .env = (const char *const *) environ,
                                        .fds = fds,
                                        .n_fds = 3,
                                        .death_signal = SIGKILL };
    if (sut_failed(sut_role_spawn(&spec, &t->role)))
        fail("the courier can't be started");
    t->line = pair[0];
    sut_fd_close(&pair[1]);
    sut_fd_close(&settings);
    sut_config_free(&c);
    struct pollfd p = { .fd = t->line, .events = POLLIN };
    struct sut_line_message m;
    if (poll(&p, 1, READY_MS) != 1 || sut_failed(sut_line_receive(t->line, heard, &m)))
        fail("the courier is not ready");
    sut_line_message_done(&m);
}

/* A connection of ours to it. */
static int connect_one(const struct tool *t)
{
    int pair[2];
    if (sut_failed(sut_fd_socketpair(pair)) ||
        sut_failed(sut_line_send(t->line, SUT_WORD_PEERS, SUT_STR(""), &pair[1], 1, SEND_MS)))
        fail("no connection");
    sut_fd_close(&pair[1]);
    return pair[0];
}

static void make_client(struct tool *t)
{
    int fds[PEERS];
    for (int i = 0; i < PEERS; i++)
        fds[i] = connect_one(t);
    if (sut_failed(sut_courier_create(fds, PEERS, &t->courier)))
        fail("no client");
}

static sut_str text_of(const char *word)
{
    return strcmp(word, "-") == 0 ? SUT_STR("") : sut_str_from(word);
}

static unsigned number(const char *word)
{
    uint64_t v = 0;
    if (sut_failed(sut_parse_u64(sut_str_from(word), UINT32_MAX, &v)))
        fail("no number");
    return (unsigned) v;
}

static enum sut_errand_purpose purpose_of(const char *word)
{
    for (int p = 0; p < SUT_ERRANDS; p++)
        if (strcmp(word, sut_errand_word((enum sut_errand_purpose) p)) == 0)
            return (enum sut_errand_purpose) p;
    return SUT_ERRANDS;
}

static void send_errand(struct tool *t, const struct sut_errand *e)
{
    struct sut_buf body;
    struct sut_errand_answer answer;
    sut_buf_init(&body, SUT_IPC_LENGTH_MAX);
    const sut_err got = sut_courier_fetch(t->courier, e, &body, &answer);
    if (sut_failed(got))
        (void) printf("%s\n", sut_err_info(got.code)->name);
    else
        (void) printf("OK %d %" PRIu32 " %s %zu %.*s\n", answer.status, answer.max_age_s,
                      answer.content_type[0] == '\0' ? "-" : answer.content_type, body.n,
                      body.n > 200 ? 200 : (int) body.n, body.n == 0 ? "" : body.p);
    sut_buf_done(&body);
}

static void fetch(struct tool *t, char **words)
{
    const struct sut_errand e = { .purpose = purpose_of(words[1]),
                                  .url = text_of(words[2]),
                                  .text = text_of(words[3]),
                                  .timeout_ms = number(words[4]) };
    send_errand(t, &e);
}

static void call(struct tool *t, char **words)
{
    const struct sut_errand e = { .purpose = purpose_of(words[1]),
                                  .method = strcmp(words[2], "POST") == 0 ? SUT_ERRAND_POST
                                                                          : SUT_ERRAND_GET,
                                  .path = text_of(words[3]),
                                  .key = text_of(words[4]),
                                  .text = text_of(words[5]),
                                  .timeout_ms = number(words[6]) };
    send_errand(t, &e);
}

static void verify(struct tool *t, char **words)
{
    bool is_theirs = false;
    const sut_err got =
        sut_courier_verify(t->courier, SUT_ERRAND_PAYSTACK_VERIFY, text_of(words[2]),
                           text_of(words[1]), number(words[3]), &is_theirs);
    if (sut_failed(got))
        (void) printf("%s\n", sut_err_info(got.code)->name);
    else
        (void) printf("OK %s\n", is_theirs ? "theirs" : "forged");
}

static void object(struct tool *t, char **words)
{
    const struct sut_errand e = { .purpose = purpose_of(words[1]),
                                  .path = text_of(words[2]),
                                  .type = text_of(words[3]),
                                  .text = text_of(words[4]),
                                  .timeout_ms = number(words[5]) };
    send_errand(t, &e);
}

static void scan(struct tool *t, char **words, size_t n)
{
    static char bytes[6 << 20];
    const size_t size = number(words[1]);
    struct sut_malware_answer answer;
    if (size > sizeof(bytes))
        fail("too many bytes");
    memset(bytes, 'x', size);
    if (n > 3 && strlen(words[3]) <= size)
        memcpy(bytes, words[3], strlen(words[3]));
    const sut_err got =
        sut_courier_scan(t->courier, sut_str_of(bytes, size), number(words[2]), &answer);
    if (sut_failed(got))
        (void) printf("%s\n", sut_err_info(got.code)->name);
    else
        (void) printf("OK %s %s\n", answer.is_found ? "found" : "clean", answer.name);
}

static void mail(struct tool *t, char **words)
{
    static const char *const fates[] = { "sent", "later", "refused" };
    struct sut_mail_answer answer;
    const sut_err got = sut_courier_mail(
        t->courier, text_of(words[1]), text_of(words[2]),
        SUT_STR("Subject: a test\r\n\r\nFirst line\r\n.a line with a dot\r\n..\r\n"),
        number(words[3]), &answer);
    if (sut_failed(got))
        (void) printf("%s\n", sut_err_info(got.code)->name);
    else
        (void) printf("OK %s %d %s\n", fates[answer.fate], answer.code, answer.text);
}

static void raw(struct tool *t, char **words, size_t n)
{
    static char bytes[LINE_BYTES];
    const sut_str hex = text_of(words[1]);
    const size_t n_bytes = hex.n / 2;
    if (sut_failed(sut_parse_hex(hex, bytes, n_bytes)))
        fail("no hexadecimal");
    int fd = connect_one(t);
    if (n_bytes > 0 && send(fd, bytes, n_bytes, MSG_NOSIGNAL) != (ssize_t) n_bytes)
        (void) printf("cut ");
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (poll(&p, 1, n > 2 ? (int) number(words[2]) : 1000) == 0) {
        (void) printf("silent\n");
    } else {
        const ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        if (got <= 0) {
            (void) printf("dropped\n");
        } else {
            for (ssize_t i = 0; i < got; i++)
                (void) printf("%02x", (unsigned) (unsigned char) bytes[i]);
            (void) printf("\n");
        }
    }
    sut_fd_close(&fd);
}

static void rest(const struct tool *t)
{
    struct pollfd p = { .fd = t->line, .events = POLLIN };
    struct sut_line_message m;
    if (poll(&p, 1, 3000) != 1 || sut_failed(sut_line_receive(t->line, heard, &m))) {
        (void) printf("nothing\n");
        return;
    }
    (void) printf("%s\n", m.type == SUT_WORD_REST    ? "REST"
                          : m.type == SUT_WORD_EMPTY ? "EMPTY"
                                                     : "?");
    sut_line_message_done(&m);
}

static void end(struct tool *t)
{
    bool has_ended = false;
    struct sut_role_end e = { 0 };
    if (t->role.pid == 0 || sut_failed(sut_role_wait_ms(&t->role, 5000, &has_ended, &e)) ||
        !has_ended)
        (void) printf("it lives\n");
    else
        (void) printf("%s %d\n", e.is_signal ? "signal" : "exit", e.code);
}

static void hang_up(struct tool *t)
{
    sut_courier_free(&t->courier);
    (void) printf("done\n");
}

static void wait_a_while(char **words)
{
    (void) poll(NULL, 0, (int) number(words[1]));
    (void) printf("waited\n");
}

static size_t split(char *line, char **words)
{
    size_t n = 0;
    char *rest = line;
    for (char *word; n < WORDS_MAX && (word = strsep(&rest, " \n")) != NULL;)
        if (word[0] != '\0')
            words[n++] = word;
    return n;
}

int main(int argc, char **argv)
{
    static char line[2 * LINE_BYTES + 64];
    struct tool t = { .line = -1 };
    if (argc != 2)
        fail("usage: errand PROGRAM");
    start(&t, argv[1]);
    make_client(&t);
    (void) printf("ready\n");
    (void) fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *words[WORDS_MAX];
        const size_t n = split(line, words);
        if (n == 5 && strcmp(words[0], "fetch") == 0)
            fetch(&t, words);
        else if (n == 7 && strcmp(words[0], "call") == 0)
            call(&t, words);
        else if (n == 4 && strcmp(words[0], "verify") == 0)
            verify(&t, words);
        else if (n >= 3 && strcmp(words[0], "scan") == 0)
            scan(&t, words, n);
        else if (n == 6 && strcmp(words[0], "object") == 0)
            object(&t, words);
        else if (n == 4 && strcmp(words[0], "mail") == 0)
            mail(&t, words);
        else if (n >= 2 && strcmp(words[0], "raw") == 0)
            raw(&t, words, n);
        else if (n == 1 && strcmp(words[0], "end") == 0)
            end(&t);
        else if (n == 1 && strcmp(words[0], "rest") == 0)
            rest(&t);
        else if (n == 2 && strcmp(words[0], "hang") == 0)
            hang_up(&t);
        else if (n == 2 && strcmp(words[0], "wait") == 0)
            wait_a_while(words);
        else if (n == 1 && strcmp(words[0], "pid") == 0)
            (void) printf("%d\n", t.role.pid);
        else
            fail("no such command");
        (void) fflush(stdout);
    }
    sut_courier_free(&t.courier);
    sut_fd_close(&t.line);
    sut_role_done(&t.role);
    return 0;
}

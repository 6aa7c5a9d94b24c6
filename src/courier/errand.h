/* SPDX-License-Identifier: Apache-2.0
 *
 * errand - one errand, from its request to its answer.
 *
 * It is begun, waits for the addresses of its name, then runs in libcurl's hands; a
 * redirect that its purpose allows makes it begin again with the next URL.  When it
 * is over its reply can be written.  For this folder alone; one thread.
 */
#ifndef SUT_COURIER_ERRAND_H
#define SUT_COURIER_ERRAND_H

#include "base/buf.h"
#include "courier/carrier.h"
#include "courier/clamd.h"
#include "courier/request.h"

enum { SUT_ERRAND_PINNED_MAX = SUT_LOOKUP_ADDRESSES_MAX };

/* What all errands of a carrier share. */
struct sut_errands {
    struct sut_curl curl;
    CURLM *multi;
    struct sut_resolver *resolver;
    const struct sut_carrier_settings *settings;
    const char *authorities_file; /* or, NULL: */
    sut_str authorities;          /* PEM */
};

/* How far a conversation with a mail server came. */
enum sut_mail_stage { SUT_MAIL_GREETING, SUT_MAIL_ENVELOPE, SUT_MAIL_OVER };

/* A file on its way to clamd. */
struct sut_scan_way {
    int fd;          /* -1: none yet */
    bool is_waiting; /* for a socket that the supervisor connects */
    bool is_connecting;
    size_t at; /* the next of its addresses */
    unsigned char head[SUT_CLAMD_HEAD];
    char said[SUT_CLAMD_ANSWER_MAX];
    size_t said_n;
};

struct sut_errand_run {
    struct sut_errands *all;
    void *owner;
    struct sut_request request; /* borrowed bytes */
    const struct sut_errand_row *row;
    uint64_t deadline_ns;
    enum sut_courier_reply reply;
    bool is_over;
    struct sut_target target;
    unsigned hops; /* redirects that were followed */
    struct sut_lookup *lookup;
    struct sut_address pinned[SUT_ERRAND_PINNED_MAX];
    size_t n_pinned;
    CURL *easy;
    CURLSH *share; /* of names: each errand goes by its own addresses */
    struct curl_slist *resolve;
    struct curl_slist *list; /* headers, or receivers */
    bool is_refused;         /* an address that was to be connected to is none of ours */
    struct sut_buf out;      /* a URL or a body that was made for it */
    size_t sent;             /* of a message, of a file */
    /* The answer. */
    struct sut_buf body;
    size_t head_n; /* bytes of headers */
    uint32_t max_age_s;
    uint32_t age_s;
    int status;
    char type[SUT_ERRAND_TYPE_MAX + 1];
    enum sut_mail_stage stage;
    enum sut_mail_fate fate;
    char line[SUT_ERRAND_TEXT_MAX + 1]; /* the one of a mail server that decided */
    bool is_theirs;                     /* what was to be verified */
    struct sut_scan_way scan;
    struct sut_malware_answer malware;
};

/* Begin; it may be over at once.  The request's bytes must stay until sut_errand_end(). */
void sut_errand_begin(struct sut_errand_run *r, struct sut_errands *all,
                      const struct sut_request *request, void *owner);
/* Its lookup is done, and taken over. */
void sut_errand_found(struct sut_errand_run *r, struct sut_lookup *l);
/* libcurl is done with it. */
void sut_errand_done(struct sut_errand_run *r, CURLcode code);
/* It is over with this. */
void sut_errand_stop(struct sut_errand_run *r, enum sut_courier_reply reply);
/* Append the reply of one that is over. */
void sut_errand_put(const struct sut_errand_run *r, struct sut_buf *b);
/* Free what it has, wherever it stands. */
void sut_errand_end(struct sut_errand_run *r);

/* A socket of its own that is to be watched, or -1; for what; it is ready. */
static inline int sut_errand_fd(const struct sut_errand_run *r)
{
    return r->scan.fd;
}
short sut_errand_events(const struct sut_errand_run *r);
void sut_errand_ready(struct sut_errand_run *r);
/* Whether it waits for a socket to clamd; there it is, then owned (-1: none can be had). */
static inline bool sut_errand_wants_clamd(const struct sut_errand_run *r)
{
    return r->scan.is_waiting && !r->is_over;
}
void sut_errand_clamd(struct sut_errand_run *r, int fd);

/* --- its kinds --- */

/* Where to: fills r->target.  NOT_FOUND: the settings name none; DENIED. */
SUT_ERR sut_errand__http_target(struct sut_errand_run *r);
SUT_ERR sut_errand__mail_target(struct sut_errand_run *r);
/* What is told to libcurl beside where and how safely. */
SUT_ERR sut_errand__http_options(struct sut_errand_run *r);
SUT_ERR sut_errand__mail_options(struct sut_errand_run *r);
/* What it came to, when nothing of ours stopped it; *ret_next: a redirect is followed. */
enum sut_courier_reply sut_errand__http_outcome(struct sut_errand_run *r, CURLcode code,
                                                bool *ret_next);
enum sut_courier_reply sut_errand__mail_outcome(struct sut_errand_run *r, CURLcode code);

/* A call to a provider of payments is HTTP, too: its URL, and its headers and body. */
SUT_ERR sut_errand__call_url(struct sut_errand_run *r, sut_str *ret);
SUT_ERR sut_errand__call_options(struct sut_errand_run *r);
/* Whether a text was signed with the provider's key. */
SUT_ERR sut_errand__verify(struct sut_errand_run *r);
/* A scan: the supervisor is asked for a socket, or the target is filled; connect; close. */
SUT_ERR sut_errand__scan_begin(struct sut_errand_run *r);
SUT_ERR sut_errand__scan_go(struct sut_errand_run *r);
void sut_errand__scan_end(struct sut_errand_run *r);
/* A file of the object store is HTTP, too: its URL, and its headers, signed. */
SUT_ERR sut_errand__object_url(struct sut_errand_run *r, sut_str *ret);
SUT_ERR sut_errand__object_options(struct sut_errand_run *r);
/* One more header of the request. */
SUT_ERR sut_errand__add_header(struct sut_errand_run *r, const char *text);
/* "name: value"; the name brings its colon.  What was put together for it is wiped. */
SUT_ERR sut_errand__add_value(struct sut_errand_run *r, const char *name, sut_str value);
/* The body of a POST; it is not copied. */
SUT_ERR sut_errand__set_body(struct sut_errand_run *r, sut_str body);

/* Set an option; INVALID when libcurl doesn't know it. */
#define SUT_ERRAND_SET(r_, option_, value_)                                                        \
    ENSURE((r_)->all->curl.curl_easy_setopt((r_)->easy, (option_), (value_)) == CURLE_OK, INVALID)

#endif

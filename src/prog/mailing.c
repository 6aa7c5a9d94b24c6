/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/mailing.h"

#include "base/buf.h"
#include "config/config.h"
#include "guard/app.h"
#include "log/log.h"
#include "mail/postman.h"

struct sut_mail_sender sut_mailing_sender(const struct sut_config *c)
{
    return (struct sut_mail_sender){
        .shop = c->shop.name,
        /* Outside development a mail server without a sender is refused by the settings. */
        .from = c->email.from.n > 0 ? c->email.from : SUT_STR("shop@localhost"),
        .public_url = c->server.public_url,
    };
}

sut_str sut_mailing_dir(const struct sut_config *c, char to[PATH_MAX])
{
    struct sut_buf b = { .p = to, .cap = PATH_MAX, .max = PATH_MAX };
    sut_buf_str_add(&b, c->server.data);
    sut_buf_lit(&b, "/mail");
    return sut_failed(sut_buf_check(&b)) ? SUT_STR("") : sut_buf_str(&b);
}

static void say(void *ctx, const struct sut_postman_note *n)
{
    (void) ctx;
    switch (n->event) {
    case SUT_POSTMAN_SENT:
        sut_log(SUT_LOG_INFO, "mail_sent", LOG_NAME("template", n->what),
                LOG_PERSON("user", n->person), LOG_INT("tries", n->tries));
        break;
    case SUT_POSTMAN_LATER:
        sut_log(SUT_LOG_WARN, "mail_waits", LOG_NAME("template", n->what), LOG_NAME("why", n->why),
                LOG_PERSON("user", n->person), LOG_INT("tries", n->tries),
                LOG_INT("smtp", n->code));
        break;
    case SUT_POSTMAN_GIVEN_UP:
        sut_log(SUT_LOG_ERROR, "mail_given_up", LOG_NAME("template", n->what),
                LOG_NAME("why", n->why), LOG_PERSON("user", n->person), LOG_INT("tries", n->tries),
                LOG_INT("smtp", n->code));
        break;
    case SUT_POSTMAN_NO_WAY:
        sut_log(SUT_LOG_WARN, "mails_wait", LOG_Z("why", "email.host is not set"));
        break;
    case SUT_POSTMAN_TROUBLE:
        sut_log(SUT_LOG_WARN, "mails_wait", LOG_NAME("why", n->why), LOG_ERR(n->err));
        break;
    }
}

SUT_ERR sut_mailing_start(const struct sut_app *app, struct sut_postman **ret)
{
    const struct sut_config *const c = app->config;
    const bool has_server = c->email.host.n > 0;
    const bool is_dev = c->demo || c->insecure_dev;
    char dir[PATH_MAX];
    const struct sut_postman_options o = {
        .store = app->store,
        .courier = has_server ? app->courier : NULL,
        .maildir = is_dev && !has_server ? sut_mailing_dir(c, dir) : SUT_STR(""),
        .sender = sut_mailing_sender(c),
        .timeout_ms = c->email.timeout_s * 1000,
        .clock = app->clock,
        .tell = say,
    };
    return sut_postman_start(&o, ret);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "api/new_device.h"

#include "codec/utf8.h"
#include "config/config.h"
#include "mail/mail.h"

enum { TEXT_MAX = 512, AGENT_MAX = 120 };

static void add_part(struct sut_buf *b, sut_str part)
{
    if (part.n == 0)
        return;
    if (b->n > 0)
        sut_buf_lit(b, ", ");
    sut_buf_str_add(b, part);
}

/* Its own words where it gave some; else the user agent's, and of these a mail's line full. */
static SUT_ERR words_of(struct sut_req *r, const struct api_device *device, sut_str *ret)
{
    const sut_str agent = r->x->req->known[SUT_H_USER_AGENT];
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, TEXT_MAX);
    if (device != NULL) {
        add_part(&b, device->type);
        add_part(&b, device->os);
        if (b.n > 0)
            add_part(&b, device->app_version);
    }
    if (b.n == 0 && sut_utf8_is_valid(agent))
        sut_buf_str_add(&b, sut_utf8_head(agent, AGENT_MAX));
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR api_new_device_of(struct sut_req *r, const struct api_device *device,
                          struct api_new_device *ret)
{
    *ret = (struct api_new_device){ .is_asked = r->app->config->accounts.new_device_mail };
    if (!ret->is_asked)
        return SUT_OK;
    TRY(words_of(r, device, &ret->text));
    return api_entry_coarse_addr(r, &ret->addr);
}

SUT_ERR api_new_device_queue(struct sut_db_conn *c, struct sut_arena *scratch,
                             const struct api_new_device *n, const struct sut_person_account *whose,
                             bool is_new, bool is_first, sut_ms now, bool *ret_queued)
{
    *ret_queued = n->is_asked && is_new && (!is_first || whose->tokens_revoked_at.v != 0);
    if (!*ret_queued)
        return SUT_OK;
    const struct sut_mail_words words = { .device = n->text, .addr = n->addr, .at = now };
    return sut_mail_queue(c, scratch, SUT_MAIL_NEW_DEVICE, whose->id, &words, SUT_STR(""), now);
}

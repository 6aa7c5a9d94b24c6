/* SPDX-License-Identifier: Apache-2.0 */
#include "net/filter.h"

/* The top and the bottom have every operation of their side, so the walks end. */

void sut_filter_join(struct sut_filter *below, struct sut_filter *above)
{
    below->above = above;
    above->below = below;
}

void sut_filter_up_ready(struct sut_filter *f)
{
    for (f = f->above; f->ops->on_ready == NULL;)
        f = f->above;
    f->ops->on_ready(f);
}

void sut_filter_up_bytes(struct sut_filter *f, sut_str bytes)
{
    for (f = f->above; f->ops->on_bytes == NULL;)
        f = f->above;
    f->ops->on_bytes(f, bytes);
}

void sut_filter_up_end(struct sut_filter *f, enum sut_net_end why)
{
    for (f = f->above; f->ops->on_end == NULL;)
        f = f->above;
    f->ops->on_end(f, why);
}

void sut_filter_up_drained(struct sut_filter *f)
{
    for (f = f->above; f->ops->on_drained == NULL;)
        f = f->above;
    f->ops->on_drained(f);
}

void sut_filter_up_closed(struct sut_filter *f)
{
    for (f = f->above; f->ops->on_closed == NULL;)
        f = f->above;
    f->ops->on_closed(f);
}

SUT_ERR sut_filter_down_write(struct sut_filter *f, const sut_str *parts, size_t n)
{
    for (f = f->below; f->ops->write == NULL;)
        f = f->below;
    return f->ops->write(f, parts, n);
}

void sut_filter_down_set_reading(struct sut_filter *f, bool is_on)
{
    for (f = f->below; f->ops->set_reading == NULL;)
        f = f->below;
    f->ops->set_reading(f, is_on);
}

void sut_filter_down_shut(struct sut_filter *f)
{
    for (f = f->below; f->ops->shut == NULL;)
        f = f->below;
    f->ops->shut(f);
}

void sut_filter_down_close(struct sut_filter *f)
{
    for (f = f->below; f->ops->close == NULL;)
        f = f->below;
    f->ops->close(f);
}

size_t sut_filter_down_pending(const struct sut_filter *f)
{
    for (f = f->below; f->ops->pending == NULL;)
        f = f->below;
    return f->ops->pending(f);
}

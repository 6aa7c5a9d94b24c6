/* SPDX-License-Identifier: Apache-2.0 */
#include "api/picture_url.h"

#include "authn/media_url.h"

enum { FILE_MAX = 64 };

sut_str api_picture_url(const struct api_picture_urls *u, struct sut_arena *a, sut_str file)
{
    struct sut_buf path;
    struct sut_buf url;
    sut_str signed_path = { 0 };
    if (file.n == 0 || u->ring == NULL)
        return u->ring == NULL ? file : (sut_str){ 0 };
    sut_buf_init_arena(&path, a, FILE_MAX);
    sut_buf_lit(&path, "/media/");
    sut_buf_str_add(&path, file);
    if (path.overflowed || sut_failed(sut_media_url_sign(u->ring, a, sut_buf_str(&path),
                                                         sut_media_url_end(u->now), &signed_path)))
        return (sut_str){ 0 };
    sut_buf_init_arena(&url, a, u->public_url.n + signed_path.n);
    sut_buf_str_add(&url, u->public_url);
    sut_buf_str_add(&url, signed_path);
    return url.overflowed ? (sut_str){ 0 } : sut_buf_str(&url);
}

static SUT_ERR of_product(const struct api_picture_urls *u, struct sut_arena *a,
                          struct sut_product *p)
{
    struct sut_product_image *images = ARENA_ARRAY(a, struct sut_product_image, p->n_images);
    ENSURE(images != NULL, NOMEM);
    for (size_t i = 0; i < p->n_images; i++) {
        images[i] = p->images[i];
        images[i].image = api_picture_url(u, a, p->images[i].image);
        images[i].thumbnail = api_picture_url(u, a, p->images[i].thumbnail);
    }
    p->images = images;
    ENSURE(!sut_arena_overflowed(a), NOMEM);
    return SUT_OK;
}

SUT_ERR api_picture_urls_products(const struct api_picture_urls *u, struct sut_arena *a,
                                  struct sut_product *products, size_t n)
{
    for (size_t i = 0; i < n && u->ring != NULL; i++)
        if (products[i].n_images > 0)
            TRY(of_product(u, a, &products[i]));
    return SUT_OK;
}

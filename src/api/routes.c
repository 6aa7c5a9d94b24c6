/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"

const struct sut_routes *const api_tables[] = {
    /* clang-format off */
    &api_modestwear_account_routes,   &api_modestwear_links_routes,     &api_modestwear_catalog_routes,
    &api_nsgg_auth_routes,            &api_nsgg_password_routes,        &api_nsgg_people_routes,
    &api_ops_health_routes,           &api_ops_media_routes,            &api_ops_pages_routes,
    &api_modestwear_factor_routes,    &api_modestwear_social_routes,    &api_modestwear_passkey_routes,
    &api_modestwear_sessions_routes,  &api_modestwear_cart_routes,      &api_modestwear_wishlist_routes,
    &api_modestwear_outfits_routes,   &api_modestwear_outfit_changes_routes,
    &api_nsgg_address_routes,
    &api_modestwear_orders_routes,    &api_nsgg_orders_routes,          &api_nsgg_categories_routes,
    &api_nsgg_products_routes, &api_nsgg_images_routes,        &api_nsgg_variants_routes,        &api_nsgg_bulk_routes,
    &api_modestwear_webhook_routes,   &api_nsgg_payment_routes,
    /* clang-format on */
};
const size_t api_tables_n = sizeof(api_tables) / sizeof(api_tables[0]);

static SUT_ERR add_row(struct sut_router *router, const struct sut_route *row)
{
    TRY(sut_router_add(router, row->method, row->path, row));
    for (size_t i = 0; i < sizeof(row->aliases) / sizeof(row->aliases[0]); i++)
        if (row->aliases[i] != NULL)
            TRY(sut_router_add(router, row->method, row->aliases[i], row));
    return SUT_OK;
}

SUT_ERR api_router_create(struct sut_router **ret)
{
    DEFER(sut_router_free) struct sut_router *router = NULL;
    TRY(sut_router_create(&router));
    for (size_t t = 0; t < api_tables_n; t++)
        for (size_t i = 0; i < api_tables[t]->n; i++)
            TRY(add_row(router, &api_tables[t]->rows[i]));
    *ret = STEAL(router);
    return SUT_OK;
}
